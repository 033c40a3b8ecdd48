"""What a log written under a policy can answer, exactly: every class of request is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy import phrasing
from kaudit_setup.policy.classes.need import Grade
from kaudit_setup.policy.classes.rule_map import RuleMap, Share, total
from kaudit_setup.policy.model import Level, Policy
from kaudit_setup.policy.questions.table import BY_HAND, QUESTIONS, Question, link_by_binding, link_by_body, owners

Verdict = Literal["yes", "partly", "no"]
_RANK: dict[Grade, int] = {"leaks": 0, "no": 0, "partly": 1, "yes": 2}
_NAMES: tuple[Verdict, ...] = ("no", "partly", "yes")


@dataclass(frozen=True, slots=True)
class Decider:
    """A rule that has a part in an answer. `rule` counts from 0, -1 where no rule matches; `line` 0 if unknown.

    `effect`: yes (in the log as needed), partly (in the log, but with too little in it), no (not in the log),
    leaks (in the log with the content that must not be there). `example` is a request that it decides.
    """

    rule: int
    line: int
    level: Level
    effect: Grade
    example: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One question's answer; `id` is stable."""

    id: str
    question: str
    answer: Verdict
    why: str
    rules: tuple[Decider, ...]


def answers(policy: Policy, version: KubeVersion = NEWEST) -> tuple[Answer, ...]:
    """The answers to every question, in a fixed order."""
    rule_map = RuleMap(policy, version)
    return tuple(_behind(rule_map, q) if q.id == "pod-behind" else _answer(rule_map, q) for q in QUESTIONS)


def _answer(rule_map: RuleMap, question: Question) -> Answer:
    shares = rule_map.shares(question.asks(rule_map.space))
    why = _why(rule_map, shares)
    if question.id in BY_HAND and _verdict(shares) != "no":
        programs = rule_map.shares(BY_HAND[question.id](rule_map.space, "service account"))
        lost = [s for s in programs if s.grade != "yes"]
        if lost:
            left_out = phrasing.listed(
                list(dict.fromkeys(phrasing.rule_name(rule_map.policy, s.index) for s in lost))
            )
            why += f"; not for every service account, see {left_out}"
    return _made(rule_map, question, _verdict(shares), why, shares)


def _behind(rule_map: RuleMap, question: Question) -> Answer:
    """By the response's body or by the scheduler's binding, in each namespace; and who made the owner."""
    space = rule_map.space
    grades: list[int] = []
    told: list[Share] = []
    for name in space.namespaces.values:
        if not name:
            continue
        bit = space.namespaces.bit[name]
        routes = [rule_map.shares([link(space, bit)]) for link in (link_by_body, link_by_binding)]
        best = max(routes, key=lambda shares: _RANK[total(shares)])
        # where neither route leads anywhere, the binding is what is missing
        chosen = best if _RANK[total(best)] else routes[1]
        grades.append(_RANK[total(chosen)])
        told.extend(chosen)
    link = _NAMES[2 if min(grades) == 2 else 0 if max(grades) == 0 else 1]
    hands = rule_map.shares(owners(space))
    verdict = _NAMES[min(_NAMES.index(link), _RANK[total(hands)])]
    shares = _unique([*told, *hands])
    if verdict == "no" and link == "no":
        why = "neither the response to a controller's create nor the scheduler's binding is in the log"
    elif verdict == "no":
        why = f"who made the owner is not in the log: {_why(rule_map, hands)}"
    else:
        by = "the response to the controller's create" if _by_body(told) else "the scheduler's binding"
        why = f"{by} has the Pod's name; {_why(rule_map, shares)}"
    return _made(rule_map, question, verdict, why, shares)


def _by_body(shares: list[Share]) -> bool:
    return all(s.example.subresource != "binding" for s in shares if s.grade == "yes")


def _unique(shares: list[Share]) -> tuple[Share, ...]:
    found = {(s.index, s.grade): s for s in reversed(shares)}
    return tuple(sorted(found.values(), key=lambda s: (s.index < 0, s.index, s.grade)))


def _verdict(shares: tuple[Share, ...]) -> Verdict:
    return _NAMES[{"yes": 2, "partly": 1}.get(total(shares), 0)]


def _made(rule_map: RuleMap, question: Question, verdict: Verdict, why: str, shares: tuple[Share, ...]) -> Answer:
    rules = tuple(
        Decider(
            s.index,
            rule_map.policy.rules[s.index].line if s.index >= 0 else 0,
            rule_map.decisions[s.index].level,
            s.grade,
            phrasing.request(s.example),
        )
        for s in shares
    )
    return Answer(question.id, question.text, verdict, why, rules)


def _why(rule_map: RuleMap, shares: tuple[Share, ...]) -> str:
    said = []
    for grade, verb in (("yes", "kept by"), ("partly", "kept too thinly by"), ("leaks", "content logged by")):
        named = [phrasing.rule_name(rule_map.policy, s.index) for s in shares if s.grade == grade]
        if named:
            said.append(f"{verb} {phrasing.listed(named)}")
    lost = [s for s in shares if s.grade == "no"]
    if lost:
        named = [phrasing.rule_name(rule_map.policy, s.index) for s in lost]
        said.append(f"lost by {phrasing.listed(named)}, e.g. {phrasing.request(lost[0].example)}")
    return "; ".join(said)
