"""One request explained: which rule decides, what is written, which rules came close."""

from __future__ import annotations

from dataclasses import dataclass

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.evaluate import evaluate
from kaudit_setup.policy.explain.events import EventPlan, events
from kaudit_setup.policy.explain.near_misses import NearMiss, near_misses
from kaudit_setup.policy.load import lines
from kaudit_setup.policy.model import Attributes, Decision, Policy


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that can be said of one request. `rule_lines`: 1-based first and last line, (0, 0) if no rule."""

    attributes: Attributes
    decision: Decision
    rule_lines: tuple[int, int]
    events: tuple[EventPlan, ...]
    close: tuple[NearMiss, ...]


def explain(policy: Policy, attributes: Attributes, version: KubeVersion = NEWEST) -> Explanation:
    """What the policy does with this request, and why."""
    decision = evaluate(policy, attributes, version)
    index = decision.rule_index
    lines = (policy.rules[index].line, policy.rules[index].end_line) if index >= 0 else (0, 0)
    return Explanation(
        attributes,
        decision,
        lines,
        events(attributes, decision, version),
        near_misses(policy, attributes, index, version),
    )


def lines_of(answer: Explanation, policy: bytes) -> list[str]:
    """The lines of the rule that decides, in the policy's text; none where no rule does."""
    first, last = answer.rule_lines
    return lines(policy)[first - 1 : last] if first else []
