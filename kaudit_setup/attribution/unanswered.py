"""Why there is no answer: nobody did it, the log begins later, the policy left it out, or a log is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.lifetimes import lifetimes
from kaudit_setup.attribution.evidence.requests import TIMED_OUT, Object, Request, creates
from kaudit_setup.attribution.phrases import actor
from kaudit_setup.auditlog.scan_statistics import Coverage
from kaudit_setup.policy.evaluate import evaluate
from kaudit_setup.policy.model import Attributes, Policy
from kaudit_setup.policy.request import is_long_running
from kaudit_setup.resources import counted

_APISERVER = "kube-apiserver-"
_SHOWN = 5

# How each request is asked for: verb, subresource, and whether the policy sees the object's name (not in a create).
_ASKED: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "created": (("create", "", False),),
    "changed": (("patch", "", True), ("update", "", True)),
    "deleted": (("delete", "", True), ("deletecollection", "", False)),
    "read": (("get", "", True), ("list", "", False)),
    "exec": (("create", "exec", True), ("get", "exec", True)),
    "touched": (("create", "", False), ("patch", "", True), ("delete", "", True), ("get", "", True)),
}
_Actor = tuple[str, tuple[str, ...]]
_PERSON: _Actor = ("somebody", ("system:authenticated",))
_ADMIN: _Actor = ("kubernetes-admin", ("system:masters", "system:authenticated"))
_CONTROLLERS = {
    "pods": "replicaset-controller",
    "replicasets": "deployment-controller",
    "jobs": "cronjob-controller",
}
"""Which controller makes objects of a kind, and deletes those that are too many."""


def attempts(index: EventIndex, obj: Object, match: Callable[[Request], bool]) -> list[str]:
    """What was tried and is no request: refused, dry runs, requests whose end is not in the log."""
    tried = [
        request
        for request in [*index.on(obj), *(d for d in index.nameless(obj) if d.outcome == "open" and not creates(d))]
        if match(request) and not request.done and not (request.controller or request.node)
    ]
    said = [_attempt(request, obj) for request in tried]
    more = [f"and {counted(len(said) - _SHOWN, 'more attempt')} without effect"] if len(said) > _SHOWN else []
    return said[:_SHOWN] + more


def _attempt(request: Request, obj: Object) -> str:
    what = f"{actor(request)} asked to {asked(request)} {obj} at {request.time}"
    if request.outcome == "dry-run":
        return f"{what}: a dry run, nothing came of it"
    if request.code == TIMED_OUT:
        return f"{what} and it timed out ({request.code}): it may have happened all the same"
    if request.outcome == "open":
        return f"{what}; whether it succeeded is not in this log (only stage {request.stage or 'unknown'} is)"
    why = f": {request.reason}" if request.code == 403 and request.reason else ""
    if request.stage == "Panic" or request.code >= 500:
        return f"{what}; the request failed with {request.code}"
    return f"{what} and was refused with {request.code}{why}"


def asked(request: Request) -> str:
    """What a request asked for, behind `asked to`, in front of its object: `delete`, `evict`, `run a command in`."""
    known = {
        "eviction": "evict",
        "exec": "run a command in",
        "attach": "attach to",
        "portforward": "forward a port of",
        "proxy": "send a request through the proxy to",
        "scale": "scale",
        "binding": "bind",
        "token": "take a token of",
        "log": "read the log of",
        "ephemeralcontainers": "add a debug container to",
    }
    if request.subresource == "scale" and request.verb == "get":
        return "read the scale of"
    if request.subresource in known:
        return known[request.subresource]
    if request.subresource:
        return f"{request.verb} the {request.subresource} of"
    return {"deletecollection": "delete", "get": "read"}.get(request.verb, request.verb)


def silence(
    index: EventIndex,
    verb: str,
    obj: Object,
    coverage: Sequence[Coverage],
    policy: Policy | None,
    *,
    followed: bool = False,
    known: str = "",
) -> list[str]:
    """Sentences that say why nobody is named, the weightiest first.

    `known`: the reason, where the log shows it.
    `followed`: although no request for it is known, what is above the object has an answer.
    """
    first = min((each.first for each in coverage if each.first), default="")
    last = max((each.last for each in coverage if each.last), default="")
    if not first:
        return ["There is no event in this log."]
    alive = [request for request in index.on(obj) if request.done]
    left_out = unlogged(policy, verb, obj) if policy else []
    said: list[str] = []
    if known:
        said.append(f"{known}.")
    elif left_out:
        said += left_out
    elif verb == "created" and alive:
        since = lifetimes(alive)[-1].since
        said += _made_before(
            [request for request in alive if request.at >= since], obj, "" if since else first, policy
        )
    else:
        said.append(
            f"Nobody in this log {_did(verb)} {obj}: no successful request to do so is in it, and it covers"
            f" {first} to {last}."
        )
        if not alive and followed:
            said.append(f"No successful request in this log names {obj} at all.")
        elif not alive:
            said.append(f"No successful request in this log names {obj} at all; is the name, the namespace right?")
        elif policy is None and verb in {"read", "exec"}:
            said.append("Or the policy did not log it: give --policy FILE to know.")
    said += _holes(coverage)
    said += missing_nodes(index, coverage)
    return said


def _made_before(alive: Sequence[Request], obj: Object, first: str, policy: Policy | None) -> list[str]:
    """`alive`: what was done to it. `first`: when the log begins, empty if it shows an object of this name before."""
    mention = alive[0]
    fresh = [request for request in alive if request.subresource == "binding"]
    if fresh:
        bound = f"{obj} was made while this log was written, just before it was bound to a node at {fresh[0].time}"
        return [f"{bound}; the request is not in it: the policy did not log it, or another node's log has it."]
    if not first:
        return [f"{obj} was there at {mention.time}, another one than before; who made it is not in this log."]
    there = f"{obj} was there already at {mention.time}, when it is first mentioned"
    said = [f"The log does not reach back that far: {there}, and the log begins at {first}."]
    if policy is None:
        said.append("Or the policy did not log who made it: give --policy FILE to know.")
    return said


def _did(verb: str) -> str:
    return {"exec": "went into", "read": "read"}.get(verb, verb)


def _holes(coverage: Sequence[Coverage]) -> list[str]:
    said = [
        f"The log of {each.node} has a gap from {begin} to {end}." for each in coverage for begin, end in each.gaps
    ]
    if len(said) > _SHOWN:
        said = [*said[:_SHOWN], f"And {counted(len(said) - _SHOWN, 'more gap')}."]
    return said + [f"The log of {each.node} holds no event." for each in coverage if each.files and not each.first]


def missing_nodes(index: EventIndex, coverage: Sequence[Coverage]) -> list[str]:
    """API servers that ran while the log was written, but whose logs are not here: each writes its own."""
    # a kubelet's reports and reads show it, too: what a `focus` leaves out
    servers = {
        request.node
        for request in index.every([b'"name":"' + _APISERVER.encode()])
        if request.resource == "pods"
        and request.node
        and request.name == f"{_APISERVER}{request.node}"
        and request.done
    }
    known = {each.node for each in coverage}
    strange = sorted(servers - known)
    lacking = len(servers) - len(coverage)
    if lacking <= 0:
        return []
    if len(servers & known) == len(coverage):
        names = ", ".join(strange)
        return [f"The log of {names} is missing: a kube-apiserver ran there too, and each writes its own log."]
    ran = f"a kube-apiserver ran on each of {', '.join(sorted(servers))}"
    return [f"The logs of {lacking} nodes are missing: {ran}, and this is the log of {len(coverage)}."]


def unlogged(policy: Policy | None, verb: str, obj: Object) -> list[str]:
    """Which rules keep such requests out of the log; empty if all would be logged."""
    if policy is None:
        return []
    actors = [_PERSON, _ADMIN]
    if verb in {"created", "deleted"} and (controller := _CONTROLLERS.get(obj.resource)):
        everyone = ("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated")
        actors.append((f"system:serviceaccount:kube-system:{controller}", everyone))
    lost: dict[str, list[str]] = {}
    kept = 0
    for user, groups in actors:
        for request, sub, by_name in _ASKED[verb]:
            if request == "deletecollection" and user.startswith("system:serviceaccount:"):
                continue  # these controllers delete one by one
            name = obj.name if by_name else ""
            why = _dropped(
                policy, Attributes(user, groups, request, obj.group, obj.resource, sub, obj.namespace, name)
            )
            kept += not why
            if why:
                lost.setdefault(why, []).append(f"{request} by {'a person' if user == 'somebody' else user}")
    if not lost:
        return []
    if not kept:
        return [f"The policy did not log it: {why}, so no request to do so is in this log." for why in lost]
    return [f"The policy did not log a {' or a '.join(dict.fromkeys(who))}: {why}." for why, who in lost.items()]


def _dropped(policy: Policy, attributes: Attributes) -> str:
    """Why such a request leaves no trace of its success; empty if it does."""
    decision = evaluate(policy, attributes)
    if decision.rule_index < 0:
        return "no rule matches it"
    rule = policy.rules[decision.rule_index]
    where = f"rule {decision.rule_index + 1}" + (f" (line {rule.line})" if rule.line else "")
    if decision.level == "None":
        return f"{where} says level None"
    # the response to a long-running request is logged as it starts, too, with its code
    showing = ["ResponseStarted", "ResponseComplete"] if is_long_running(attributes) else ["ResponseComplete"]
    if set(showing) <= set(decision.omit_stages):
        return f"{where} omits the stage{'s' if len(showing) > 1 else ''} {' and '.join(showing)}"
    return ""
