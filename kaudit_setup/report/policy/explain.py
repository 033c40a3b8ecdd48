"""One request explained: the rule that decides, what is written, and the rules that came close."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.explain import Explanation
from kaudit_setup.policy.explain.events import EventPlan
from kaudit_setup.policy.model import Attributes, Level, Policy, Stage
from kaudit_setup.policy.request import is_long_running
from kaudit_setup.report.documents.document import Item, Words
from kaudit_setup.report.escape import safe
from kaudit_setup.report.wrap import wrap


def as_text(
    name: str,
    version: KubeVersion,
    policy: Policy,
    answer: Explanation,
    rule: Sequence[str],
    notes: Sequence[str] = (),
) -> str:
    """The request, the rule that decides with its lines, the events stage by stage, the rules that came close.

    `name`: the policy's; `rule`: the lines of the rule that decides, none where no rule does; `notes`: what was
    taken for granted of the request.
    """
    out = wrap(_request(answer.attributes), "request: ", "  ")
    out += [line for note in notes for line in wrap(note, "note: ", "      ")]
    out.append("")
    out += wrap(f"{_decided(name, answer)}: level {answer.decision.level} (Kubernetes {version})", "", "  ")
    out += [f"  {number:4} | {line}" for number, line in enumerate(rule, answer.rule_lines[0])]
    out.append("")
    out += _events(answer.events)
    out += _close(answer, policy)
    return "\n".join(map(safe, out))


def _decided(name: str, answer: Explanation) -> str:
    """Which rule decides, and where it stands."""
    first, last = answer.rule_lines
    if not first:
        return f"No rule of {name} matches"
    where = f"line {first}" if first == last else f"lines {first} to {last}"
    return f"Rule {answer.decision.rule_index + 1} of {name}, {where}"


def _request(a: Attributes) -> str:
    if not a.is_resource:
        return f"{a.verb} {a.path} by {_who(a)}"
    parts = (
        a.resource,
        a.api_group and f".{a.api_group}",
        a.subresource and f"/{a.subresource}",
        a.name and f' "{a.name}"',
        a.namespace and f" in namespace {a.namespace}",
    )
    return f"{a.verb or '(no verb)'} {''.join(parts)} by {_who(a)}"


def _who(a: Attributes) -> str:
    groups = f" (groups {', '.join(a.groups)})" if a.groups else ""
    if a.user is None:
        return f"a failed login{groups}"
    return (f'"{a.user}"' if a.user else "a user whom no rule names") + groups


def _events(events: Sequence[EventPlan]) -> Iterator[str]:
    if any(event.written for event in events):
        yield "events:"
        yield from _planned(events)
    else:
        omitted = ", ".join(event.stage for event in events)
        yield "events: none" + (f"; the policy omits {omitted}" if omitted else "")


def _planned(events: Sequence[EventPlan]) -> Iterator[str]:
    written: list[EventPlan] = []
    for event in events:
        if event.written:
            yield from wrap(event.when, f"  {event.stage}: ", "    ")
            for sign, notes in (("+", _news(event, written)), ("-", event.lacks)):
                for note in notes:
                    yield from wrap(note, f"    {sign} ", "      ")
            written.append(event)
        else:
            yield from wrap(f"omitted by the policy ({event.when})", f"  {event.stage}: ", "    ")


def _news(event: EventPlan, before: Sequence[EventPlan]) -> Sequence[str]:
    """What the event holds; what an earlier event holds, too, is not said twice."""
    alike = [earlier for earlier in before if set(earlier.holds) <= set(event.holds)]
    if not alike:
        return event.holds
    same = max(alike, key=lambda earlier: len(earlier.holds))
    return [f"what {same.stage} holds", *(note for note in event.holds if note not in same.holds)]


def _close(answer: Explanation, policy: Policy) -> Iterator[str]:
    if answer.close:
        yield ""
        yield "rules that almost matched:"
    too_late = f"matches too, but rule {answer.decision.rule_index + 1} comes first"
    for miss in answer.close:
        first, *others = miss.reasons or (too_late,)
        yield from wrap(first, f"  rule {miss.index + 1} (line {policy.rules[miss.index].line}): ", "      ")
        for reason in others:
            yield from wrap(reason, "    and ", "      ")


class ExplainedRequest(Item, frozen=True, kw_only=True):
    """The request as a policy sees it; `user` is null for a failed login."""

    user: str | None
    groups: tuple[str, ...]
    verb: str
    api_group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    is_resource: bool
    path: str


class ExplainedRule(Item, frozen=True, kw_only=True):
    """The lines of the rule that decides, 1-based."""

    line: int
    end_line: int
    text: str


class ExplainedEvent(Item, frozen=True, kw_only=True):
    """One event of the request; `written` is false where the policy omits its stage."""

    stage: Stage
    when: Words
    written: bool
    holds: tuple[Words, ...]
    lacks: tuple[Words, ...]


class NearMiss(Item, frozen=True, kw_only=True):
    """A rule that almost matched, and why it did not; without reasons it came too late."""

    rule_index: int
    line: int
    reasons: tuple[Words, ...]


class PolicyExplanation(Item, frozen=True, kw_only=True):
    """What kube-apiserver makes of one request; `rule_index` counts from 0, null where no rule matches."""

    level: Level
    omit_stages: tuple[Stage, ...]
    rule_index: int | None
    omit_managed_fields: bool
    attributes: ExplainedRequest
    notes: tuple[Words, ...]
    long_running: bool
    rule: ExplainedRule | None
    events: tuple[ExplainedEvent, ...]
    close: tuple[NearMiss, ...]


def as_item(policy: Policy, answer: Explanation, rule: Sequence[str], notes: Sequence[str] = ()) -> PolicyExplanation:
    """The same for programs."""
    first, last = answer.rule_lines
    a, decision = answer.attributes, answer.decision
    return PolicyExplanation(
        level=decision.level,
        omit_stages=tuple(decision.omit_stages),
        rule_index=None if decision.rule_index < 0 else decision.rule_index,
        omit_managed_fields=decision.omit_managed_fields,
        attributes=ExplainedRequest(
            user=a.user,
            groups=tuple(a.groups),
            verb=a.verb,
            api_group=a.api_group,
            resource=a.resource,
            subresource=a.subresource,
            namespace=a.namespace,
            name=a.name,
            is_resource=a.is_resource,
            path=a.path,
        ),
        notes=tuple(notes),
        long_running=is_long_running(a),
        rule=ExplainedRule(line=first, end_line=last, text="\n".join(rule)) if first else None,
        events=tuple(
            ExplainedEvent(stage=e.stage, when=e.when, written=e.written, holds=e.holds, lacks=e.lacks)
            for e in answer.events
        ),
        close=tuple(
            NearMiss(rule_index=m.index, line=policy.rules[m.index].line, reasons=tuple(m.reasons))
            for m in answer.close
        ),
    )
