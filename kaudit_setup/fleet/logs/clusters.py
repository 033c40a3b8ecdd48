"""Which nodes' logs belong together, and which API servers of a cluster write no log or were not asked.

As for a change, the cluster CA on the node decides, not what a list claims. A machine without one (where logs are
gathered, say) is of the cluster that the inventory says, or of the only one that there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import time
from typing import Final

from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.status import judge
from kaudit_setup.errors import InputError, ManifestError
from kaudit_setup.fleet.group import Member, fingerprint, strangers
from kaudit_setup.fleet.survey import Answer, Candidate, Waiting, ask_all, cluster_of, member_of
from kaudit_setup.node.observe import Observed, observe
from kaudit_setup.node.port import Node
from kaudit_setup.units import counted
from kaudit_setup.unlogged_servers import UnloggedServer

_CLOCKS_DIFFER: Final = 5.0
"""Seconds from which on it is said."""
_CLAIMED: Final = "claimed "
_BACKENDS: Final = ("--audit-log-path", "--audit-webhook-config-file")


@dataclass(frozen=True, slots=True)
class LogCluster:
    """The nodes of one cluster whose logs are asked for, and the API servers that are known to be missing there.
    `policies`: the audit policies that lie on the nodes, each with the names of those that have it.
    """

    name: str
    nodes: tuple[Node, ...]
    unlogged: tuple[UnloggedServer, ...] = ()
    policies: tuple[tuple[bytes, tuple[str, ...]], ...] = ()
    clocks: tuple[str, ...] = ()
    """A sentence, without a full stop, for each node whose clock is not that of this machine."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What one machine showed; `state` is None where it has no API server. `ahead`: seconds by which its clock is
    ahead of the one here, at least; negative if it is behind.
    """

    observed: Observed
    state: NodeState | None
    ahead: float = 0.0

    @property
    def ca(self) -> str:
        """SHA-256 of the cluster CA, empty if there is none."""
        return fingerprint(self.observed.ca)


def log_clusters(candidates: Sequence[Candidate], waiting: Waiting) -> tuple[LogCluster, ...]:
    """The clusters of `candidates`, in their order; one that cannot be reached counts as one without a CA. `waiting`:
    see `ask_all`.

    Raises InputError where it cannot be told to which of several clusters a machine belongs.
    """
    asked = ask_all(candidates, _look, waiting=waiting)
    keys = _keys(asked)
    together: dict[str, list[Answer[_Look]]] = {}
    for answer, key in zip(asked, keys, strict=True):
        together.setdefault(key, []).append(answer)
    names = _names(together)
    return tuple(
        LogCluster(
            names[key],
            tuple(one.candidate.node for one in found),
            tuple(_unlogged(found)),
            tuple(_policies(found)),
            tuple(_clocks(found)),
        )
        for key, found in together.items()
    )


def _look(candidate: Candidate) -> _Look:
    # no time limit of its own: a node may be silent as long as in the search that follows
    began = time()
    observed = observe(candidate.node, timeout=None)
    ahead = clock_ahead(began, observed.time, time())
    try:
        return _Look(observed, NodeState.of(observed), ahead)
    except ManifestError:
        return _Look(observed, None, ahead)


def clock_ahead(began: float, told: int, ended: float) -> float:
    """By how many seconds at least a clock is ahead (negative: behind) that told the time, in whole seconds and cut
    off, between two moments; 0.0 if it did not tell, or may be right.
    """
    ahead = max(told - ended, 0.0) or min(told + 1 - began, 0.0)
    return ahead if told and abs(ahead) > _CLOCKS_DIFFER else 0.0


def _clocks(found: Iterable[Answer[_Look]]) -> Iterable[str]:
    """The nodes of one cluster whose clocks are not that of this machine."""
    for name, ahead in ((each.candidate.node.name, each.value.ahead) for each in found if each.value is not None):
        by = f"{counted(round(abs(ahead)), 'second')} {'ahead of' if ahead > 0 else 'behind'} the one here"
        yield from [f"the clock of {name} is {by}: the times in its log are those of that clock"] if ahead else []


def _keys(asked: Sequence[Answer[_Look]]) -> list[str]:
    """What tells the cluster of each machine: its CA, or what it is said to belong to."""
    own = [answer.value.ca if answer.value is not None else "" for answer in asked]
    claims: dict[str, set[str]] = {}
    for answer, ca in zip(asked, own, strict=True):
        if ca and answer.candidate.claimed:
            claims.setdefault(answer.candidate.claimed, set()).add(ca)
    said = [ca or _by_claim(answer.candidate.claimed, claims) for answer, ca in zip(asked, own, strict=True)]
    known = list(dict.fromkeys(filter(None, said)))
    if len(known) < 2:
        return [key or "".join(known) for key in said]
    return [key or _alone(answer, len(known)) for answer, key in zip(asked, said, strict=True)]


def _alone(answer: Answer[_Look], clusters: int) -> str:
    """The key of a machine that did not answer, of which nothing tells its cluster: it counts as one of its own.

    Raises InputError for one that did.
    """
    name = answer.candidate.node.name
    if answer.error is not None:
        return f"{_CLAIMED}{name}"
    raise InputError(
        f"{name} has no cluster CA, so which of {clusters} clusters its log is of cannot be told",
        hint="put it below its cluster in the inventory, or ask each cluster by itself",
    )


def _by_claim(claimed: str, claims: Mapping[str, set[str]]) -> str:
    """The CA of the others that are said to be of the same cluster, if they have one, or that claim itself."""
    known = claims.get(claimed, set())
    if len(known) == 1:
        return next(iter(known))
    return f"{_CLAIMED}{claimed}" if claimed else ""


def _names(together: Mapping[str, Sequence[Answer[_Look]]]) -> dict[str, str]:
    """What people call each cluster: the name that the inventory gives it, or the beginning of its CA's SHA-256."""
    names: dict[str, str] = {}
    for key, found in together.items():
        claimed = {one.candidate.claimed for one in found} - {""}
        short = f"cluster {key[:12]}" if key and not key.startswith(_CLAIMED) else ""
        name = claimed.pop() if len(claimed) == 1 else short or found[0].candidate.node.name
        # a list may claim that two clusters are one
        names[key] = f"{name} ({short})" if name in names.values() else name
    return names


