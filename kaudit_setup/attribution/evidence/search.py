"""What a log is searched for."""

from __future__ import annotations

import msgspec

from kaudit_setup.attribution.evidence.literals import nameless_requests
from kaudit_setup.attribution.evidence.requests import Object
from kaudit_setup.auditlog.literals import delimits, holder
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.timestamps import ALWAYS, Window

_MOST_AHEAD = 32 << 20
"""Bytes of lines that are kept for the next search."""


class Search(msgspec.Struct, frozen=True):
    """What is looked for: lines that hold any of `literals`, and `within` as well, and `name` as a word of its own.

    Lines without `focus` may be left out if nothing was done (RequestReceived, a read, a status report). Lists say
    whether they show `about`. `anywhere`: literals that count without `within`, where there is no `name`; of
    those on all objects of the kind `by_others` only what the control plane did not send itself, and in `window`,
    where a log can tell. `ahead`: what may be looked for next, for a log that is read as a whole each time.
    """

    literals: tuple[bytes, ...] = ()
    focus: bytes = b""
    about: Object | None = None
    within: bytes = b""
    anywhere: tuple[bytes, ...] = ()
    name: str = ""
    ahead: tuple[bytes, ...] = ()
    by_others: str = ""
    window: Window = ALWAYS

    @property
    def on_all(self) -> bytes:
        """The one of `anywhere` that is for requests on all objects of the kind `by_others`."""
        return nameless_requests(Object("", self.by_others, "", ""))

    @property
    def place(self) -> str:
        """The pattern for lines that hold `within`, or were cut; empty if they are not to be told apart."""
        return delimits(self.within.strip(b'"').decode("utf-8", "replace"))

    @property
    def word(self) -> str:
        """The same for `name`."""
        return delimits(self.name)


class Ahead:
    """Lines that one search came by, and that the next one may look for."""

    def __init__(self, search: Search) -> None:
        """Nothing is kept yet of what `search.ahead` looks for."""
        self._literals = frozenset(search.ahead)
        self._within = search.within
        self._hits: list[Hit] = []
        self._bytes = 0

    def keep(self, hit: Hit) -> None:
        """Keep a line, unless they are too many."""
        self._bytes += len(hit.text)
        if self._bytes > _MOST_AHEAD:
            self._hits.clear()
        else:
            self._hits.append(hit)

    def hits(self, search: Search) -> list[Hit] | None:
        """The lines that `search` looks for and the one before it did not find; None if they are not all known."""
        whole = self._bytes <= _MOST_AHEAD and search.within == self._within
        if not whole or not self._literals.issuperset(search.literals):
            return None
        wanted = holder(search.literals)
        return [hit for hit in self._hits if wanted(hit.text)]
