"""Which rules decide a set of requests, and how well they answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.classes.need import Ask, Grade
from kaudit_setup.policy.classes.regions import Box, intersections, meet, remainder, witness
from kaudit_setup.policy.classes.space import Space
from kaudit_setup.policy.evaluate import decisions
from kaudit_setup.policy.model import Attributes, Decision, Policy, Rule


@dataclass(frozen=True, slots=True)
class Share:
    """One rule's part in an answer; `index` -1 where no rule matches. `example` is a request that it decides."""

    index: int
    grade: Grade
    example: Attributes


class RuleMap:
    """A policy laid out over the classes of requests."""

    def __init__(self, policy: Policy, version: KubeVersion = NEWEST, space: Space | None = None) -> None:
        self.policy = policy
        self.space = space or Space((policy,), version)
        self.rules = tuple(self.space.rule(rule) for rule in policy.rules)
        self.decisions: Sequence[Decision] = decisions(policy, version)

    def deciders(self, region: Iterable[Box], but: Sequence[Box] = ()) -> Iterator[tuple[int, Box]]:
        """Every rule that decides some request of the region, with such requests; -1 where none matches.

        `but`: boxes of rules whose requests are not asked about.
        """
        asked = tuple(region)
        seen: set[int] = set()
        for box in asked:
            before: list[Box] = list(but)
            rest: Box | None = box
            for index, rule in enumerate(self.rules):
                mine = intersections((box,), rule)
                if not mine:
                    continue
                if index not in seen:
                    found = witness(mine, before)
                    if found is not None:
                        seen.add(index)
                        yield index, found
                before.extend(rule)
                if box in mine:
                    rest = None  # this rule takes all that is left
                    break
            if rest is not None and -1 not in seen:
                found = witness((rest,), before)
                if found is not None:
                    seen.add(-1)
                    yield -1, found

    def decided(self, region: Iterable[Box]) -> Iterator[tuple[int, Box]]:
        """All of the region, in disjoint boxes, each with the rule that decides it (-1: none)."""
        for box in region:
            before: list[Box] = []
            for index, rule in [*enumerate(self.rules), (-1, (self.space.box(),))]:
                for part in rule:
                    own = meet(box, part)
                    if own is not None:
                        for piece in remainder(own, tuple(before)):
                            yield index, piece
                        before.append(part)

    def reached(self, index: int) -> Box | None:
        """Real requests that this rule decides; None is the proof that there are none."""
        before = [box for rule in self.rules[:index] for box in rule]
        return witness(self.matched(index), before)

    def reached_by(self, rule: Rule, index: int) -> bool:
        """Whether a rule (of this space's literals) in this rule's place would decide anything."""
        before = [box for earlier in self.rules[:index] for box in earlier]
        return (
            witness((real for box in self.space.rule(rule) for real in self.space.requests(box)), before) is not None
        )

    def matched(self, index: int) -> list[Box]:
        """Real requests that fit this rule, whether or not an earlier one decides them."""
        return [real for box in self.rules[index] for real in self.space.requests(box)]

    def shares(self, asks: Iterable[Ask]) -> tuple[Share, ...]:
        """Each rule's part in the answer to these asks, in the policy's order, `no rule` last."""
        found: dict[tuple[int, Grade], Share] = {}
        for ask in asks:
            for index, box in self.deciders(ask.region):
                grade = ask.need.grade(self.decisions[index])
                found.setdefault((index, grade), Share(index, grade, self.space.sample(box)))
        return tuple(sorted(found.values(), key=lambda s: (s.index < 0, s.index, s.grade)))


def total(shares: Iterable[Share]) -> Grade:
    """`yes` if every class is answered, `no` if none is, else `partly`; a leak is not an answer."""
    grades = {share.grade for share in shares}
    if grades <= {"yes"}:
        return "yes"
    return "no" if grades <= {"no", "leaks"} else "partly"
