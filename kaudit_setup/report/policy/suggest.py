"""What a policy could leave out: the suggested policy, with what each of its new rules saves and trades."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from kaudit_setup.auditlog.reports.suggestions import Suggested
from kaudit_setup.model import KubeVersion
from kaudit_setup.policy import phrasing
from kaudit_setup.policy.build.render import rule_lines
from kaudit_setup.policy.model import GroupResources, Rule
from kaudit_setup.policy.suggest.choose import Saving
from kaudit_setup.policy.suggest.compose import compose
from kaudit_setup.report.documents.document import Bytes, Item, Words
from kaudit_setup.report.escape import safe
from kaudit_setup.report.quantities import hours, share, size
from kaudit_setup.report.wrap import wrap
from kaudit_setup.values import replace

_LISTED: Final = 6  # kinds of objects that a comment names
_TRADES: Final = {
    "drop": "these requests leave no trace; no question of `policy answers` asks for them",
    "level": "who changed these objects and when stays in the log, what was changed in them does not",
    "stage": "a request that the API server does not survive leaves no trace; else the later event says more",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: the base policy's name and text, and the version that it is for."""

    name: str
    base: bytes
    version: KubeVersion


def as_text(request: Request, found: Suggested) -> str:
    """The suggested policy as a file, without a newline at the end."""
    suggestion = found.suggestion
    chosen = [(saving.candidate, "\n".join(_comment(saving, found))) for saving in suggestion.savings]
    return compose(request.base, suggestion.policy, chosen, list(_head(request, found)), request.version).rstrip("\n")


def _head(request: Request, found: Suggested) -> Iterator[str]:
    suggestion = found.suggestion
    before, after = suggestion.before.size, suggestion.after.size
    name = safe(request.name)
    log = f"{hours(found.extent.hours)} of log ({size(found.logged.size)})"
    yield f"Suggested by `kaudit-setup policy suggest` from {log}."
    if not suggestion.savings:
        yield f"Nothing can be left out of {name} that would save at least 0.1 % and change no answer."
    else:
        yield f"Of this log, {name} would write {size(before)}, this policy {size(after)} ({share(after, before)})."
        yield "What the log lacks cannot be counted. `policy answers` says the same of both policies."
    yield ""


def _comment(saving: Saving, found: Suggested) -> Iterator[str]:
    said = f"{_saved(saving, found)}: {what(saving, found)}."
    yield from wrap(said, "", "")
    yield from wrap(f"Trades: {_TRADES[saving.candidate.kind]}.", "", "")


def _saved(saving: Saving, found: Suggested) -> str:
    parts = [share(saving.size, found.suggestion.before.size), size(saving.size)]
    rate = per_day(saving, found)
    if rate is not None and saving.events:
        parts.append(f"{rate} events a day")
    return f"Saves {parts[0]} ({', '.join(parts[1:])})"


def what(saving: Saving, found: Suggested) -> str:
    """What is left out, in words."""
    one = saving.candidate
    if one.kind == "stage":
        return f"stage {one.stage}, the first of two events of each request"
    scope = _scope(one.rule)
    if one.kind == "level":
        base = found.suggestion.base
        level = base.rules[one.before].level
        return f"the bodies of {scope}, which {phrasing.rule_name(base, one.before)} logs at level {level}"
    return scope


def _scope(rule: Rule) -> str:
    """What the rule is about; of many kinds of objects only how many they are, since the rule lists them."""
    kinds = sum(len(entry.resources) for entry in rule.resources)
    if kinds <= _LISTED:
        return phrasing.scope(rule)
    said = phrasing.scope(replace(rule, resources=(GroupResources("", ("\0",)),)))
    return said.replace("\0", f"{kinds} kinds of objects")


def per_day(saving: Saving, found: Suggested) -> int | None:
    """Events a day that are saved, None where the log covers no time."""
    return round(saving.events * 24 / found.extent.hours) if found.extent.hours else None


class PolicySaving(Item, frozen=True, kw_only=True):
    """One change. drop: a rule of level None before all others; level: a rule of level Metadata before the one that
    logged bodies; stage: a stage that the policy omits. `rule`: as YAML, empty for a stage. `share`: of the
    bytes that the base would have written. `events_per_day`: null where the log covers no time.
    """

    change: Literal["drop", "level", "stage"]
    what: Words
    trades: Words
    rule: str
    events: int
    bytes: Bytes
    share: float
    events_per_day: int | None


class PolicySuggestion(Item, frozen=True, kw_only=True):
    """The suggested policy (`policy`, a file), and what the log would be under the base and under it."""

    base: str
    policy: str
    logged_events: int
    logged_bytes: Bytes
    base_events: int
    base_bytes: Bytes
    events: int
    bytes: Bytes
    hours: float
    savings: tuple[PolicySaving, ...]


def as_item(request: Request, found: Suggested) -> PolicySuggestion:
    """The same for programs."""
    suggestion = found.suggestion
    return PolicySuggestion(
        base=request.name,
        policy=as_text(request, found) + "\n",
        logged_events=found.logged.events,
        logged_bytes=found.logged.size,
        base_events=suggestion.before.events,
        base_bytes=suggestion.before.size,
        events=suggestion.after.events,
        bytes=suggestion.after.size,
        hours=round(found.extent.hours, 3),
        savings=tuple(_saving(saving, found) for saving in suggestion.savings),
    )


def _saving(saving: Saving, found: Suggested) -> PolicySaving:
    one, whole = saving.candidate, found.suggestion.before.size
    rule: Sequence[str] = [] if one.kind == "stage" else [line[2:] for line in rule_lines(one.rule)]
    return PolicySaving(
        change=one.kind,
        what=what(saving, found),
        trades=_TRADES[one.kind],
        rule="\n".join(rule),
        events=saving.events,
        bytes=saving.size,
        share=round(saving.size / whole, 6) if whole else 0.0,
        events_per_day=per_day(saving, found),
    )
