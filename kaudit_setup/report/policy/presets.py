"""The policies that come with the tool."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.policy.presets import Preset
from kaudit_setup.report.documents.document import Item, Words
from kaudit_setup.report.wrap import fitted


def as_text(found: Sequence[Preset]) -> str:
    """Name and summary of each preset."""
    width = max(len(preset.name) for preset in found)
    return fitted("\n".join(f"{preset.name:<{width}}  {preset.summary}" for preset in found))


class PolicyPreset(Item, frozen=True, kw_only=True):
    """One policy that comes with the tool."""

    name: str
    summary: Words


def as_items(found: Sequence[Preset]) -> list[PolicyPreset]:
    """The same for programs."""
    return [PolicyPreset(name=preset.name, summary=preset.summary) for preset in found]
