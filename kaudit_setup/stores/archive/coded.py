"""Lines as columns. Where values come in few combinations, the number of one is kept until the columns are written:
what is sent, sorted and summed up is short.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Coded:
    """`rows`: the columns in which each line has a value of its own, and one for each of `shared`, by its name: which
    row of that table has the line's values of its columns.
    """

    rows: pa.Table
    shared: Mapping[str, pa.Table]

    def __len__(self) -> int:
        """How many lines."""
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        """The memory that the columns take."""
        return int(self.rows.nbytes + sum(table.nbytes for table in self.shared.values()))

    @property
    def codes(self) -> list[str]:
        """The columns of `rows` that are numbers of combinations."""
        return list(self.shared)

    def of(self, rows: pa.Table) -> Coded:
        """Other rows with the same combinations."""
        return Coded(rows, self.shared)

    def get(self, name: str) -> pa.ChunkedArray:
        """One column, line by line."""
        if name in self.rows.column_names:
            return self.rows[name]
        codes = self._with(name)
        return _taken(self.shared[codes][name], self.rows[codes])

    def values(self, name: str) -> list[str]:
        """The values of a column that combinations have, each at least once."""
        return list(dict.fromkeys(self.shared[self._with(name)][name].to_pylist()))

    def _with(self, name: str) -> str:
        return next(codes for codes, table in self.shared.items() if name in table.column_names)

    def table(self, names: Iterable[str]) -> pa.Table:
        """Some columns, line by line."""
        import pyarrow as pa

        return pa.table({name: self.get(name) for name in names})


def together(some: Sequence[Coded]) -> Coded:
    """One behind the other; they have the same columns."""
    import pyarrow as pa

    rows = pa.concat_tables(list(_renumbered(some)))
    shared = {name: pa.concat_tables([one.shared[name] for one in some]) for name in some[0].shared}
    return Coded(rows.unify_dictionaries(), {name: _encoded(table) for name, table in shared.items()})


def _renumbered(some: Sequence[Coded]) -> Iterator[pa.Table]:
    """The rows of each, whose combinations are counted on."""
    import pyarrow as pa
    import pyarrow.compute as pc

    before = dict.fromkeys(some[0].shared, 0)
    for one in some:
        rows = one.rows
        for name, count in before.items():
            shifted = pc.add(rows[name], pa.scalar(count, pa.int32()))
            rows = rows.set_column(rows.schema.get_field_index(name), name, shifted)
            before[name] += len(one.shared[name])
        yield rows


def _encoded(table: pa.Table) -> pa.Table:
    """Its texts as dictionaries: many of its rows have the same ones."""
    import pyarrow as pa

    columns = {name: table[name].combine_chunks() for name in table.column_names}
    return pa.table(
        {name: one.dictionary_encode() if pa.types.is_string(one.type) else one for name, one in columns.items()}
    )


def _taken(values: pa.ChunkedArray, codes: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    whole = values.combine_chunks()
    if not pa.types.is_dictionary(whole.type):
        return whole.take(codes)
    some = [whole.indices.take(chunk) for chunk in codes.chunks]
    chunks = [pa.DictionaryArray.from_arrays(one, whole.dictionary) for one in some]
    return pa.chunked_array(chunks, type=whole.type)
