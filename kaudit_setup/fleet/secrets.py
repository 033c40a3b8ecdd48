"""Passwords that stand in inventories never show in a message."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = r"(?:pass|secret|token|vault|private_key|api_?key)"
# a name with such a word in it, an = or a : (with the closing quote of a key); or a variable's name and a space, if
# somebody forgot the =; then the value: quoted, or one word
_ASSIGNED: Final = re.compile(
    rf"""(?P<name>[\w.-]*{_WORDS}[\w.-]*["']?\s*[=:]\s*|\b\w+_\w*{_WORDS}\w*\s+)"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,;'"}\]]+)""",
    re.IGNORECASE,
)


def hide_secrets(text: str) -> str:
    """`text` with the value of every password, secret, token, vault and key in it replaced by `***`."""
    return "\n".join(_ASSIGNED.sub(lambda found: f"{found['name']}***", line) for line in text.split("\n"))
