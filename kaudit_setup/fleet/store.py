"""Whether, and how, a cluster's settings are stored in its kubeadm-config. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from kaudit_setup.change.persist import NAME, ConfigPlan, plan_persist, plan_restore
from kaudit_setup.fleet.group import Cluster
from kaudit_setup.fleet.survey import Fleet
from kaudit_setup.model import AuditSettings


@dataclass(frozen=True, slots=True)
class Storing:
    """What will be stored for one cluster: `plan` None where nothing is, and `why` says why not."""

    plan: ConfigPlan | None
    why: str = ""
    settings: AuditSettings | None = None

    def __bool__(self) -> bool:
        return bool(self.plan)


def plan_storing(fleet: Fleet, cluster: Cluster, *, wanted: bool) -> Storing:
    """What the configuration must say so that kubeadm makes the manifest that the last node will have; or what a
    backup says that it was.

    Nothing is stored while the cluster has control-plane nodes that are not in the list: an upgrade would give them
    flags that name a policy file which they do not have, and their API servers would not start.
    Raises InputError for a configuration that cannot be read.
    """
    if not wanted:
        return Storing(None, f"ConfigMap {NAME} is left alone (--no-persist)")
    seen = next((m.seen for m in reversed(cluster.members) if m.seen.config), cluster.members[-1].seen)
    if seen.config is None:
        return Storing(None, seen.config_why)
    pod = fleet.of(cluster.members[-1]).prepared.plan.pod
    settings = AuditSettings(pod.flags)
    old = fleet.of(cluster.members[-1]).prepared.kubeadm_config
    plan = plan_restore(seen.config, old, pod.mounts) if old else plan_persist(seen.config, settings, pod.mounts)
    if plan and cluster.strangers:
        names = ", ".join(map(str, cluster.strangers))
        return Storing(
            None,
            f"ConfigMap {NAME} is left alone: {names} of this cluster is not in the list, and kubeadm would apply "
            "the settings there, too; it is changed when all control-plane nodes are in one run",
        )
    return Storing(plan, "" if plan else f"ConfigMap {NAME} says the same already", settings)


def unlike(fleet: Fleet, cluster: Cluster) -> str:
    """A remark where the nodes of a cluster will have different audit flags, empty where they are alike."""
    flags = {m.name: dict(fleet.of(m).prepared.plan.pod.flags) for m in cluster.members}
    last = flags[cluster.members[-1].name]
    others = [name for name, found in flags.items() if found != last]
    if not others:
        return ""
    return (
        f"{', '.join(others)} will have other audit flags than {cluster.members[-1].name}, because some were set by "
        "hand there; give them explicitly to make all nodes alike"
    )
