"""Commands that a text says to type, as they must be typed: with the options that reach these nodes. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import TypeAlias

_COMMAND = re.compile(
    r"(?<=`)kaudit-setup (?:apply|backups|disable|enable|purge|recover|rollback|status|verify)\b[^`\n]*(?=`)"
)
# which nodes; the other options say how to reach them
_WHICH = frozenset({"--host", "-i", "--group", "--root"})


Reach: TypeAlias = Sequence[tuple[str, str]]
"""Options and their values, empty for a switch."""


def pasteable(text: str, reach: Reach) -> str:
    """`text` with `reach`, options and their values (empty for a switch), behind each command that goes to nodes.

    A command that names its nodes itself gets only what says how to reach them.
    """

    def complete(found: re.Match[str]) -> str:
        words = found[0].split()
        own = _WHICH.intersection(words)
        more = [(o, v) for o, v in reach if not (own and o in _WHICH) and o not in words]
        return " ".join([found[0], *(option + (f" {shlex.quote(value)}" if value else "") for option, value in more)])

    return _COMMAND.sub(complete, text)
