"""Which records become events by being mapped, and how they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from kaudit_setup.auditlog.shapes.mapped.columns import Columns, is_row
from kaudit_setup.auditlog.shapes.mapped.flat import Flat, flat_prefix
from kaudit_setup.auditlog.shapes.mapped.gke import Gke, is_entry
from kaudit_setup.auditlog.shapes.reading import Step

MAPPED: Final = (Gke, Columns, Flat)
_NAMES: Final = {
    Columns: "rows of a table, with a column for each field of the event",
    Flat: "records of a log shipper, with the fields of the event made flat",
}


def mapping(fields: Mapping[str, msgspec.Raw]) -> Step | None:
    """What makes an event of a record with these fields; None if it is not known to be one."""
    if is_entry(fields):
        return Gke()
    if is_row(fields):
        return Columns()
    prefix = flat_prefix(fields)
    return None if prefix is None else Flat(prefix)


def mapped_name(steps: Sequence[Step]) -> str:
    """What records are called that one of `steps` maps; empty if none does, or if their fields tell."""
    return next((name for step in steps for kind, name in _NAMES.items() if isinstance(step, kind)), "")
