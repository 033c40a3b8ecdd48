"""The port: what a question asks of a source of logs. `sources/__init__.py` describes how to add one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.filters import AnyOf
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.timestamps import ALWAYS, Window


class LogSource(Protocol):
    """The audit logs of one node or several."""

    def clusters(self) -> list[str]:
        """The names of the clusters whose logs these are, in their order; one that nobody named is ""."""
        ...

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """The lines that hold any of `literals` and lie in `window`, file by file; no literal means every line.

        `patterns` (extended regular expressions): what does not fit each of them is not asked for, and is left out
        where lines have a long way.
        A line is only a candidate: it holds the literal somewhere. Hits of large local files have line 0 until they
        are `numbered`.
        """
        ...

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """`hits` with their line numbers."""
        ...

    def damaged(self, hit: Hit, what: str) -> None:
        """Count a line that was found and then could not be read."""
        ...

    def coverage(self) -> tuple[Coverage, ...]:
        """What each node's log covers and what was damaged, as the searches so far found it."""
        ...


@runtime_checkable
class OfRequests(Protocol):
    """Logs of which it is known, beside their lines, what is on them."""

    def requests(self, literals: Sequence[bytes], wanted: AnyOf) -> Iterator[Hit]:
        """Of the candidates that hold one of `literals` (none: of all) those of `wanted`, and those that are
        no events. Others may come along.
        """
        ...
