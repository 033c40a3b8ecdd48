"""pyarrow without numpy and pandas, which take longer to load than pyarrow itself, and for which nothing here has a
use.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import pyarrow as pa

_GUESTS = frozenset({"numpy", "pandas"})


def load(*more: str) -> None:
    """Import pyarrow, and `more` modules of it. Where they can be imported it takes along numpy, and pandas at the
    first array that is made (its documentation: both are optional), and here it seems that they cannot. Whoever
    imports them later gets them.
    """
    wanted = {"pyarrow.parquet", *more} - sys.modules.keys()
    if wanted:
        with _hidden():
            for name in wanted:
                import_module(name)
            import_module("pyarrow").array([""])


def growing() -> pa.MemoryPool:
    """For an array whose size is not known before it is made: what is too much is cut off in its place, where the
    system's own allocator copies the array.
    """
    import pyarrow as pa

    return pa.mimalloc_memory_pool() if "mimalloc" in pa.supported_memory_backends() else pa.default_memory_pool()


@contextmanager
def _hidden() -> Iterator[None]:
    """As if the guests were not installed, unless one of them is there already."""
    modules = cast(dict[str, object], sys.modules)
    hidden = frozenset[str]() if modules.keys() & _GUESTS else _GUESTS
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            modules.pop(name, None)
