"""What the rules of inference take and give: a case in, a finding out.

A chain leads from the object asked about, link by link, to the first actor who is not a controller. Each link is the
work of one rule: a function that is given a case (what the log says, and the chain so far) and returns a finding (new
links, the root, notes, and what to ask next), or None where it does not apply. Findings are added up; nothing is
changed in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec

from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.unanswered.codes import Reason
from kaudit_setup.values import replace

Confidence = Literal["certain", "inferred", "unknown"]
_FROM_BEST: Final[tuple[Confidence, ...]] = ("certain", "inferred", "unknown")

DEEP: Final = 6
"""Links after which a chain is followed no further."""


def weakest(*confidences: Confidence) -> Confidence:
    """The least of some confidences: a conclusion is as sure as its weakest reason."""
    return max(confidences, key=_FROM_BEST.index)


def both(*provisos: str) -> str:
    """Some provisos as one, each once; empty ones are left out."""
    return "; ".join(dict.fromkeys(filter(None, provisos)))


def certain_if(proven: bool) -> Confidence:
    """The confidence of what the log proves, or only suggests."""
    return "certain" if proven else "inferred"


class Link(msgspec.Struct, frozen=True):
    """One object of a chain: the request that made it (or deleted it) as far as it is known, how sure, and why."""

    object: Object
    request: Request | None
    confidence: Confidence
    why: str

    def doubted(self, why: str) -> Link:
        """The same link, which is not certain, because of `why` too."""
        return replace(self, confidence=weakest(self.confidence, "inferred"), why=both(self.why, why))


class KnownOwner(msgspec.Struct, frozen=True):
    """The owner of an object, how sure the log makes that, and by what."""

    object: Object
    confidence: Confidence
    why: str


class Child(msgspec.Struct, frozen=True):
    """The object in the last link of a chain, which a controller made, changed or `deleted`; its owner is asked for.

    `at`: when (Unix seconds); if `timeless`, nothing is known but that it was before that. `request`: the one that
    tells its owner by its body or its sender, None if the log lacks it. `confidence`: "certain" if bodies tie the
    object to its owner. `cause`: the request in the last link; `grown`: it made the object ask for more. `depth`: how
    many links the chain has.
    """

    index: EventIndex
    object: Object
    at: float
    request: Request | None
    confidence: Confidence
    cause: Request | None = None
    depth: int = 1
    deleted: bool = False
    timeless: bool = False
    grown: bool = False

    @property
    def follower(self) -> Request | None:
        """The controller's request that followed what its owner was asked for; None if it is not known when."""
        return None if self.timeless else self.cause or self.request


class Case(msgspec.Struct, frozen=True):
    """What a rule about an owner is asked: what its controller followed when it made, changed or deleted `child`."""

    child: Child
    known: KnownOwner

    @property
    def index(self) -> EventIndex:
        """What the log says."""
        return self.child.index

    @property
    def owner(self) -> Object:
        """The owner."""
        return self.known.object

    @property
    def certain(self) -> bool:
        """Whether nothing is in doubt so far."""
        return self.known.confidence == "certain"

    def link(self, request: Request | None, more: str = "") -> Link:
        """The owner's link; `more` is added to the reason why it is the owner."""
        return Link(self.owner, request, self.known.confidence, f"{self.known.why}{more}")

    def at_most(self, confidence: Confidence) -> Case:
        """The same case, no surer than `confidence`."""
        return replace(self, known=replace(self.known, confidence=weakest(self.known.confidence, confidence)))

    def above(self, at: float, request: Request | None, confidence: Confidence, cause: Request | None) -> Child:
        """The owner as the next child, once it has a link with the request `cause`."""
        return Child(self.index, self.owner, at, request, confidence, cause, self.child.depth + 1)


class DeletionCase(msgspec.Struct, frozen=True):
    """What a rule about a controller's deletion is asked: why the controller deleted `object` by `request`.

    `confidence`: how sure it is that this request ended it. `before`: the time (Unix seconds) that is asked about.
    `depth`: how many links the chain has.
    """

    index: EventIndex
    object: Object
    request: Request
    confidence: Confidence
    before: float
    depth: int


class LastChange(msgspec.Struct, frozen=True):
    """What to do next: end the chain at the last of `requests`, which made or changed the owner in `case`."""

    case: Case
    requests: tuple[Request, ...]


class Creator(msgspec.Struct, frozen=True):
    """What to do next: say who created `object`, which `cause` changed later."""

    index: EventIndex
    object: Object
    cause: Request


Next: TypeAlias = Child | LastChange | Creator | DeletionCase


class Finding(msgspec.Struct, frozen=True):
    """What a rule found, or several: links, the root (who is not a controller), notes, and what to ask next.

    `instead`: where there are no links, the sentence that says why, if the log shows it, of kind `why`. `proviso`:
    who else it may have been, which belongs into the same sentence as whoever is named.
    """

    links: tuple[Link, ...] = ()
    root: Request | None = None
    notes: tuple[str, ...] = ()
    next: Next | None = None
    instead: str = ""
    proviso: str = ""
    why: Reason = Reason.no_effect

    def __add__(self, later: Finding) -> Finding:
        """Both, in this order; each note once; of what both have, the later one's."""
        return Finding(
            (*self.links, *later.links),
            later.root or self.root,
            tuple(dict.fromkeys((*self.notes, *later.notes))),
            later.next or self.next,
            later.instead or self.instead,
            both(self.proviso, later.proviso),
            later.why if later.instead else self.why,
        )

    @property
    def request(self) -> Request | None:
        """The request on the object asked about itself."""
        return self.links[0].request if self.links else None

    @property
    def confidence(self) -> Confidence:
        """How sure the whole chain is; "unknown" if it leads to nobody."""
        known = any(link.request is not None for link in self.links)
        if not known or (self.request is None and self.root is None):
            return "unknown"
        return weakest(*(link.confidence for link in self.links))


NOTHING: Final = Finding()


def note(*sentences: str) -> Finding:
    """A finding of nothing but some sentences; empty ones are left out."""
    return Finding(notes=tuple(filter(None, sentences)))


def ends_at(link: Link, *notes: str) -> Finding:
    """A finding that ends the chain at the request of `link`."""
    return Finding((link,), link.request, notes)


_Case = TypeVar("_Case")
_Found = TypeVar("_Found")
Rule: TypeAlias = Callable[[_Case], Finding | None]


def first_found(rules: Iterable[Callable[[_Case], _Found | None]], case: _Case) -> _Found | None:
    """What the first of some rules that applies to a case finds."""
    return next((finding for rule in rules if (finding := rule(case)) is not None), None)
