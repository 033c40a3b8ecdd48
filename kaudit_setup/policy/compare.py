"""What one policy logs that another does not, by class of request: over both policies' literals together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy import phrasing
from kaudit_setup.policy.catalog import requests
from kaudit_setup.policy.classes.regions import Box, intersections
from kaudit_setup.policy.classes.rule_map import RuleMap
from kaudit_setup.policy.classes.space import Space
from kaudit_setup.policy.model import LEVELS, STAGES, Decision, Level, Policy, Rule, Stage
from kaudit_setup.policy.questions.answers import Verdict, answers

Change = Literal["gained", "lost", "more", "less", "other"]
CHANGES: Final[tuple[Change, ...]] = ("gained", "lost", "more", "less", "other")


@dataclass(frozen=True, slots=True)
class Written:
    """What a policy writes for one class: level None and no stages where it writes nothing. `rule` -1: none fits."""

    level: Level
    stages: tuple[Stage, ...]
    rule: int
    line: int
    omit_managed_fields: bool = False

    @property
    def nothing(self) -> bool:
        """Whether no event is written."""
        return self.level == "None"


@dataclass(frozen=True, slots=True)
class Difference:
    """Requests that the two policies treat differently.

    `change`: gained (only the second logs them), lost (only the first), more or less (a higher or lower level, or
    more or fewer events), other. `requests` says in words which; earlier rules of either policy may take some of
    them out. `example` is one of them.
    """

    change: Change
    requests: str
    a: Written
    b: Written
    example: str


@dataclass(frozen=True, slots=True)
class ChangedAnswer:
    """A question that the two policies answer differently."""

    id: str
    question: str
    a: Verdict
    b: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that differs. Both are empty exactly if the two policies always write the same events."""

    differences: tuple[Difference, ...]
    answers: tuple[ChangedAnswer, ...]


def compare(a: Policy, b: Policy, version: KubeVersion = NEWEST) -> Comparison:
    """What `b` does differently from `a`, the same way in the same order each time."""
    changed = tuple(
        ChangedAnswer(old.id, old.question, old.answer, new.answer)
        for old, new in zip(answers(a, version), answers(b, version), strict=True)
        if old.answer != new.answer
    )
    return Comparison(differences(a, b, version), changed)


def differences(a: Policy, b: Policy, version: KubeVersion = NEWEST) -> tuple[Difference, ...]:
    """Every class that is treated differently; empty exactly if the two always write the same events."""
    space = Space((a, b), version)
    rule_maps = RuleMap(a, version, space), RuleMap(b, version, space)
    found: dict[tuple[int, int, Change], Difference] = {}
    for stages, region in _by_stages(space):
        for difference in _differences(*rule_maps, stages, region):
            found.setdefault((difference.a.rule, difference.b.rule, difference.change), difference)
    return tuple(sorted(found.values(), key=lambda d: (CHANGES.index(d.change), d.b.rule, d.a.rule)))


def _by_stages(space: Space) -> list[tuple[tuple[Stage, ...], list[Box]]]:
    """All requests, parted by the stages that they can have (endpoints/filters/audit.go:WithAudit)."""
    anybody = space.users.all & ~space.nobody
    verbs, parts = space.verbs.mask(requests.LONG_RUNNING_VERBS), space.parts(requests.LONG_RUNNING_PARTS)
    pprof = space.url([requests.LONG_RUNNING_URLS])
    others = space.verbs.all & ~verbs
    short = [
        space.box(user=anybody, where=space.resources & ~parts, verb=others),
        space.box(user=anybody, where=space.urls & ~pprof),
    ]
    long = [
        space.box(user=anybody, where=space.resources, verb=verbs),
        space.box(user=anybody, where=parts, verb=others),
        space.box(user=anybody, where=pprof),
    ]

    def real(boxes: list[Box]) -> list[Box]:
        return [found for box in boxes for found in space.requests(box)]

    return [
        (("RequestReceived", "ResponseComplete", "Panic"), real(short)),
        (STAGES, real(long)),
        (("ResponseStarted",), real([space.box(user=space.nobody)])),
    ]


def _differences(a: RuleMap, b: RuleMap, stages: tuple[Stage, ...], region: list[Box]) -> Iterator[Difference]:
    before: list[Box] = []
    # every request belongs to one rule of `a`; the last, -1, takes what none fits
    whole = (a.space.box(),)
    for index, boxes in [*enumerate(a.rules), (-1, whole)]:
        mine = intersections(region, boxes)
        for other, found in b.deciders(mine, before):
            old = _written(a.decisions[index], stages, a.policy)
            new = _written(b.decisions[other], stages, b.policy)
            change = _change(old, new)
            if change is not None:
                said = _requests(a, index, b, other)
                yield Difference(change, said, old, new, phrasing.request(a.space.sample(found)))
        before.extend(boxes)


def _written(decision: Decision, stages: tuple[Stage, ...], policy: Policy) -> Written:
    index = decision.rule_index
    line = policy.rules[index].line if index >= 0 else 0
    kept = tuple(stage for stage in stages if stage not in decision.omit_stages)
    if decision.level == "None" or not kept:
        return Written("None", (), index, line)
    bodies = decision.level in {"Request", "RequestResponse"}
    return Written(decision.level, kept, index, line, bodies and decision.omit_managed_fields)


def _change(old: Written, new: Written) -> Change | None:
    if (old.level, old.stages, old.omit_managed_fields) == (new.level, new.stages, new.omit_managed_fields):
        return None
    if old.nothing or new.nothing:
        return "gained" if old.nothing else "lost"
    rise = LEVELS.index(new.level) - LEVELS.index(old.level)
    gained, lost = set(new.stages) - set(old.stages), set(old.stages) - set(new.stages)
    if rise >= 0 and not lost and (rise or gained):
        return "more"
    if rise <= 0 and not gained and (rise or lost):
        return "less"
    return "other"


def _requests(a: RuleMap, index: int, b: RuleMap, other: int) -> str:
    """What both rules are about, in words: of two conditions on the same thing, what they have in common."""
    one = a.policy.rules[index] if index >= 0 else Rule("None")
    two = b.policy.rules[other] if other >= 0 else Rule("None")
    narrow = _narrower(a, one, two)
    return phrasing.scope(
        Rule(
            "None",
            users=_common(one.users, two.users),
            user_groups=_groups(one.user_groups, two.user_groups),
            verbs=_common(one.verbs, two.verbs),
            resources=narrow.resources,
            namespaces=_common(one.namespaces, two.namespaces),
            non_resource_urls=narrow.non_resource_urls,
        )
    )


def _narrower(rule_map: RuleMap, one: Rule, two: Rule) -> Rule:
    def reach(rule: Rule) -> int:
        return sum(box.at[2].bit_count() for box in rule_map.space.rule(rule))

    if not (one.resources or one.non_resource_urls):
        return two
    if not (two.resources or two.non_resource_urls):
        return one
    return one if reach(one) <= reach(two) else two


def _common(one: tuple[str, ...], two: tuple[str, ...]) -> tuple[str, ...]:
    if not one or not two:
        return one or two
    return tuple(value for value in one if value in two)


def _groups(one: tuple[str, ...], two: tuple[str, ...]) -> tuple[str, ...]:
    """Both conditions on groups, of which a requester may meet several; "everybody" says nothing beside another."""
    told = [groups for groups in (one, two) if groups and not set(groups) >= phrasing.EVERYBODY]
    if not told:
        return one or two
    return tuple(dict.fromkeys(group for groups in told for group in groups))
