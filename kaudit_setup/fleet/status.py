"""What state auditing is in on each of many nodes, and in what they differ from each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kaudit_setup.change.persist import NAME, is_persisted
from kaudit_setup.change.prepare import look
from kaudit_setup.change.run import probe_now
from kaudit_setup.change.status import Status, judge
from kaudit_setup.fleet.drift import POLICY, Difference, differences, unlike_wanted
from kaudit_setup.fleet.group import Member
from kaudit_setup.fleet.survey import Answer, Candidate, cluster_of, member_of
from kaudit_setup.node.cluster import ClusterSeen

# seconds for the marked request: the server runs already
_PROOF_S = 10


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node's answer."""

    status: Status
    member: Member

    @property
    def settings(self) -> dict[str, str]:
        """What nodes of one kind have in common: the flags, and the policy's hash."""
        status = self.status
        return status.flags | ({POLICY: status.policy_sha256} if status.policy_sha256 else {})


def status_of(candidate: Candidate, *, manifest: str, living: bool) -> NodeStatus:
    """Look at one node and, where it is a living one, send a marked request. Raises ManifestError, NodeError."""
    node = candidate.node
    state = look(node, manifest)
    found = judge(state)
    if not living:
        return NodeStatus(found, member_of(candidate, state, ClusterSeen(None)))
    if found.state == "on":
        found = judge(state, probe_now(node, state, limit=_PROOF_S))
    seen = cluster_of(state.observed)
    if state.settings.flags:
        kept = is_persisted(seen.config, state.settings, state.pod.mounts) if seen.config else None
        why = seen.config_why if kept is None else "" if kept else f"ConfigMap {NAME} does not have these settings"
        found = replace(found, persisted=kept, persisted_why=why)
    return NodeStatus(found, member_of(candidate, state, seen))


@dataclass(frozen=True, slots=True)
class Row:
    """One node beside others: its name as the user gave it, and in what it differs from most of them.

    `status` is None where it gave no answer, and `unreachable` says why.
    """

    name: str
    cluster: str = ""
    ca: str = ""
    status: Status | None = None
    differs: tuple[Difference, ...] = ()
    unreachable: str = ""

    @property
    def good(self) -> bool:
        """Whether it writes events, with the same settings as the others and as the inventory wants."""
        return self.status is not None and self.status.state == "on" and not self.differs


def compared(
    asked: Sequence[Answer[NodeStatus]], wanted: Sequence[Mapping[str, str]] | None = None
) -> tuple[Row, ...]:
    """Every node beside the others, in their order, and beside what the inventory wants of it, one entry a node:
    flags, and POLICY with the hash of the policy; empty where it wants nothing.
    """
    differs = iter(differences([a.value.settings for a in asked if a.value]))
    rows = []
    for a, written in zip(asked, wanted or [{}] * len(asked), strict=True):
        name = a.candidate.node.name
        if a.value is None:
            rows.append(Row(name, unreachable=a.error.message if a.error else ""))
        else:
            member = a.value.member
            cluster = a.candidate.claimed or member.ca[:12]
            unlike = unlike_wanted(a.value.settings, written)
            said = {difference.name for difference in unlike}
            others = (difference for difference in next(differs) if difference.name not in said)
            rows.append(Row(name, cluster, member.ca, a.value.status, (*unlike, *others)))
    return tuple(rows)
