"""What an audit policy keeps out of the log, for one question."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from kaudit_setup.attribution.evidence.requests import Object
from kaudit_setup.policy.evaluate import evaluate
from kaudit_setup.policy.model import Attributes, Policy
from kaudit_setup.policy.request import is_long_running


class _Way(NamedTuple):
    """One way to do what is asked about; `named`: the policy sees the object's name (not in a create)."""

    verb: str
    subresource: str = ""
    named: bool = True


_CREATE: Final = _Way("create", named=False)
_WAYS: Final = {
    "created": (_CREATE,),
    "changed": (_Way("patch"), _Way("update")),
    "deleted": (_Way("delete"), _Way("deletecollection", named=False)),
    "read": (_Way("get"), _Way("list", named=False)),
    "exec": (_Way("create", "exec"), _Way("get", "exec")),
    "touched": (_CREATE, _Way("patch"), _Way("delete"), _Way("get")),
}
_CONTROLLERS: Final = {
    "pods": "replicaset-controller",
    "replicasets": "deployment-controller",
    "jobs": "cronjob-controller",
}
"""Which controller makes objects of a kind, and deletes those that are too many."""
_ACCOUNTS: Final = ("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated")


class _Sender(msgspec.Struct, frozen=True):
    """Who may have done it, and how they are called."""

    user: str
    groups: tuple[str, ...]
    name: str
    controller: bool = False

    def ways(self, verb: str) -> Iterator[_Way]:
        """The ways in which they do it: these controllers delete one by one."""
        return (way for way in _WAYS[verb] if not (self.controller and way.verb == "deletecollection"))


_PEOPLE: Final = (
    _Sender("somebody", ("system:authenticated",), "a person"),
    _Sender("kubernetes-admin", ("system:masters", "system:authenticated"), "kubernetes-admin"),
)


def unlogged(policy: Policy, verb: str, obj: Object, which: str = "The policy") -> list[str]:
    """Which rules keep such requests out of the log; empty if all would be logged. `which`: what it is called."""
    asked = [(sender, way) for sender in _senders(verb, obj) for way in sender.ways(verb)]
    reasons = [_dropped(policy, _attributes(sender, way, obj)) for sender, way in asked]
    if all(reasons):
        return [f"{which} does not log this: {why}." for why in _once(reasons)]
    lost: dict[str, list[str]] = {}
    for (sender, way), why in zip(asked, reasons, strict=True):
        lost.setdefault(why, []).append(f"{way.verb} by {sender.name}")
    return [f"{which} does not log a {' or a '.join(_once(who))}: {why}." for why, who in lost.items() if why]


def _senders(verb: str, obj: Object) -> tuple[_Sender, ...]:
    controller = _CONTROLLERS.get(obj.resource) if verb in {"created", "deleted"} else None
    if controller is None:
        return _PEOPLE
    user = f"system:serviceaccount:kube-system:{controller}"
    return (*_PEOPLE, _Sender(user, _ACCOUNTS, user, controller=True))


def _attributes(sender: _Sender, way: _Way, obj: Object) -> Attributes:
    name = obj.name if way.named else ""
    where = (obj.group, obj.resource, way.subresource, obj.namespace)
    return Attributes(sender.user, sender.groups, way.verb, *where, name)


def _once(words: list[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _dropped(policy: Policy, attributes: Attributes) -> str:
    """Why such a request leaves no trace of its success; empty if it does."""
    decision = evaluate(policy, attributes)
    if decision.rule_index < 0:
        return "no rule matches"
    rule = policy.rules[decision.rule_index]
    where = f"rule {decision.rule_index + 1}" + (f" (line {rule.line})" if rule.line else "")
    if decision.level == "None":
        return f"{where} has level None"
    # the response to a long-running request is logged as it starts, too, with its code
    showing = ["ResponseStarted", "ResponseComplete"] if is_long_running(attributes) else ["ResponseComplete"]
    if set(showing) <= set(decision.omit_stages):
        return f"{where} omits the stage{'s' if len(showing) > 1 else ''} {' and '.join(showing)}"
    return ""
