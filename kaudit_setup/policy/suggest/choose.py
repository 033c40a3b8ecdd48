"""Which candidates a policy can take while it answers every question as before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.model import GroupResources, Policy, Rule
from kaudit_setup.policy.questions.answers import answers
from kaudit_setup.policy.suggest.candidates import Candidate
from kaudit_setup.values import replace

_LEAST = 0.001  # of the bytes: a rule that saves less is not worth its line
_MOST = 200  # candidates, the heaviest first


@dataclass(frozen=True, slots=True)
class Cost:
    """What a policy would have written of a log."""

    events: int
    size: int


class Meter(Protocol):
    """A log that can be replayed through any policy made of the base and the candidates."""

    def cost(self, policy: Policy) -> Cost: ...


@dataclass(frozen=True, slots=True)
class Saving:
    """A change that was chosen. `rule`: that of the candidates, merged with its like; `size`, `events`: what it saves
    beside those before it.
    """

    candidate: Candidate
    events: int
    size: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`policy`: the base with all savings; `before` and `after`: what the log costs under the one and the other."""

    base: Policy
    policy: Policy
    savings: tuple[Saving, ...]
    before: Cost
    after: Cost


def choose(base: Policy, candidates: Sequence[Candidate], meter: Meter, version: KubeVersion) -> Suggestion:
    """The savings, the largest first. `policy answers` says the same of the new policy as of the base."""
    before = meter.cost(base)
    alone = [(before.size - meter.cost(apply(base, [one])).size, one) for one in candidates]
    worth = [(size, one) for size, one in alone if size > before.size * _LEAST]
    ranked = [one for _, one in sorted(worth, key=lambda pair: -pair[0])][:_MOST]
    chosen = _merged(_Chooser(base, version).most(ranked))
    savings, cost = [], before
    for number, one in enumerate(chosen, 1):
        now = meter.cost(apply(base, chosen[:number]))
        savings.append(Saving(one, cost.events - now.events, cost.size - now.size))
        cost = now
    savings.sort(key=lambda saving: -saving.size)
    return Suggestion(base, apply(base, [saving.candidate for saving in savings]), tuple(savings), before, cost)


def apply(base: Policy, chosen: Iterable[Candidate]) -> Policy:
    """The base with these changes."""
    every = list(chosen)
    rules = [one.rule for one in every if one.kind == "drop"]
    for index, rule in enumerate(base.rules):
        rules += [one.rule for one in every if one.kind == "level" and one.before == index]
        rules.append(rule)
    stages = [one.stage for one in every if one.kind == "stage"]
    return replace(base, rules=tuple(rules), omit_stages=tuple(dict.fromkeys([*base.omit_stages, *stages])))


class _Chooser:
    def __init__(self, base: Policy, version: KubeVersion) -> None:
        self._base, self._version = base, version
        self._wanted = self._verdicts(base)

    def _verdicts(self, policy: Policy) -> list[tuple[str, str]]:
        return [(answer.id, answer.answer) for answer in answers(policy, self._version)]

    def most(self, ranked: Sequence[Candidate]) -> list[Candidate]:
        """As many as change no answer together; of two that exclude each other, the first."""
        taken: list[Candidate] = []
        waiting = [list(ranked)]
        while waiting:
            some = waiting.pop()
            if not some:
                continue
            if self._verdicts(apply(self._base, [*taken, *some])) == self._wanted:
                taken += some
            elif len(some) > 1:
                half = len(some) // 2
                waiting += [some[half:], some[:half]]
        return taken


def _merged(chosen: Sequence[Candidate]) -> list[Candidate]:
    """Rules that differ in one of their lists only, as one rule: of the resources first, then of the users."""
    return _united(_united(chosen, "resources"), "users")


def _united(chosen: Sequence[Candidate], field: str) -> list[Candidate]:
    found: dict[tuple[bool, Candidate], Candidate] = {}
    for one in chosen:
        # a rule for everybody has no list to which somebody can be added
        has_list = bool(getattr(one.rule, field))
        key = (has_list, replace(one, rule=_without(one.rule, field)))
        other = found.get(key)
        found[key] = replace(one, rule=_together(other.rule, one.rule, field)) if other else one
    return list(found.values())


def _without(rule: Rule, field: str) -> Rule:
    return replace(rule, users=()) if field == "users" else replace(rule, resources=())


def _together(one: Rule, two: Rule, field: str) -> Rule:
    if field == "users":
        return replace(one, users=tuple(sorted({*one.users, *two.users})))
    groups: dict[str, tuple[str, ...]] = {}
    for entry in (*one.resources, *two.resources):
        groups[entry.group] = tuple(dict.fromkeys((*groups.get(entry.group, ()), *entry.resources)))
    return replace(one, resources=tuple(GroupResources(group, names) for group, names in groups.items()))
