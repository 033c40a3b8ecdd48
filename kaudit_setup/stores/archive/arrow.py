"""pyarrow without numpy and pandas, which take longer to load than pyarrow itself, and for which nothing here has a
use.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import cast

_GUESTS = ("numpy", "pandas")


def load() -> None:
    """Import pyarrow. It takes along numpy, and pandas at the first array that is made, where they can be imported
    (its documentation: both are optional), and here it seems that they cannot. Whoever imports them later gets them.
    """
    if "pyarrow" in sys.modules:
        return
    hidden = () if sys.modules.keys() & set(_GUESTS) else _GUESTS
    modules = cast(dict[str, object], sys.modules)
    modules.update(dict.fromkeys(hidden))
    try:
        import_module("pyarrow.parquet")
        import_module("pyarrow").array([""])
    finally:
        for name in hidden:
            modules.pop(name, None)
