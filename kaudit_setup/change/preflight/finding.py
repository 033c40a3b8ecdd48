"""What preflight says of a node or a plan. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. `blocks`: the change is refused unless `--force <name>` is given."""

    name: str
    blocks: bool
    message: str
    hint: str = ""
