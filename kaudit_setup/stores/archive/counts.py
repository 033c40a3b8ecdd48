"""The counts of a part: its events summed up by what `top` is mostly asked about, which then reads no lines.

Two tables, one behind the other, each msgpack in zlib: events by NARROW, and by WIDE, which has many more rows.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from kaudit_setup.auditlog.event import Annotations, Event, ObjectReference, ResponseStatus, UserInfo
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.errors import StoreError
from kaudit_setup.stores.schema import UNNAMED

if TYPE_CHECKING:
    import pyarrow as pa

NARROW = (
    *("cluster", "node", "user", "impersonator", "verb", "api_group", "resource", "subresource"),
    *("code", "level", "stage", "decision"),
)
WIDE = (*NARROW, "namespace", "agent")
_COLUMNS = {
    **{name: (name,) for name in WIDE},
    "group": ("api_group",),
    "resource": ("resource", "subresource"),
}
"""By dimension: the columns that tell it."""
_LENGTH_BYTES = 8


class _Table(msgspec.Struct, frozen=True, array_like=True):
    """Rows column by column. `values`: of each column; `codes`: for each row which of them, as array("I"); `events`
    and `sizes`: array("Q"). All arrays are of a machine that is little-endian.
    """

    columns: tuple[str, ...]
    values: list[list[str]]
    codes: list[bytes]
    events: bytes
    sizes: bytes


_TABLE = msgspec.msgpack.Decoder(_Table)


def encode(rows: pa.Table) -> bytes:
    """The counts of the events among `rows`."""
    import pyarrow.compute as pc

    counted = (
        rows.select([*WIDE, "size", "event"]).filter(pc.equal(rows["event"], 1)).rename_columns({"event": "events"})
    )
    wide = _summed(counted, WIDE)
    tables = [zlib.compress(msgspec.msgpack.encode(_table(one))) for one in (_summed(wide, NARROW), wide)]
    return b"".join([*(len(table).to_bytes(_LENGTH_BYTES, "little") for table in tables), *tables])


def _summed(rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The `events` and the `size` of rows that are alike in these columns, as one row."""
    sums = rows.group_by(list(columns), use_threads=False).aggregate([("events", "sum"), ("size", "sum")])
    return sums.rename_columns({"events_sum": "events", "size_sum": "size"}).combine_chunks()


def _table(sums: pa.Table) -> _Table:
    import pyarrow as pa

    columns = sums.column_names[:-2]
    found = [_one(sums[name].combine_chunks()) for name in columns]
    return _Table(
        tuple(columns),
        [one.dictionary.to_pylist() for one in found],
        [array("I", one.indices.to_pylist()).tobytes() for one in found],
        *(array("Q", sums[name].cast(pa.uint64()).to_pylist()).tobytes() for name in ("events", "size")),
    )


def _one(column: pa.Array) -> pa.DictionaryArray:
    """A dictionary with those values only that the column has."""
    import pyarrow as pa

    return column.cast(pa.string()).dictionary_encode()


def answers(by: Sequence[str], wanted: Filter) -> bool:
    """Whether counts can tell the dimensions that are asked for; of the time they tell nothing."""
    return all(one in _COLUMNS for one in (*by, *wanted.by))


def add(
    file: BinaryIO, name: str, by: Sequence[str], wanted: Filter, cells: dict[tuple[str, ...], list[int]]
) -> None:
    """Add to `cells` the events of one part that fit `wanted`, and their bytes. Raises StoreError for damage."""
    try:
        table = _read(file, by, wanted)
    except (OSError, zlib.error, msgspec.MsgspecError) as error:
        raise StoreError(
            f"{name} is damaged: {error}", hint="pack the logs of that day into a new archive"
        ) from error
    columns = dict(zip(table.columns, _columns(table), strict=True))
    keys = zip(*(_dimension(one, columns) for one in by), strict=True)
    fits = _fitting(columns, wanted)
    for key, events, size, fit in zip(keys, array("Q", table.events), array("Q", table.sizes), fits, strict=True):
        if fit:
            cell = cells.get(key)
            if cell is None:
                cells[key] = [events, size]
            else:
                cell[0] += events
                cell[1] += size


def _read(file: BinaryIO, by: Sequence[str], wanted: Filter) -> _Table:
    first, second = (int.from_bytes(file.read(_LENGTH_BYTES), "little") for _ in range(2))
    needed = {column for one in (*by, *wanted.by) for column in _COLUMNS[one]}
    if needed <= set(NARROW):
        return _TABLE.decode(zlib.decompress(file.read(first)))
    file.seek(first, 1)
    return _TABLE.decode(zlib.decompress(file.read(second)))


def _columns(table: _Table) -> Iterator[Sequence[str]]:
    for values, codes in zip(table.values, table.codes, strict=True):
        yield [values[code] for code in array("I", codes)]


def _dimension(name: str, columns: dict[str, Sequence[str]]) -> Sequence[str]:
    if name == "cluster":
        return ["" if cluster == UNNAMED else cluster for cluster in columns[name]]
    if name == "resource":
        pairs = zip(columns["resource"], columns["subresource"], strict=True)
        return [f"{resource}/{below}" if below else resource for resource, below in pairs]
    return columns[_COLUMNS[name][0]]


def _fitting(columns: dict[str, Sequence[str]], wanted: Filter) -> Iterator[bool]:
    """Of each row, whether its events fit: asked of an event that has these values, as of one in a file."""
    count = len(columns["stage"])
    if not wanted.by:
        return iter([True] * count)
    test = Filter(wanted.by).test()
    known: dict[tuple[str, ...], bool] = {}
    rows = zip(*columns.values(), strict=True)

    def fits(row: tuple[str, ...]) -> bool:
        if row not in known:
            known[row] = test(_event(dict(zip(columns, row, strict=True))))
        return known[row]

    return map(fits, rows)


def _event(row: dict[str, str]) -> Event:
    user, impersonator = UserInfo(row["user"]), row["impersonator"]
    return Event(
        row["stage"],
        level=row["level"],
        verb=row["verb"],
        user=UserInfo(impersonator) if impersonator else user,
        impersonated_user=user if impersonator else None,
        user_agent=row.get("agent", ""),
        object_ref=ObjectReference(
            row["resource"], row.get("namespace", ""), "", row["api_group"], row["subresource"]
        ),
        response_status=ResponseStatus(int(row["code"] or 0)),
        annotations=Annotations(row["decision"]),
    )
