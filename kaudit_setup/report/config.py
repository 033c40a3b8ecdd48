"""The defaults that `config show` lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kaudit_setup.report.columns import columns
from kaudit_setup.report.documents.document import Item, Words


class ConfigValue(Item, frozen=True, kw_only=True):
    """One value: `option` without its dashes. Only what is `used` counts."""

    option: str
    value: str
    source: str
    state: Literal["used", "hidden", "refused", "unknown"]
    why: Words


def as_text(rows: Sequence[ConfigValue]) -> str:
    """A line for each value, the strongest first."""
    if not rows:
        return "no option has another default"
    cells = [(f"--{r.option}", r.value, r.source, r.state + (f": {r.why}" if r.why else "")) for r in rows]
    return "\n".join(columns(("OPTION", "VALUE", "FROM", "STATE"), cells))
