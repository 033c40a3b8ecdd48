"""Requests, and in which form they must be in the log.

Which form answers: an event after the request was carried out, because only that one knows how it ended. That is
ResponseComplete, or ResponseStarted where there is one (watch, proxy, exec, attach, log, portforward). An event at
RequestReceived alone says who tried, not what became of it: half an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from kaudit_setup.policy.classes.regions import Box
from kaudit_setup.policy.model import LEVELS, Decision, Level, Stage

Grade = Literal["yes", "partly", "no", "leaks"]

AFTER: Final[tuple[Stage, ...]] = ("ResponseComplete",)
AFTER_OR_DURING: Final[tuple[Stage, ...]] = ("ResponseComplete", "ResponseStarted")


@dataclass(frozen=True, slots=True)
class Need:
    """What an event must hold: a level, at one of the stages; `bodiless`: and not the content of the object.

    `early`: whether an event at RequestReceived alone, with no outcome and no impersonated user, is half an answer.
    """

    level: Level = "Metadata"
    stages: tuple[Stage, ...] = AFTER
    bodiless: Literal["", "read", "write"] = ""
    early: bool = True

    def grade(self, decision: Decision) -> Grade:
        """How well requests of one class are answered by this decision."""
        if decision.level == "None":
            return "no"
        if set(self.stages) - set(decision.omit_stages):
            return self._grade_level(decision.level)
        return "partly" if self.early and "RequestReceived" not in decision.omit_stages else "no"

    def _grade_level(self, level: Level) -> Grade:
        if self.bodiless and _holds_content(level, self.bodiless):
            return "leaks"
        return "yes" if LEVELS.index(level) >= LEVELS.index(self.level) else "no"


def _holds_content(level: Level, access: Literal["read", "write"]) -> bool:
    # a read sends no body: only its response has the content; a write has it in both
    return level == "RequestResponse" or (level == "Request" and access == "write")


@dataclass(frozen=True, slots=True)
class Ask:
    """Requests, and the form in which they must be in the log."""

    region: tuple[Box, ...]
    need: Need = Need()
