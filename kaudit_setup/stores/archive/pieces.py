"""Lines on their way from the process that read them to the one that writes parts: their columns as Arrow, their text
as it is.
"""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pickle import PickleBuffer
from typing import TYPE_CHECKING, Any

from kaudit_setup.stores.archive import arrow
from kaudit_setup.stores.archive.coded import Coded
from kaudit_setup.stores.pack import Data
from kaudit_setup.stores.rows import Rows, Shared
from kaudit_setup.stores.schema import FAMILIES, OWN, Column, Family

if TYPE_CHECKING:
    import pyarrow as pa

_PLACE = "place_code"


class Shelf:
    """Room for the text of one part, which is there again for the next one."""

    def __init__(self, size: int) -> None:
        """`size`: bytes."""
        # not shared, so that a fork does not hold it; and no huge pages, which the kernel takes long to make room for
        memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._memory = memory
        self._room = memoryview(memory)
        self._used = 0

    def fits(self, text: Sequence[memoryview]) -> bool:
        """Whether there is room for the blocks of `text`."""
        return sum(map(len, text)) <= len(self._room) - self._used

    def put(self, text: Sequence[memoryview]) -> None:
        """Put the blocks of `text` behind what is there."""
        for block in text:
            self._room[self._used : self._used + len(block)] = block
            self._used += len(block)

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

    def lines(self, sizes: pa.ChunkedArray) -> pa.BinaryArray:
        """The lines that are there, which have these sizes with their newlines; valid until room is made."""
        import pyarrow as pa
        import pyarrow.compute as pc

        ends = pc.cumulative_sum(pc.subtract(sizes.cast(pa.int32()), pa.scalar(1, pa.int32()))).combine_chunks()
        begin_and_ends = pa.concat_arrays([pa.array([0], pa.int32()), ends])
        return pa.BinaryArray.from_buffers(
            pa.binary(), len(ends), [None, begin_and_ends.buffers()[1], pa.py_buffer(self._room)]
        )


def get_ready() -> None:
    """Load what reads and writes lines, before the processes are forked that read: all of them have it then."""
    arrow.load("pyarrow.compute")
    import pyarrow as pa

    # the memory of one piece is there for the next one; mimalloc, the default, gives it back and asks for it again
    pa.set_memory_pool(pa.system_memory_pool())
    # what an earlier batch left would be held by the forks, too, as soon as it is used again here
    pa.default_memory_pool().release_unused()


def encode(rows: Rows) -> Data:
    """Rows as they are sent."""
    import pyarrow as pa

    columns = {column.name: _own(column, rows.own[column.name]) for column in OWN}
    columns["day"] = pa.array(rows.days(), pa.string()).dictionary_encode()
    columns["line"] = _numbers(pa.uint64(), "Q", rows.lines)
    columns["size"] = _numbers(pa.uint32(), "I", rows.sizes)
    columns["event"] = _numbers(pa.uint8(), "B", rows.events)
    for family, shared in rows.shared.items():
        columns[_codes_of(family)] = _numbers(pa.int32(), "i", shared.codes)
    tables = [pa.record_batch(columns), *map(_shared, rows.shared.values())]
    return [*map(_sent, tables), *map(PickleBuffer, rows.text)]


def _codes_of(family: Family) -> str:
    return f"{family.name}_code"


def _type(column: Column) -> pa.DataType:
    import pyarrow as pa

    texts = pa.string()
    return {"UInt32": pa.uint32(), "String": texts, "Array(String)": pa.list_(texts)}[column.kind]


def _own(column: Column, values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    return _numbers(pa.uint32(), "I", values) if column.kind == "UInt32" else _texts(values)


def _numbers(kind: pa.DataType, code: str, values: Sequence[int]) -> pa.Array:
    """The same as `pa.array`, which looks at each value longer."""
    import pyarrow as pa

    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(array(code, values))])


def _texts(values: Sequence[str]) -> pa.Array:
    """The same as `pa.array`, which looks at each value longer."""
    import pyarrow as pa

    text = "".join(values)
    if not text.isascii():
        return pa.array(values, pa.string())
    sizes = set(map(len, values))
    size = min(sizes, default=0)
    ends = range(0, len(text) + 1, size) if len(sizes) == 1 and size else accumulate(map(len, values), initial=0)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(array("i", ends)), pa.py_buffer(text.encode()))


def _shared(shared: Shared) -> pa.RecordBatch:
    """The combinations of a family."""
    import pyarrow as pa

    columns = zip(shared.reader.columns, shared.values(), strict=True)
    return pa.record_batch({column.name: pa.array(values, _type(column)) for column, values in columns})


def _sent(batch: pa.RecordBatch) -> PickleBuffer:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as out:
        out.write_batch(batch)
    return PickleBuffer(sink.getvalue())


def decode(data: Data, place: Mapping[str, str]) -> tuple[Coded, list[memoryview]]:
    """What `encode` made: the columns, with the `place` of the lines (column → value), and the text without newlines,
    in blocks.
    """
    import pyarrow as pa

    views = [memoryview(one) for one in data]
    rows, *shared = map(_received, views[: len(FAMILIES) + 1])
    rows = rows.append_column(_PLACE, pa.repeat(pa.scalar(0, pa.int32()), len(rows)))
    names = (*map(_codes_of, FAMILIES), _PLACE)
    tables = (*shared, pa.table({name: [value] for name, value in place.items()}))
    return Coded(rows, dict(zip(names, tables, strict=True))), views[len(FAMILIES) + 1 :]


def _received(data: memoryview) -> pa.Table:
    import pyarrow as pa

    with pa.ipc.open_stream(pa.py_buffer(data)) as stream:
        return stream.read_all()


def numbered(lines: Coded, before: int) -> Coded:
    """`lines`, of which `before` stood in the file before the first."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = lines.rows
    numbers = pc.add(rows["line"], pa.scalar(before, pa.uint64()))
    return lines.of(rows.set_column(rows.schema.get_field_index("line"), "line", numbers))


def behind(lines: Coded, text: Sequence[memoryview], after: int) -> tuple[Coded, list[memoryview]]:
    """Those behind line `after` of the file, and their text."""
    import pyarrow.compute as pc

    there = pc.sum(pc.less_equal(lines.rows["line"], after), min_count=0).as_py()
    skip = pc.sum(lines.rows["size"].slice(0, there), min_count=0).as_py() - there
    return lines.of(lines.rows.slice(there)), [memoryview(b"".join(text))[skip:]]
