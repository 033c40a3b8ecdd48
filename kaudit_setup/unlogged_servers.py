"""API servers whose requests logs do not have."""

from __future__ import annotations

import msgspec


class UnloggedServer(msgspec.Struct, frozen=True):
    """An API server whose requests logs do not have, `why` in words: after `since`, or before `until`, or at all.

    `name`: as people call its node, or where it listens. Times are in the log's spelling.
    """

    name: str
    why: str
    since: str = ""
    until: str = ""

    def __str__(self) -> str:
        """What the logs lack, for the end of a sentence."""
        when = f" after {self.since}" if self.since else f" before {self.until}" if self.until else ""
        return f"requests through {self.name}{when} are not in this log ({self.why})"
