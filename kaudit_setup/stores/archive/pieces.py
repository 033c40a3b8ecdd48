"""Lines on their way from the process that read them to the one that writes parts: their columns as Arrow, their text
as it is.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from itertools import accumulate
from operator import add
from pickle import PickleBuffer
from typing import TYPE_CHECKING, Any

from kaudit_setup.stores.archive import arrow
from kaudit_setup.stores.pack import Data
from kaudit_setup.stores.rows import Rows, Shared
from kaudit_setup.stores.schema import COLUMNS, OWN, Column

if TYPE_CHECKING:
    import pyarrow as pa


class Shelf:
    """Room for the text of one part, which is there again for the next one."""

    def __init__(self, size: int) -> None:
        """`size`: bytes."""
        memory = mmap.mmap(-1, size)
        # 4 KiB at a time, the kernel takes longer to give the room than the text takes to be copied
        if hasattr(mmap, "MADV_HUGEPAGE"):
            memory.madvise(mmap.MADV_HUGEPAGE)
        self._memory = memory
        self._room = memoryview(memory)
        self._used = 0

    def fits(self, text: Sequence[memoryview]) -> bool:
        """Whether there is room for the blocks of `text`."""
        return sum(map(len, text)) <= len(self._room) - self._used

    def put(self, text: Sequence[memoryview]) -> int:
        """Put the blocks of `text` there; where it begins."""
        begin = self._used
        for block in text:
            self._room[self._used : self._used + len(block)] = block
            self._used += len(block)
        return begin

    @property
    def used(self) -> int:
        """Bytes that are there."""
        return self._used

    def clear(self) -> None:
        """Make room."""
        self._used = 0

    def close(self) -> None:
        """Give the room back."""
        self._room.release()
        self._memory.close()

    def lines(self, rows: pa.Table) -> pa.Array:
        """The lines of `rows`, whose `begin` and `size` tell where they are."""
        import pyarrow as pa

        sizes = [size - 1 for size in rows["size"].to_pylist()]
        begins = rows["begin"].to_pylist()
        places = map(slice, begins, map(add, begins, sizes))
        text = b"".join(map(self._room.__getitem__, places))
        ends = pa.array(accumulate(sizes, initial=0), pa.int32()).buffers()[1]
        return pa.BinaryArray.from_buffers(pa.binary(), len(sizes), [None, ends, pa.py_buffer(text)])


def get_ready() -> None:
    """Load what reads and writes lines, before the processes are forked that read: all of them have it then."""
    arrow.load("pyarrow.compute")
    import pyarrow as pa

    # the memory of one piece is there for the next one; mimalloc, the default, asks the kernel for it again
    pa.set_memory_pool(pa.system_memory_pool())
    # what an earlier batch left would be held by the forks, too, as soon as it is used again here
    pa.default_memory_pool().release_unused()


def encode(rows: Rows) -> Data:
    """Rows as they are sent."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {column.name: _own(column, rows.own[column.name]) for column in OWN}
    for shared in rows.shared.values():
        columns |= _shared(shared)
    arrays = {column.name: columns[column.name] for column in COLUMNS}
    arrays["day"] = pa.array(rows.days(), pa.string()).dictionary_encode()
    arrays["line"] = pa.array(rows.lines, pa.uint64())
    arrays["size"] = sizes = pa.array(rows.sizes, pa.uint32())
    arrays["event"] = pa.array(rows.events, pa.uint8())
    arrays["begin"] = pc.subtract(pc.cumulative_sum(sizes.cast(pa.uint64())), sizes)
    batch = pa.record_batch(arrays)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as out:
        out.write_batch(batch)
    return [PickleBuffer(sink.getvalue()), *map(PickleBuffer, rows.text)]


def _own(column: Column, values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, pa.uint32() if column.kind == "UInt32" else pa.string())


def _shared(shared: Shared) -> dict[str, pa.Array]:
    """The columns of a family."""
    import pyarrow as pa

    codes = pa.array(shared.codes, pa.int32())
    columns: dict[str, pa.Array] = {}
    for column, values in zip(shared.reader.columns, shared.values(), strict=True):
        if column.kind == "String":
            found = pa.array(values, pa.string()).dictionary_encode()
            columns[column.name] = pa.DictionaryArray.from_arrays(found.indices.take(codes), found.dictionary)
        else:
            columns[column.name] = pa.array(values, pa.list_(pa.string())).take(codes)
    return columns


def decode(data: Data) -> tuple[pa.Table, list[memoryview]]:
    """What `encode` made: the columns, among them where each line begins in the text, and the text in blocks."""
    import pyarrow as pa

    columns, *text = [memoryview(one) for one in data]
    with pa.ipc.open_stream(pa.py_buffer(columns)) as stream:
        return stream.read_all(), text


def placed(table: pa.Table, before: int, after: int, place: Mapping[str, str]) -> pa.Table:
    """`table` with the `place` of its lines (column → value), of which `before` stood in the file before the first;
    those up to line `after` are left out.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = shifted(table, "line", before)
    if before < after:
        table = table.filter(pc.greater(table["line"], after))
    for name, value in place.items():
        codes = pa.repeat(pa.scalar(0, pa.int8()), len(table))
        column = pa.DictionaryArray.from_arrays(codes, pa.array([value], pa.string()))
        table = table.append_column(name, column)
    return table


def shifted(table: pa.Table, name: str, by: int) -> pa.Table:
    """`table` with `by` added to the numbers of a column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return table.set_column(table.schema.get_field_index(name), name, pc.add(table[name], pa.scalar(by, pa.uint64())))
