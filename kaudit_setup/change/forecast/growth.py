"""From the requests that a server has counted and a policy to bytes a second; only `growth_of` asks a node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from kaudit_setup.change.expectation import address_of, log_on_host
from kaudit_setup.change.forecast.senders import Sender, possible, usual
from kaudit_setup.change.forecast.sizes import event_size
from kaudit_setup.change.nodestate import AuditPaths, NodeState
from kaudit_setup.change.plan import Plan
from kaudit_setup.change.status import log_rate
from kaudit_setup.model import AuditSettings, KubeVersion, read_as
from kaudit_setup.node.peers import Address
from kaudit_setup.node.port import Node
from kaudit_setup.node.requests import RequestCount, RequestsSeen, ask_requests
from kaudit_setup.policy.evaluate import Compiled
from kaudit_setup.policy.evaluate import compile as compiled_for
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import LEVELS, Attributes, Level, Policy, Stage

_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "APPLY": "patch", "CONNECT": "create",
                 "WATCHLIST": "watch"}  # fmt: skip
"""The server's metrics → audit events (staging/src/k8s.io/apiserver/pkg/endpoints/metrics/metrics.go:cleanVerb)."""
_LONG: Final = frozenset({"WATCH", "WATCHLIST", "CONNECT"})
_STAGES: Final[tuple[Stage, ...]] = ("RequestReceived", "ResponseComplete")
_LONG_STAGES: Final[tuple[Stage, ...]] = ("RequestReceived", "ResponseStarted", "ResponseComplete")


@dataclass(frozen=True, slots=True)
class Growth:
    """What is expected of the log of one node, a second: `requests` that its server answers, `events` and `size`
    (bytes) that the policy makes of them, `most` bytes if always those send them of whom the policy logs most.

    `levels`: which share of the requests gets which level, adding up to 1. `seconds`: how long the server has
    counted. `why`: why all that is not known; empty if it is.
    """

    requests: float = 0.0
    events: float = 0.0
    size: float = 0.0
    most: float = 0.0
    levels: dict[Level, float] = field(default_factory=dict)
    seconds: float = 0.0
    why: str = ""


def growth_of(node: Node, state: NodeState, plan: Plan) -> Growth | None:
    """What to expect once `plan` is carried out; asks the node's server, in one round trip.

    None where nothing is to be said: nothing restarts, no events are written to a file or to standard output, no
    server runs that could be asked, or the policy stays as it is beside a log that tells better.
    """
    version = read_as(plan.pod.version)[0]
    content = _new_policy(state, plan)
    policy = load(content, version).policy if content else None
    if policy is None:
        return None
    return expected_growth(policy, version, ask_requests(node, Address(*address_of(state.pod))))


def _new_policy(state: NodeState, plan: Plan) -> bytes:
    """The policy of which something is to be said; empty if there is none."""
    settings = AuditSettings(plan.pod.flags)
    paths = AuditPaths.of(settings, plan.pod)
    if not (plan.restarts and state.observed.server and log_on_host(settings, paths)):
        return b""
    seen = state.observed.file(paths.policy)
    content = plan.content(seen)
    return b"" if content == seen.content and log_rate(state.observed.log) else content


def expected_growth(policy: Policy, version: KubeVersion, seen: RequestsSeen) -> Growth:
    """The same of these counts. Pure."""
    if seen.why:
        return Growth(why=seen.why)
    decide = compiled_for(policy, version)
    total = sum(count.requests for count in seen.counts)
    shares = dict.fromkeys(LEVELS, 0.0)
    events = size = most = 0.0
    for count in seen.counts:
        answers = [_answer(decide, count, sender) for sender in usual(count)]
        for level, number, bytes_ in answers:
            shares[level] += count.requests / len(answers) / total
            events += count.requests * number / len(answers)
            size += count.requests * bytes_ / len(answers)
        highest = max(bytes_ for _, _, bytes_ in (*answers, *_answers(decide, count)))
        most += count.requests * highest
    return Growth(
        total / seen.seconds,
        events / seen.seconds,
        size / seen.seconds,
        most / seen.seconds,
        {level: share for level, share in shares.items() if share},
        seen.seconds,
    )


def _answers(decide: Compiled, count: RequestCount) -> Iterable[tuple[Level, int, float]]:
    return (_answer(decide, count, sender) for sender in possible(count))


def _answer(decide: Compiled, count: RequestCount, sender: Sender) -> tuple[Level, int, float]:
    """The level of one such request, its events, and their bytes."""
    verb = _VERBS.get(count.verb, count.verb.lower())
    decision = decide(_attributes(count, verb, sender))
    if decision.level == "None":
        return "None", 0, 0.0
    stages = [stage for stage in _stages(count) if stage not in decision.omit_stages]
    answered = count.bytes // count.requests
    size = sum(event_size(verb, count.resource, decision.level, stage, response=answered) for stage in stages)
    return decision.level, len(stages), size


def _stages(count: RequestCount) -> tuple[Stage, ...]:
    return _LONG_STAGES if count.verb in _LONG else _STAGES


def _attributes(count: RequestCount, verb: str, sender: Sender) -> Attributes:
    if not count.resource:
        return Attributes(sender.user, sender.groups, verb, is_resource=False, path=count.subresource or "/api")
    namespace = "" if count.scope == "cluster" else sender.namespace
    return Attributes(sender.user, sender.groups, verb, count.group, count.resource, count.subresource, namespace)