def _policies(found: Iterable[Answer[_Look]]) -> Iterable[tuple[bytes, tuple[str, ...]]]:
    """The policies that the API servers of one cluster are started with, as they are now."""
    having: dict[bytes, list[str]] = {}
    for answer in found:
        state = answer.value.state if answer.value is not None else None
        policy = state.policy if state is not None else None
        if policy is not None and policy.content:
            having.setdefault(policy.content, []).append(answer.candidate.node.name)
    return ((content, tuple(names)) for content, names in having.items())


def _unlogged(found: Iterable[Answer[_Look]]) -> Iterable[UnloggedServer]:
    """The API servers of one cluster that write no log, or that nobody asked."""
    members: list[Member] = []
    for answer in found:
        if answer.value is None or answer.value.state is None:
            continue
        state = answer.value.state
        members.append(member_of(answer.candidate, state, cluster_of(state.observed)))
        if why := _writes_nothing(state):
            yield UnloggedServer(answer.candidate.node.name, why)
    for address in strangers(members):
        yield UnloggedServer(str(address), "an API server of this cluster that was not asked")


def _writes_nothing(state: NodeState) -> str:
    """Why the API server of a node writes no audit log; empty if it does, or does not run."""
    running = state.observed.server
    flags = {word.partition("=")[0] for word in running.argv} if running is not None else set()
    if running is not None and not flags.intersection(_BACKENDS):
        return "audit logging is off there"
    return "" if judge(state).enabled or running is not None else "audit logging is off there"
