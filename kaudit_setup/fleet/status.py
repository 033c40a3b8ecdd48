"""What state auditing is in on each of many nodes, and in what they differ from each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.persist import NAME, is_persisted
from kaudit_setup.change.prepare import look
from kaudit_setup.change.run.proof import probe_now
from kaudit_setup.change.status import Status, judge
from kaudit_setup.fleet.drift import LOG_GROUP, POLICY, Difference, differences, unlike_wanted
from kaudit_setup.fleet.group import Member
from kaudit_setup.fleet.survey import Answer, Candidate, cluster_of, member_of
from kaudit_setup.node.cluster import ClusterSeen
from kaudit_setup.policy import presets
from kaudit_setup.values import replace

# seconds for the marked request: the server runs already
_PROOF_S = 10


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node's answer."""

    status: Status
    member: Member

    @property
    def settings(self) -> dict[str, str]:
        """What nodes of one kind have in common: the flags, the policy's hash, the log's group."""
        status = self.status
        more = {POLICY: status.policy_sha256, LOG_GROUP: status.log_group}
        return status.flags | {name: value for name, value in more.items() if value}


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
        kept, why = _persisted(state, seen)
        found = replace(found, persisted=kept, persisted_why=why)
    return NodeStatus(found, member_of(candidate, state, seen))


def _persisted(state: NodeState, seen: ClusterSeen) -> tuple[bool | None, str]:
    """Whether `kubeadm upgrade` keeps the settings, and why not, or why that is not known."""
    if seen.config is None:
        return None, seen.config_why
    if is_persisted(seen.config, state.settings, state.pod.mounts):
        return True, ""
    return False, f"ConfigMap {NAME} does not have these settings"


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
    policy = _usual_policy([a.value.status for a in asked if a.value])
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
            status = _with_fix(a.value.status, a.candidate, policy)
            rows.append(Row(name, cluster, member.ca, status, (*unlike, *others)))
    return tuple(rows)


def _usual_policy(found: Sequence[Status]) -> str:
    """What `--policy` takes for the policy that most of the nodes have; `FILE` where that is no preset."""
    counted = Counter(status.policy_sha256 for status in found if status.policy_sha256)
    return (presets.name_of(counted.most_common(1)[0][0]) if counted else "") or "FILE"


def _with_fix(status: Status, candidate: Candidate, policy: str) -> Status:
    """What to type for a node that has the settings and not the file that they name."""
    if not status.policy_path or status.policy_sha256:
        return status
    host = f" --host {candidate.given}" if candidate.given else ""
    fix = f"fix: `kaudit-setup enable --policy {policy}{host}` writes it and starts the server"
    return replace(status, remarks=(*status.remarks, fix))
