"""Lines on their way from the process that read them to the one that writes parts: their columns as Arrow, their text
as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pickle import PickleBuffer
from typing import TYPE_CHECKING, Any

from kaudit_setup.stores.archive import arrow
from kaudit_setup.stores.pack import Data
from kaudit_setup.stores.rows import Rows, Shared
from kaudit_setup.stores.schema import COLUMNS, OWN, Column

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Lot:
    """Some lines: their columns, and the `text` in which they lie one behind the other, each from `begin` on."""

    rows: pa.Table
    text: memoryview


def get_ready() -> None:
    """Load what reads and writes lines, before the processes are forked that read: all of them have it then."""
    arrow.load("pyarrow.compute")
    import pyarrow as pa

    # the memory of one piece is there for the next one; mimalloc, the default, asks the kernel for it again
    pa.set_memory_pool(pa.system_memory_pool())


def encode(rows: Rows) -> Data:
    """Rows as they are sent."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = dict(zip((column.name for column in OWN.columns), map(_own, OWN.columns, rows.own), strict=True))
    for shared in rows.shared.values():
        columns |= _shared(shared)
    arrays = {column.name: columns[column.name] for column in COLUMNS}
    arrays["day"] = pa.array(rows.days, pa.string()).dictionary_encode()
    arrays["line"] = pa.array(rows.lines, pa.uint64())
    arrays["size"] = sizes = pa.array(rows.sizes, pa.uint32())
    arrays["event"] = pa.array(rows.events, pa.uint8())
    arrays["begin"] = pc.subtract(pc.cumulative_sum(sizes.cast(pa.uint64())), sizes)
    batch = pa.record_batch(arrays)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as out:
        out.write_batch(batch)
    return [PickleBuffer(sink.getvalue()), PickleBuffer(rows.text)]


def _own(column: Column, values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, pa.uint32() if column.kind == "UInt32" else pa.string())


def _shared(shared: Shared) -> dict[str, pa.Array]:
    """The columns of a family."""
    import pyarrow as pa

    codes = pa.array(shared.codes, pa.int32())
    columns: dict[str, pa.Array] = {}
    for column, values in zip(shared.reader.columns, shared.values, strict=True):
        if column.kind == "String":
            found = pa.array(values, pa.string()).dictionary_encode()
            columns[column.name] = pa.DictionaryArray.from_arrays(found.indices.take(codes), found.dictionary)
        else:
            columns[column.name] = pa.array(values, pa.list_(pa.string())).take(codes)
    return columns


def decode(data: Data) -> Lot:
    """What `encode` made."""
    import pyarrow as pa

    columns, text = (memoryview(one) for one in data)
    with pa.ipc.open_stream(pa.py_buffer(columns)) as stream:
        return Lot(stream.read_all(), text)


def placed(lot: Lot, before: int, after: int, place: Mapping[str, str]) -> Lot:
    """`lot` with the `place` of its lines (column → value), of which `before` stood in the file before the first;
    those up to line `after` are left out.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = lot.rows
    lines = pc.add(table["line"], pa.scalar(before, pa.uint64()))
    table = table.set_column(table.schema.get_field_index("line"), "line", lines)
    if before < after:
        table = table.filter(pc.greater(table["line"], after))
    for name, value in place.items():
        codes = pa.repeat(pa.scalar(0, pa.int8()), len(table))
        column = pa.DictionaryArray.from_arrays(codes, pa.array([value], pa.string()))
        table = table.append_column(name, column)
    return Lot(table, lot.text)


def raw(rows: pa.Table, texts: Sequence[memoryview]) -> pa.Array:
    """The lines of `rows`, each out of the text that its `lot` names."""
    import pyarrow as pa

    sizes = [size - 1 for size in rows["size"].to_pylist()]
    places = zip(rows["lot"].to_pylist(), rows["begin"].to_pylist(), sizes, strict=True)
    text = b"".join([texts[lot][begin : begin + size] for lot, begin, size in places])
    ends = pa.array(accumulate(sizes, initial=0), pa.int32()).buffers()[1]
    return pa.BinaryArray.from_buffers(pa.binary(), len(sizes), [None, ends, pa.py_buffer(text)])
