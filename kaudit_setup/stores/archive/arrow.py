"""pyarrow without numpy, which takes longer to load than pyarrow itself, and which nothing here has a use for."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import cast

_NUMPY = "numpy"


def load() -> None:
    """Import pyarrow. It does without numpy where that cannot be imported (its documentation: numpy is optional), as
    it seems to it here; whoever imports numpy later gets it.
    """
    if "pyarrow" in sys.modules:
        return
    hidden = _NUMPY not in sys.modules
    modules = cast(dict[str, object], sys.modules)
    if hidden:
        modules[_NUMPY] = None
    try:
        import_module("pyarrow.parquet")
    finally:
        if hidden:
            modules.pop(_NUMPY, None)
