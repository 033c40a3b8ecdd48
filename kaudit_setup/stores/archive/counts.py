"""The counts of a part: its events summed up by what `top` is mostly asked about, which then reads no lines.

Two tables, one behind the other, each msgpack in zlib: events by NARROW, and by WIDE, which has many more rows.
"""

from __future__ import annotations

import zlib
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from kaudit_setup.auditlog.event import Annotations, Event, ObjectReference, ResponseStatus, UserInfo
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.errors import StoreError
from kaudit_setup.stores.archive.coded import Coded
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
TESTED = {**_COLUMNS, "resource": ("resource", "subresource", "api_group")}
"""By dimension: the columns that a filter looks at, see `filters.Filter.test`."""
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


def encode(lines: Coded) -> bytes:
    """The counts of the events among `lines`."""
    import pyarrow.compute as pc

    rows = lines.rows.select([*lines.codes, "size", "event"])
    events = rows.filter(pc.equal(rows["event"], 1)).rename_columns({"event": "events"})
    # what has the same combinations is summed up first: these are numbers
    coded = lines.of(_summed(events, lines.codes))
    wide = _summed(coded.table([*WIDE, "events", "size"]), WIDE)
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
        [_bytes(one.indices.cast(pa.uint32())) for one in found],
        *(_bytes(sums[name].combine_chunks().cast(pa.uint64())) for name in ("events", "size")),
    )


def _bytes(numbers: pa.Array) -> bytes:
    """Numbers as they lie in memory."""
    if not len(numbers):  # which may lie nowhere
        return b""
    width = numbers.type.bit_width // 8
    whole = memoryview(numbers.buffers()[1])
    return bytes(whole[numbers.offset * width : (numbers.offset + len(numbers)) * width])


def _one(column: pa.Array) -> pa.DictionaryArray:
    """A dictionary with those values only that the column has."""
    import pyarrow as pa

    return column.cast(pa.string()).dictionary_encode()


def answers(by: Sequence[str], wanted: Filter) -> bool:
    """Whether counts can tell the dimensions that are asked for; of the time they tell nothing."""
    return all(one in _COLUMNS for one in (*by, *wanted.by))


class Sums:
    """The events of several parts that fit a filter, and their bytes, by some dimensions.

    They are summed up by numbers that stand for values, the same in all parts; what they mean is asked at the end.
    """

    def __init__(self, by: Sequence[str], wanted: Filter) -> None:
        """See `answers`."""
        self._by = by
        self._wanted = wanted
        asked = [*(_COLUMNS[one] for one in by), *(TESTED[one] for one in wanted.by)]
        self._names = tuple(dict.fromkeys(name for names in asked for name in names))
        self._numbers: list[dict[str, int]] = [{} for _ in self._names]
        self._cells: dict[tuple[int, ...], list[int]] = {}

    def add(self, file: BinaryIO, name: str) -> None:
        """Add one part. Raises StoreError for damage."""
        try:
            table = self._read(file)
        except (OSError, MemoryError, OverflowError, zlib.error, msgspec.MsgspecError) as error:
            # a length that was changed asks for any number of bytes
            raise StoreError(
                f"{name} is damaged: {str(error) or 'a length is wrong'}",
                hint="pack the logs of that day into a new archive",
            ) from error
        cells = self._cells
        keys = zip(*self._keys(table), strict=True)
        for key, events, size in zip(keys, array("Q", table.events), array("Q", table.sizes), strict=True):
            cell = cells.get(key)
            if cell is None:
                cells[key] = [events, size]
            else:
                cell[0] += events
                cell[1] += size

    def _read(self, file: BinaryIO) -> _Table:
        first, second = (int.from_bytes(file.read(_LENGTH_BYTES), "little") for _ in range(2))
        if set(self._names) <= set(NARROW):
            return _TABLE.decode(zlib.decompress(file.read(first)))
        file.seek(first, 1)
        return _TABLE.decode(zlib.decompress(file.read(second)))

    def _keys(self, table: _Table) -> Iterator[Iterator[int]]:
        """The number of each row's value, column by column."""
        for name, numbers in zip(self._names, self._numbers, strict=True):
            at = table.columns.index(name)
            known = [numbers.setdefault(value, len(numbers)) for value in table.values[at]]
            yield map(known.__getitem__, array("I", table.codes[at]))

    def groups(self) -> dict[tuple[str, ...], list[int]]:
        """Events and bytes by what the dimensions are."""
        columns: dict[str, Sequence[str]] = dict.fromkeys(self._names, ())
        for name, numbers, codes in zip(self._names, self._numbers, zip(*self._cells, strict=True), strict=False):
            values = list(numbers)
            columns[name] = [values[code] for code in codes]
        keys = zip(*(_dimension(one, columns) for one in self._by), strict=True)
        fits = self._fitting(columns)
        found: dict[tuple[str, ...], list[int]] = {}
        for key, (events, size), fit in zip(keys, self._cells.values(), fits, strict=True):
            if fit:
                cell = found.setdefault(key, [0, 0])
                cell[0] += events
                cell[1] += size
        return found

    def _fitting(self, columns: dict[str, Sequence[str]]) -> Iterator[bool]:
        """Of each cell, whether its events fit: asked of an event that has its values, as of one in a file."""
        if not self._wanted.by:
            return repeat(True, len(self._cells))
        test = Filter(self._wanted.by).test()
        rows = zip(*columns.values(), strict=True)
        return (test(event_of(dict(zip(columns, row, strict=True)))) for row in rows)


def _dimension(name: str, columns: dict[str, Sequence[str]]) -> Sequence[str]:
    if name == "cluster":
        return ["" if cluster == UNNAMED else cluster for cluster in columns[name]]
    if name == "resource":
        pairs = zip(columns["resource"], columns["subresource"], strict=True)
        return [f"{resource}/{below}" if below else resource for resource, below in pairs]
    return columns[_COLUMNS[name][0]]


def event_of(row: Mapping[str, str]) -> Event:
    """An event with the values of these columns; what is not among them is empty."""
    row = defaultdict(str, row)
    user, impersonator = UserInfo(row["user"]), row["impersonator"]
    return Event(
        row["stage"],
        level=row["level"],
        verb=row["verb"],
        user=UserInfo(impersonator) if impersonator else user,
        impersonated_user=user if impersonator else None,
        user_agent=row["agent"],
        object_ref=ObjectReference(
            row["resource"], row["namespace"], row["name"], row["api_group"], row["subresource"]
        ),
        request_uri=row["path"],
        response_status=ResponseStatus(int(row["code"] or 0)),
        annotations=Annotations(row["decision"]),
    )
