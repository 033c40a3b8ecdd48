"""What changes in one file, as much of it as is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from kaudit_setup.change.plan import RemoveFile, WriteFile, sha256
from kaudit_setup.policy import presets
from kaudit_setup.report.escape import safe
from kaudit_setup.report.nodes.review import diff_of, text_after, text_before
from kaudit_setup.report.terminal import paint
from kaudit_setup.units import counted

Diff: TypeAlias = Literal["full", "short", "none"]
CONTEXT: Final[dict[Diff, int]] = {"full": 3, "short": 1, "none": 0}
"""Lines around each change."""
_MOST = 60  # lines of one file in a short diff
_MOST_NEW = 23  # lines of a new file that are shown, its three headings among them
_COLOURS = {"+": 32, "-": 31, "@": 36}


def file_diff(change: WriteFile | RemoveFile, diff: Diff) -> list[str]:
    """The lines, safe to print. A short one leaves out long files that are new or removed, and presets."""
    if diff == "none":
        return []
    lines = as_lines(diff_of(change, CONTEXT[diff]))
    if diff == "full":
        return lines
    whole = _whole(change)
    if whole and (len(lines) > _MOST_NEW or preset_of(change)):
        return [f"{safe(change.path)}: {whole}, {counted(len(lines) - 3, 'line')} (--diff full shows them)"]
    return cut(lines)


def as_lines(text: str) -> list[str]:
    """A difference in lines that are safe to print."""
    return [safe(line) for line in text.split("\n") if line]


def cut(lines: list[str]) -> list[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - _MOST
    return [*lines[:_MOST], f"... {counted(more, 'more line')} (--diff full shows them)"] if more > 1 else lines


def changed(lines: Sequence[str]) -> tuple[str, ...]:
    """Those that do not stay as they are: what is around them may differ from node to node, like an address."""
    return tuple(line for line in lines if line.startswith(("+", "-")))


def painted(line: str, colour: bool) -> str:
    """A line of a difference, in its colour if that is wanted."""
    code = _COLOURS.get(line[:1])
    return paint(line, code, colour) if code else line


def preset_of(change: WriteFile | RemoveFile) -> str:
    """The name of the policy that comes with the tool, if the file is one."""
    return presets.name_of(sha256(change.after)) if isinstance(change, WriteFile) and not change.secret else ""


def _whole(change: WriteFile | RemoveFile) -> str:
    if not text_before(change):
        return "new"
    return "" if text_after(change) else "removed"
