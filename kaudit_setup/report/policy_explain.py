"""A policy's errors, and one request explained, as text for people; described by shape alone."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Protocol

from kaudit_setup.report.escape import safe

_WIDTH = 110


class ProblemShape(Protocol):
    """policy.nodes.Problem."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class DecisionShape(Protocol):
    """policy.model.Decision."""

    @property
    def level(self) -> str: ...
    @property
    def omit_stages(self) -> Sequence[str]: ...
    @property
    def rule_index(self) -> int: ...


class AttributesShape(Protocol):
    """policy.model.Attributes."""

    @property
    def user(self) -> str | None: ...
    @property
    def groups(self) -> Sequence[str]: ...
    @property
    def verb(self) -> str: ...
    @property
    def api_group(self) -> str: ...
    @property
    def resource(self) -> str: ...
    @property
    def subresource(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def is_resource(self) -> bool: ...
    @property
    def path(self) -> str: ...


class EventShape(Protocol):
    """policy.events.EventPlan."""

    @property
    def stage(self) -> str: ...
    @property
    def when(self) -> str: ...
    @property
    def written(self) -> bool: ...
    @property
    def holds(self) -> Sequence[str]: ...
    @property
    def lacks(self) -> Sequence[str]: ...


class MissShape(Protocol):
    """policy.near.NearMiss."""

    @property
    def index(self) -> int: ...
    @property
    def reasons(self) -> Sequence[str]: ...


class ExplanationShape(Protocol):
    """policy.explain.Explanation."""

    @property
    def attributes(self) -> AttributesShape: ...
    @property
    def decision(self) -> DecisionShape: ...
    @property
    def rule_lines(self) -> tuple[int, int]: ...
    @property
    def events(self) -> Sequence[EventShape]: ...
    @property
    def close(self) -> Sequence[MissShape]: ...


def validated(
    name: str,
    version: str,
    rules: int,
    errors: Sequence[ProblemShape],
    warnings: Sequence[ProblemShape],
    ignored_from: int,
) -> str:
    """One file's verdict, then each error and warning with its place."""
    word = "rule" if rules == 1 else "rules"
    verdict = (
        f"kube-apiserver {version} refuses it" if errors else f"loads in kube-apiserver {version}, {rules} {word}"
    )
    lines = [f"{name}: {verdict}"]
    for kind, problems in (("error", errors), ("warning", warnings)):
        lines += [f"  {_place(p)}{kind}: {p}" for p in problems]
    if ignored_from:
        lines.append(
            f"  line {ignored_from}: note: a second document begins here; kube-apiserver reads only the first"
        )
    return "\n".join(map(safe, lines))


def _place(problem: ProblemShape) -> str:
    return f"line {problem.line}, column {problem.column}: " if problem.line else ""


def explanation(
    name: str, version: str, answer: ExplanationShape, rule_text: Sequence[str], rule_lines: Sequence[int]
) -> str:
    """The request, the rule that decides with its lines, the events stage by stage, the rules that came close."""
    decision = answer.decision
    out = [f"request: {_request(answer.attributes)}", ""]
    if decision.rule_index < 0:
        out.append(f"No rule of {name} matches: level None (Kubernetes {version})")
    else:
        first, last = answer.rule_lines
        where = f"line {first}" if first == last else f"lines {first} to {last}"
        out.append(
            f"Rule {decision.rule_index + 1} of {name}, {where}: level {decision.level} (Kubernetes {version})"
        )
        out += [f"  {number:4} | {line}" for number, line in enumerate(rule_text, first)]
    out.append("")
    out += _events(answer.events)
    out += _close(answer.close, rule_lines, decision.rule_index)
    return "\n".join(map(safe, out))


def _request(a: AttributesShape) -> str:
    who = "a failed login" if a.user is None else f'"{a.user}"' if a.user else "a user whom no rule names"
    if a.groups:
        who += f" (groups {', '.join(a.groups)})"
    if not a.is_resource:
        return f"{a.verb} {a.path} by {who}"
    what = a.resource + (f".{a.api_group}" if a.api_group else "") + (f"/{a.subresource}" if a.subresource else "")
    name = f' "{a.name}"' if a.name else ""
    where = f" in namespace {a.namespace}" if a.namespace else ""
    return f"{a.verb or '(no verb)'} {what}{name}{where} by {who}"


def _events(events: Sequence[EventShape]) -> Iterator[str]:
    if not any(event.written for event in events):
        omitted = ", ".join(event.stage for event in events)
        yield "events: none" + (f"; the policy omits {omitted}" if omitted else "")
        return
    yield "events:"
    written: list[EventShape] = []
    for event in events:
        if not event.written:
            yield f"  {event.stage}: omitted by the policy ({event.when})"
            continue
        yield f"  {event.stage}: {event.when}"
        yield from _notes(event, written)
        written.append(event)


def _notes(event: EventShape, before: Sequence[EventShape]) -> Iterator[str]:
    """What the event holds (+) and lacks (-); what an earlier event holds, too, is not said twice."""
    same = max((e for e in before if set(e.holds) <= set(event.holds)), key=lambda e: len(e.holds), default=None)
    holds = [note for note in event.holds if same is None or note not in same.holds]
    if same is not None:
        holds.insert(0, f"what {same.stage} holds")
    for sign, notes in (("+", holds), ("-", event.lacks)):
        for note in notes:
            yield from textwrap.wrap(
                note, _WIDTH, initial_indent=f"    {sign} ", subsequent_indent="      ", break_on_hyphens=False
            )


def _close(misses: Sequence[MissShape], rule_lines: Sequence[int], decided: int) -> Iterator[str]:
    if not misses:
        return
    yield ""
    yield "rules that came close:"
    for miss in misses:
        too_late = f"matches too, but rule {decided + 1} comes first"
        for index, reason in enumerate(miss.reasons or (too_late,)):
            head = f"  rule {miss.index + 1} (line {rule_lines[miss.index]}): " if not index else "    and "
            yield from textwrap.wrap(
                reason, _WIDTH, initial_indent=head, subsequent_indent="      ", break_on_hyphens=False
            )
