"""One request explained: the rule that decides, what is written, and the rules that came close."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.evaluate.batch import decision_fields
from kaudit_setup.policy.explain import Explanation
from kaudit_setup.policy.explain.events import EventPlan
from kaudit_setup.policy.model import Attributes, Policy
from kaudit_setup.policy.request import is_long_running
from kaudit_setup.report.escape import safe
from kaudit_setup.report.wrap import wrapped


def as_text(name: str, version: KubeVersion, policy: Policy, answer: Explanation, rule: Sequence[str]) -> str:
    """The request, the rule that decides with its lines, the events stage by stage, the rules that came close.

    `name`: the policy's; `rule`: the lines of the rule that decides, none where no rule does.
    """
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
        out += [f"  {number:4} | {line}" for number, line in enumerate(rule, first)]
    out.append("")
    out += _events(answer.events)
    out += _close(answer, policy)
    return "\n".join(map(safe, out))


def _request(a: Attributes) -> str:
    who = "a failed login" if a.user is None else f'"{a.user}"' if a.user else "a user whom no rule names"
    if a.groups:
        who += f" (groups {', '.join(a.groups)})"
    if not a.is_resource:
        return f"{a.verb} {a.path} by {who}"
    what = a.resource + (f".{a.api_group}" if a.api_group else "") + (f"/{a.subresource}" if a.subresource else "")
    name = f' "{a.name}"' if a.name else ""
    where = f" in namespace {a.namespace}" if a.namespace else ""
    return f"{a.verb or '(no verb)'} {what}{name}{where} by {who}"


def _events(events: Sequence[EventPlan]) -> Iterator[str]:
    if not any(event.written for event in events):
        omitted = ", ".join(event.stage for event in events)
        yield "events: none" + (f"; the policy omits {omitted}" if omitted else "")
        return
    yield "events:"
    written: list[EventPlan] = []
    for event in events:
        if not event.written:
            yield f"  {event.stage}: omitted by the policy ({event.when})"
            continue
        yield f"  {event.stage}: {event.when}"
        yield from _notes(event, written)
        written.append(event)


def _notes(event: EventPlan, before: Sequence[EventPlan]) -> Iterator[str]:
    """What the event holds (+) and lacks (-); what an earlier event holds, too, is not said twice."""
    same = max((e for e in before if set(e.holds) <= set(event.holds)), key=lambda e: len(e.holds), default=None)
    holds = [note for note in event.holds if same is None or note not in same.holds]
    if same is not None:
        holds.insert(0, f"what {same.stage} holds")
    for sign, notes in (("+", holds), ("-", event.lacks)):
        for note in notes:
            yield from wrapped(note, f"    {sign} ", "      ")


def _close(answer: Explanation, policy: Policy) -> Iterator[str]:
    if not answer.close:
        return
    yield ""
    yield "rules that came close:"
    for miss in answer.close:
        too_late = f"matches too, but rule {answer.decision.rule_index + 1} comes first"
        for index, reason in enumerate(miss.reasons or (too_late,)):
            first = f"  rule {miss.index + 1} (line {policy.rules[miss.index].line}): " if not index else "    and "
            yield from wrapped(reason, first, "      ")


def as_data(policy: Policy, answer: Explanation, rule: Sequence[str]) -> dict[str, object]:
    """The same for programs."""
    first, last = answer.rule_lines
    a = answer.attributes
    return {
        **decision_fields(answer.decision),
        "attributes": {
            "user": a.user,
            "groups": list(a.groups),
            "verb": a.verb,
            "apiGroup": a.api_group,
            "resource": a.resource,
            "subresource": a.subresource,
            "namespace": a.namespace,
            "name": a.name,
            "isResource": a.is_resource,
            "path": a.path,
        },
        "longRunning": is_long_running(a),
        "rule": {"line": first, "endLine": last, "text": "\n".join(rule)} if first else None,
        "events": [asdict(event) for event in answer.events],
        "close": [
            {"ruleIndex": miss.index, "line": policy.rules[miss.index].line, "reasons": list(miss.reasons)}
            for miss in answer.close
        ],
    }
