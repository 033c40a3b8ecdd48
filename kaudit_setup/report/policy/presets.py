"""The policies that come with the tool."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.policy.presets import Preset


def as_text(found: Sequence[Preset]) -> str:
    """Name and summary of each preset."""
    width = max(len(preset.name) for preset in found)
    return "\n".join(f"{preset.name:<{width}}  {preset.summary}" for preset in found)


def as_data(found: Sequence[Preset]) -> list[dict[str, str]]:
    """The same for programs."""
    return [{"name": preset.name, "summary": preset.summary} for preset in found]
