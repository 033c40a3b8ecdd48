"""The colours of the pages can be read, by WCAG 2.2 AA: 4.5 for text, 3 for lines and shapes."""

from __future__ import annotations

import re

import pytest

from kaudit_setup.resources import template

TEXT = ("text", "faint", "accent", "good", "doubt", "bad")
SHAPES = ("edge", *(f"c{n}" for n in range(1, 10)))


def schemes() -> dict[str, dict[str, str]]:
    """Light, and dark, which says only what is otherwise."""
    light, dark = re.findall(r":root[^{]*\{([^}]*)\}", template("report", "frame.css").read_text())[:2]
    said = [dict(re.findall(r"--(\w+): (#\w+);", part)) for part in (light, dark)]
    return {"light": said[0], "dark": said[0] | said[1]}


def brightness(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    full = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(full[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((brightness(one), brightness(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["back", "card"])
def test_what_is_shown_can_be_told_from_its_ground(scheme: str, ground: str) -> None:
    colours = schemes()[scheme]
    found = {name: contrast(colours[name], colours[ground]) for name in (*TEXT, *SHAPES)}
    assert {name: ratio for name, ratio in found.items() if ratio < (4.5 if name in TEXT else 3)} == {}
