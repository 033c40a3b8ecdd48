"""Looking at many nodes at the same time, and finding out which of them belong together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.prepare import Prepared
from kaudit_setup.errors import InputError, KauditError, NodeError, StoppedError
from kaudit_setup.fleet.group import Member, fingerprint, group
from kaudit_setup.fleet.hosts import AuditClaim
from kaudit_setup.fleet.kubeadm_config import plan_storing
from kaudit_setup.fleet.plans import ClusterPlan, FleetPlan, NodePlan, Storing, server_at
from kaudit_setup.fleet.threads import Threads
from kaudit_setup.node.cluster import ClusterSeen
from kaudit_setup.node.observe import Observed
from kaudit_setup.node.peers import Address
from kaudit_setup.node.port import Node

# Connections that are opened at the same time: more only make sshd and us compete for the same processors.
LOOK_FORKS = 32
_LOOK_S = 0.2  # seconds

Waiting = Callable[[Sequence[str]], None]
"""Told the names of the nodes that have not answered."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that somebody named: what they call it, the cluster it is said to belong to, where that is written.

    `audit`: the settings that are written there for that cluster. `given`: how it was named on the command line,
    empty where it was not.
    """

    node: Node
    claimed: str = ""
    where: str = ""
    audit: AuditClaim | None = None
    given: str = ""


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """What one node answered: `value`, or the `error` that kept it from answering."""

    candidate: Candidate
    value: R | None = None
    error: KauditError | None = None


def ask_all(
    candidates: Sequence[Candidate],
    ask: Callable[[Candidate], R],
    *,
    forks: int = LOOK_FORKS,
    waiting: Waiting = lambda _left: None,
) -> list[Answer[R]]:
    """`ask` every node, several at the same time; the answers come in the order of the list, errors among them.

    `waiting` is told several times a second, in this thread, the names of those that have not answered.
    `ask` must not change the nodes: Ctrl-C ends it at once, and who has not answered is not waited for.
    Raises StoppedError then.
    """

    def one(candidate: Candidate) -> Answer[R]:
        try:
            return Answer(candidate, ask(candidate))
        except KauditError as error:
            return Answer(candidate, error=error)

    found: dict[int, Answer[R]] = {}

    def keep(number: int, candidate: Candidate) -> None:
        found[number] = one(candidate)

    threads = Threads([partial(keep, *numbered) for numbered in enumerate(candidates)], forks)
    try:
        threads.begin()
        while not threads.wait(_LOOK_S):
            waiting([each.node.name for number, each in enumerate(candidates) if number not in found])
    except KeyboardInterrupt as error:
        threads.begin_no_more()
        raise StoppedError("interrupted while reading the nodes; nothing was changed anywhere") from error
    return [found[number] for number in range(len(candidates))]


def answers(asked: Sequence[Answer[R]]) -> list[tuple[Candidate, R]]:
    """Every answer; raises one error that names every node that gave none."""
    failed = [a for a in asked if a.error]
    if failed:
        raise all_of([a.error for a in failed if a.error], len(asked))
    return [(a.candidate, a.value) for a in asked if a.value is not None]


def all_of(errors: Sequence[KauditError], total: int) -> KauditError:
    """The one error itself, or one that has each of several on a line of its own."""
    if len(errors) == 1 and total == 1:
        return errors[0]
    kind = InputError if all(isinstance(e, InputError) for e in errors) else NodeError
    first = errors[0]
    return kind(
        f"{len(errors)} of {total} nodes cannot be used; nothing was changed anywhere",
        hint=first.hint or "fix them, or remove them from the list",
        details="\n".join(e.message for e in errors),
    )


def member_of(candidate: Candidate, state: NodeState, seen: ClusterSeen) -> Member:
    """Pure: what tells this node from others, and where its API server listens."""
    observed, at = state.observed, server_at(state.pod)
    advertised = state.pod.flag("advertise-address") or at.host
    return Member(
        name=candidate.node.name,
        ca=fingerprint(observed.ca),
        identity=(observed.machine, observed.host, str(at), advertised),
        at=Address(advertised, at.port) if Address(advertised, at.port) in seen.servers else at,
        version=str(state.pod.version or ""),
        claimed=candidate.claimed,
        where=candidate.where,
        seen=seen,
    )


def cluster_of(observed: Observed) -> ClusterSeen:
    """What the node's API server said; says why where there is none to ask."""
    if not observed.servers:
        return ClusterSeen(None, "kube-apiserver is not running on it")
    return observed.cluster or ClusterSeen(None, "its API server could not be asked about the cluster")


def plan_fleet(
    candidates: Sequence[Candidate],
    prepare: Callable[[Candidate], Prepared],
    *,
    living: bool,
    persist: bool,
    forks: int = LOOK_FORKS,
    waiting: Waiting = lambda _left: None,
) -> FleetPlan:
    """Plan every node; raises one error that names every node that could not be looked at.

    `living`: whether there are API servers that know of their clusters (not on folders); `persist`: whether their
    kubeadm-config shall be changed; `waiting`: see `ask_all`.
    Raises InputError where nodes of one claimed cluster have different CAs.
    """

    def one(candidate: Candidate) -> NodePlan:
        began = time.monotonic()
        prepared = prepare(candidate)
        seen = cluster_of(prepared.state.observed) if living else ClusterSeen(None)
        return NodePlan(
            candidate.node, prepared, member_of(candidate, prepared.state, seen), time.monotonic() - began
        )

    found = [node for _, node in answers(ask_all(candidates, one, forks=forks, waiting=waiting))]
    grouped = group([node.member for node in found])
    clusters = []
    for cluster in grouped.clusters:
        nodes = tuple(node for member in cluster.members for node in found if node.member is member)
        storing = plan_storing(cluster, nodes, wanted=persist) if living else Storing(None)
        clusters.append(ClusterPlan(cluster, nodes, storing))
    return FleetPlan(tuple(clusters), grouped.doubles)
