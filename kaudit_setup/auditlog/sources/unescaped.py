r"""Lines in which letters are written as escapes (`\u0070` for p): kube-apiserver and the usual shippers leave
letters as they are, so a search for a name passes by such lines. They are looked for where nothing else was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from string import digits

from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.literals import Sought, spelled
from kaudit_setup.auditlog.raw_lines import inside
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.sources.port import LogSource
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.values import replace

_UNESCAPED = frozenset("!\"#$%'()*+,-./:;=?@" + digits)
"""What names of objects and users have and kube-apiserver does not escape so, beside letters and [ to _."""
_CODES = {*"4567", *(spelt for char in _UNESCAPED for spelt in (f"{ord(char):02x}", f"{ord(char):02X}"))}
ESCAPES = tuple(rf"\u00{code}".encode() for code in sorted(_CODES))
"""How such escapes begin."""
_AS_PATTERN = "|".join((r"\\u00[4-7]", r"\\u002[0-57-9a-fA-F]", r"\\u003[0-9abdfABDF]"))
_ESCAPE = rb"\\(?:u00([2-7][0-9a-fA-F])|.)"


def escaped_lines(logs: LogSource) -> Iterator[Hit]:
    """The lines of `logs` with such escapes. Raises what `candidates` raises."""
    return logs.candidates(ESCAPES)


def or_escaped(literals: Sequence[bytes], patterns: Sequence[str]) -> tuple[Sequence[bytes], list[str]]:
    """What is looked for (see `candidates`) so that lines with such escapes are found, too."""
    return [*literals, *ESCAPES] if literals else [], [f"{one}|{_AS_PATTERN}" for one in patterns]


class UnescapedLogs:
    """Logs of which lines with such escapes are found, too."""

    def __init__(self, logs: LogSource, *, as_logged: bool = False) -> None:
        """Nothing is asked yet. `as_logged`: lines are given as they stand in the log, else as kube-apiserver would
        have written them.
        """
        self.logs = logs
        self._as_logged = as_logged

    def clusters(self) -> list[str]:
        """See `LogSource.clusters`."""
        return self.logs.clusters()

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """See `LogSource.candidates`."""
        wanted = [Sought.of(literal) for literal in literals if literal]
        for hit in self.logs.candidates(literals, window, patterns):
            if not _has_escape(hit.text):
                yield hit
        for hit in escaped_lines(self.logs):
            text = _unescaped(hit.text)
            if (window.open or inside(text, window)) and (not wanted or any(one.said_in(text) for one in wanted)):
                yield hit if self._as_logged else replace(hit, text=text)

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """See `LogSource.numbered`."""
        return self.logs.numbered(hits)

    def damaged(self, hit: Hit, what: str) -> None:
        """See `LogSource.damaged`."""
        self.logs.damaged(hit, what)

    def coverage(self) -> tuple[Coverage, ...]:
        """See `LogSource.coverage`."""
        return self.logs.coverage()


def _has_escape(text: bytes) -> bool:
    return any(one in text for one in ESCAPES)


def _unescaped(text: bytes) -> bytes:
    return re.sub(_ESCAPE, _plain, text)


def _plain(found: re.Match[bytes]) -> bytes:
    return spelled(chr(int(found[1], 16))) if found[1] else found[0]
