"""The suggested policy as a file: the base's own text with the new rules in it, each with a comment."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.build.render import policy_text, rule_lines
from kaudit_setup.policy.load import lines, load
from kaudit_setup.policy.model import Policy, Rule
from kaudit_setup.policy.suggest.candidates import Candidate
from kaudit_setup.values import replace


def compose(
    base: bytes,
    policy: Policy,
    chosen: Sequence[tuple[Candidate, str]],
    head: Sequence[str],
    version: KubeVersion = NEWEST,
) -> str:
    """The text of `policy`, which is `base` with what was `chosen`, each with its comment (lines of text).

    The base keeps its own comments where the new rules can be put between its lines; where they cannot (JSON, rules
    in flow style), everything is written anew.
    """
    text = _inserted(base, chosen, head)
    if _loads_as(text, policy, version):
        return text
    comments = {_plain(one.rule): comment for one, comment in chosen if one.kind != "stage"}
    said = [comment for one, comment in chosen if one.kind == "stage"]
    rules = [(comments.get(_plain(rule), ""), rule) for rule in policy.rules]
    return policy_text([*head, *(line for comment in said for line in comment.splitlines())], policy, rules)


def _loads_as(text: str, policy: Policy, version: KubeVersion) -> bool:
    loaded = load(text.encode(), version).policy
    return loaded is not None and _without_places(loaded) == _without_places(policy)


def _without_places(policy: Policy) -> Policy:
    return replace(policy, rules=tuple(map(_plain, policy.rules)))


def _plain(rule: Rule) -> Rule:
    """Without the lines at which it stands."""
    return replace(rule, resources=tuple(replace(e, line=0) for e in rule.resources), line=0, end_line=0)


def _inserted(base: bytes, chosen: Sequence[tuple[Candidate, str]], head: Sequence[str]) -> str:
    """The base's lines with the new ones between them; to be checked by whoever takes it."""
    held = lines(base)
    loaded = load(base).policy
    places = [rule.line for rule in loaded.rules] if loaded else []
    new: dict[int, list[str]] = {}
    for one, comment in chosen:
        if one.kind == "stage":
            at, own, indent = _line_of_rules(held), ["omitStages:", f"  - {one.stage}"], ""
        else:
            first = places[0 if one.kind == "drop" else one.before] if places else 0
            at, own, indent = _above_comments(held, first), [*_rule(one.rule, held, first), ""], _indent(held, first)
        new.setdefault(at, []).extend([*(f"{indent}# {line}" for line in comment.splitlines()), *own])
    out = [f"# {line}".rstrip() for line in head]
    for number, line in enumerate(held, 1):
        out += [*new.get(number, ()), line]
    return "\n".join(out).rstrip("\n") + "\n"


def _rule(rule: Rule, held: Sequence[str], line: int) -> list[str]:
    """Its lines, indented as the rule at this line."""
    indent = _indent(held, line)
    return [indent + text[2:] for text in rule_lines(rule)]


def _indent(held: Sequence[str], line: int) -> str:
    if not 0 < line <= len(held):
        return ""
    text = held[line - 1]
    return text[: len(text) - len(text.lstrip(" "))]


def _above_comments(held: Sequence[str], line: int) -> int:
    """The first line of the comments that stand directly above this line."""
    while line > 1 and held[line - 2].lstrip().startswith("#"):
        line -= 1
    return line


def _line_of_rules(held: Sequence[str]) -> int:
    return next((number for number, line in enumerate(held, 1) if re.match(r"rules\s*:", line)), 0)
