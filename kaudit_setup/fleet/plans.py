"""What will be done to many nodes, as values that a person can review before it happens."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kaudit_setup.change.expectation import address_of
from kaudit_setup.change.persist import ConfigPlan
from kaudit_setup.change.prepare import Prepared
from kaudit_setup.fleet.group import Cluster, Member
from kaudit_setup.manifest.pod import ApiServerPod
from kaudit_setup.model import AuditSettings
from kaudit_setup.node.peers import Address
from kaudit_setup.node.port import Node


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node, its plan, and what its API server said of the cluster.

    `node`: the way to it. `seconds`: how long looking and planning took.
    """

    node: Node
    prepared: Prepared
    member: Member
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """As the user gave it."""
        return self.member.name

    @property
    def pod(self) -> ApiServerPod:
        """Its kube-apiserver as the plan leaves it."""
        return self.prepared.plan.pod


class ConfigState(StrEnum):
    """What became of a cluster's kubeadm-config."""

    stored = "stored"  # written in this run
    up_to_date = "upToDate"  # it said all this already
    not_stored = "notStored"  # it should have been written: the next kubeadm upgrade undoes this change
    unknown = "unknown"  # nobody could be asked what it says
    skipped = "skipped"  # it was not to be written


@dataclass(frozen=True, slots=True)
class ConfigReport:
    """The same with a sentence for people, empty where there is nothing to say."""

    state: ConfigState = ConfigState.not_stored
    said: str = ""


@dataclass(frozen=True, slots=True)
class Storing:
    """What will be stored for one cluster: `plan` None where nothing is, and `why` says why not.

    `missed`: it should be stored and is not, so that the next kubeadm upgrade undoes what is done now. `unknown`:
    there was no API server to ask what is stored; it is asked again once the change is proved.
    """

    plan: ConfigPlan | None
    why: str = ""
    settings: AuditSettings | None = None
    missed: bool = False
    unknown: bool = False

    def __bool__(self) -> bool:
        return bool(self.plan)

    @property
    def nothing(self) -> ConfigReport:
        """What there is to report where nothing is stored."""
        if self.unknown:
            return ConfigReport(ConfigState.unknown, self.why)
        if self.missed:
            return ConfigReport(ConfigState.not_stored, self.why)
        return ConfigReport(ConfigState.up_to_date if self.settings else ConfigState.skipped, self.why)


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """One cluster: its nodes in the order in which they are changed, and what is stored after the last one."""

    cluster: Cluster
    nodes: tuple[NodePlan, ...]
    storing: Storing

    @property
    def remark(self) -> str:
        """A remark where the nodes will have different audit flags, empty where they are alike."""
        last = self.nodes[-1]
        others = [node.name for node in self.nodes if node.pod.flags != last.pod.flags]
        if not others:
            return ""
        return (
            f"{', '.join(others)} will have other audit flags than {last.name}, because some were set by "
            "hand there; give the flags explicitly to make all nodes the same"
        )


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """Every cluster, in the order of the list. `doubles`: (name, the name under which that machine came first)."""

    clusters: tuple[ClusterPlan, ...]
    doubles: tuple[tuple[str, str], ...] = ()

    @property
    def nodes(self) -> tuple[NodePlan, ...]:
        """All nodes, cluster by cluster."""
        return tuple(node for cluster in self.clusters for node in cluster.nodes)

    @property
    def changes_something(self) -> bool:
        """On a node or in a ConfigMap."""
        return any(node.prepared.plan for node in self.nodes) or any(c.storing for c in self.clusters)


def server_at(pod: ApiServerPod) -> Address:
    """Where this very server listens."""
    return Address(*address_of(pod))
