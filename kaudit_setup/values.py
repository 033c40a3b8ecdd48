"""Another value like one that there is, whichever of our two kinds it is: a dataclass, or a Struct."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["replace"]

if TYPE_CHECKING:
    # mypy knows this one, for Structs, too: it checks the names and the types of the fields
    from dataclasses import replace
else:
    import dataclasses
    from typing import TypeVar

    T = TypeVar("T")

    def replace(value: T, /, **changes: object) -> T:
        """`value` with other values in some fields: `copy.replace` of Python 3.13, for older ones."""
        own = getattr(value, "__replace__", None)
        return own(**changes) if own is not None else dataclasses.replace(value, **changes)
