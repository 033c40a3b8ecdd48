"""What an answer is made of: the links of a chain, and the story that they tell together with notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from kaudit_setup.attribution.evidence.requests import Object, Request

Confidence = Literal["certain", "inferred", "unknown"]
_FROM_BEST: Final[tuple[Confidence, ...]] = ("certain", "inferred", "unknown")


def weakest(*confidences: Confidence) -> Confidence:
    """The least of some confidences: a conclusion is as sure as its weakest reason."""
    return max(confidences, key=_FROM_BEST.index)


def certain_if(proven: bool) -> Confidence:
    """The confidence of what the log proves, or only suggests."""
    return "certain" if proven else "inferred"


@dataclass(frozen=True, slots=True)
class Link:
    """One object of a chain: the request that made it (or ended it) as far as it is known, how sure, and why."""

    object: Object
    request: Request | None
    confidence: Confidence
    why: str


@dataclass(slots=True)
class Story:
    """A chain from the object asked for up to `root`, the first actor who is not a controller.

    `instead`: where it has no links, the sentence that says why, if the log shows it.
    """

    links: list[Link] = field(default_factory=list)
    root: Request | None = None
    notes: list[str] = field(default_factory=list)
    instead: str = ""

    def note(self, sentence: str) -> None:
        """Add a sentence, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


@dataclass(frozen=True, slots=True)
class Child:
    """The link below: what was made (or `ended`), when, by which controller; `surely` if bodies tie it to its owner.

    `timeless`: nothing is known of when it was made, but that it was before `at`.
    """

    object: Object
    at: float
    request: Request | None
    surely: bool
    ended: bool = False
    timeless: bool = False
