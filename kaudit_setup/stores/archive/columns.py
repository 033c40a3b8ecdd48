"""Which rows of a block belong to requests that fit a filter, told by columns: the lines themselves are fifty times
as long, and few of them are wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain, filterfalse
from typing import TYPE_CHECKING, Final

from kaudit_setup.auditlog.filters import AnyOf, Filter, Test, Values, is_pattern
from kaudit_setup.stores.archive.counts import TESTED, event_of

if TYPE_CHECKING:
    import pyarrow as pa

_TESTED: Final = {**TESTED, "name": ("name",), "path": ("path",)}
"""By dimension: the columns that tell it."""
_OF_EACH_STAGE: Final = frozenset({"verb", "resource", "group", "path"})
"""What all stages of one request have in common, as the server knows it before it has answered."""
_SPELT: Final = frozenset({"resource", "agent"})
"""Of these a value may be said in more ways than one, see `filters.Filter.test`."""
_MOST_REMEMBERED: Final = 1 << 16  # values of names and paths, of which there may be millions


class _Dimension:
    """What columns say of one dimension of a filter."""

    def __init__(self, name: str, values: Values) -> None:
        self.columns = _TESTED[name]
        exact = name not in _SPELT and not any(map(is_pattern, (*values.wanted, *values.unwanted)))
        self._exact = values if exact else None
        self._fits: Test = Filter({name: values}).test()
        self._known: dict[tuple[str, ...], bool] = {}

    def rows(self, block: pa.Table) -> pa.Array:
        """For each row whether it fits. The filter is asked once for each combination of values."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._exact is not None:
            return _among(block[self.columns[0]].combine_chunks(), self._exact)
        columns = [block[name].combine_chunks() for name in self.columns]
        values = [column.dictionary.to_pylist() for column in columns]
        numbers = columns[0].indices.cast(pa.int64())
        for column, known in zip(columns[1:], values[1:], strict=True):
            numbers = pc.add(pc.multiply(numbers, len(known)), column.indices.cast(pa.int64()))
        fitting = [one for one in pc.unique(numbers).to_pylist() if self._is_wanted(tuple(_parted(one, values)))]
        return pc.is_in(numbers, value_set=pa.array(fitting, pa.int64()))

    def _is_wanted(self, values: tuple[str, ...]) -> bool:
        if values not in self._known:
            if len(self._known) > _MOST_REMEMBERED:
                self._known.clear()
            self._known[values] = self._fits(event_of(dict(zip(self.columns, values, strict=True))))
        return self._known[values]


def _among(column: pa.DictionaryArray, values: Values) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    fit = pc.invert(pc.is_in(column.dictionary, value_set=pa.array(values.unwanted, pa.string())))
    if values.wanted:
        fit = pc.and_(fit, pc.is_in(column.dictionary, value_set=pa.array(values.wanted, pa.string())))
    return fit.take(column.indices)


def _parted(number: int, values: Sequence[Sequence[str]]) -> Iterator[str]:
    """The values that a number stands for, one of each of `values`."""
    codes: list[int] = []
    for known in reversed(values):
        number, code = divmod(number, len(known) or 1)
        codes.append(code)
    return (known[code] for known, code in zip(values, reversed(codes), strict=True))


class Fitting:
    """Whether rows fit one of some filters, as far as `columns` tell: none where there is no filter."""

    def __init__(self, wanted: Sequence[Mapping[str, Values]]) -> None:
        """Of dimensions that columns tell."""
        self._filters = [list(by.items()) for by in wanted]
        self._dimensions = {one: _Dimension(*one) for one in chain.from_iterable(self._filters)}
        self.columns = tuple(dict.fromkeys(name for one in self._dimensions.values() for name in one.columns))

    def rows(self, block: pa.Table) -> pa.Array:
        """For each row of a block whether it fits; there is a filter."""
        import pyarrow.compute as pc

        rows = {one: dimension.rows(block) for one, dimension in self._dimensions.items()}
        return reduce(pc.or_, (reduce(pc.and_, map(rows.__getitem__, each)) for each in self._filters))


@dataclass(frozen=True, slots=True)
class FittingRequests:
    """Requests of which a row fits. `alone`: of those that fit so no other rows are wanted, or none of them could fit
    less; `together`: of those the rows of all stages.
    """

    alone: Fitting
    together: Fitting

    @classmethod
    def of(cls, wanted: AnyOf) -> FittingRequests | None:
        """None if columns tell nothing of one of the filters."""
        told = list(map(_told, wanted.filters))
        if not all(told):
            return None
        if not wanted.all_stages:
            return cls(Fitting(told), Fitting([]))
        return cls(Fitting(list(filter(_of_each_stage, told))), Fitting(list(filterfalse(_of_each_stage, told))))


def _told(wanted: Filter) -> Mapping[str, Values]:
    """What columns tell of a filter."""
    return {name: values for name, values in wanted.by.items() if name in _TESTED}


def _of_each_stage(by: Mapping[str, Values]) -> bool:
    """Whether all rows of a request fit alike."""
    return by.keys() <= _OF_EACH_STAGE


def other_stages(block: pa.Table, received: pa.Array) -> pa.Array:
    """For each row whether it may be of a request that was received at one of these moments."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(block["received"].combine_chunks(), value_set=pa.concat_arrays([received, pa.array([""])]))
