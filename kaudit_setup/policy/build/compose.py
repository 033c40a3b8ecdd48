"""A policy from a recipe: no rule in it that never counts."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.errors import InputError
from kaudit_setup.model import NEWEST, OLDEST
from kaudit_setup.policy.build.recipe import Recipe, check
from kaudit_setup.policy.build.render import Section, render
from kaudit_setup.policy.build.sections import sections
from kaudit_setup.policy.classes.rule_map import RuleMap
from kaudit_setup.policy.compare import differences
from kaudit_setup.policy.lint import reachability
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import Policy
from kaudit_setup.values import replace


def build(recipe: Recipe) -> str:
    """The policy as YAML. Raises InputError where flags contradict each other or nothing would be logged."""
    check(recipe)
    rules = _reached(recipe, _counting(recipe, sections(recipe)))
    text = render(recipe.command, recipe.omitted, rules, _remarks(recipe))
    for version in (OLDEST, NEWEST):
        loaded = load(text.encode(), version)
        if loaded.policy is None or loaded.warnings:
            raise AssertionError(f"built a policy that {version} does not take: {loaded}")
    return text


def _policy(recipe: Recipe, some: Sequence[Section]) -> Policy:
    return Policy(tuple(section.rule for section in some), recipe.omitted)


def _counting(recipe: Recipe, every: list[Section]) -> list[Section]:
    """Without the drops that change nothing."""
    index = 0
    while index < len(every):
        without = every[:index] + every[index + 1 :]
        if every[index].drop and without and not differences(_policy(recipe, every), _policy(recipe, without)):
            every = without
        else:
            index += 1
    return every


def _reached(recipe: Recipe, every: list[Section]) -> list[Section]:
    """Each without the resources that earlier rules take anyway. A rule that is never reached is a contradiction."""
    rule_map = RuleMap(_policy(recipe, every), NEWEST)
    for finding in reachability.findings(rule_map):
        if finding.code in {"unreachable-rule", "matches-nothing"}:
            section = every[finding.rule]
            raise InputError(
                f"the level for {section.source or 'a part of this policy'} would never count",
                hint="other flags already decide all of its requests; leave it out or change them",
            )
        if finding.code == "logs-nothing":
            raise InputError("nothing would be logged", hint="drop less")
    return [_trimmed(rule_map, i, section) for i, section in enumerate(every)]


def _trimmed(rule_map: RuleMap, index: int, section: Section) -> Section:
    """Without those of its resources that earlier rules take anyway."""
    rule = section.rule
    kept = []
    for entry in rule.resources:
        specs = []
        for spec in entry.resources:
            alone = replace(rule, resources=(replace(entry, resources=(spec,)),))
            if rule_map.reached_by(alone, index):
                specs.append(spec)
        if specs:
            kept.append(replace(entry, resources=tuple(specs)))
    return replace(section, rule=replace(rule, resources=tuple(kept))) if kept else section


def _remarks(recipe: Recipe) -> list[str]:
    omitted = recipe.omitted
    found = []
    if "ResponseStarted" in omitted:
        found.append("Without ResponseStarted, failed logins leave no trace: it is the only stage they have.")
    if "ResponseComplete" in omitted:
        found.append("Without ResponseComplete, nobody knows how a request ended.")
    if recipe.namespaces:
        found.append("Nodes, volumes, ClusterRoles and lists over all namespaces have no namespace: not logged.")
    return found
