"""Whether, and how, a cluster's settings are stored in its kubeadm-config. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.change.persist import NAME, ConfigPlan, plan_persist, plan_restore
from kaudit_setup.errors import InputError
from kaudit_setup.fleet.group import Cluster
from kaudit_setup.fleet.plans import ConfigReport, ConfigState, NodePlan, Storing
from kaudit_setup.model import AuditSettings
from kaudit_setup.node.cluster import ClusterSeen, StoredConfig


def plan_storing(cluster: Cluster, nodes: Sequence[NodePlan], *, wanted: bool) -> Storing:
    """What the configuration must say so that kubeadm makes the manifest that the last node will have; or what a
    backup says that it was.

    Nothing is stored while the cluster has control-plane nodes that are not in the list: an upgrade would give them
    flags that name a policy file which they do not have, and their API servers would not start.
    Raises InputError for a configuration that cannot be read.
    """
    if not wanted:
        return Storing(None, f"ConfigMap {NAME} is not updated (--no-persist)")
    last = nodes[-1]
    seen = next((m.seen for m in reversed(cluster.members) if m.seen.config), last.member.seen)
    if seen.config is None and not seen.answered:
        why = f"kubeadm-config: not known, because {seen.config_why}; it is asked for again after the change"
        return Storing(None, why, missed=True, unknown=True)
    if seen.config is None:
        return Storing(None, _not_stored(seen.config_why), missed=True)
    settings = AuditSettings(last.pod.flags)
    plan = _plan(seen.config, settings, last)
    if plan and cluster.strangers:
        names = ", ".join(map(str, cluster.strangers))
        return Storing(
            None,
            f"ConfigMap {NAME} is not updated: {names} of this cluster is not in the list, and kubeadm would apply "
            "the settings there, too; it is updated when all control-plane nodes are in one run",
            missed=True,
        )
    return Storing(plan, "" if plan else "kubeadm-config is up to date", settings)


def found_after(seen: ClusterSeen, last: NodePlan) -> ConfigReport:
    """What is true of a configuration that could not be asked for before the change, now that the server runs.

    Nothing is stored: nobody has reviewed that.
    """
    if seen.config is None:
        return _unstored(seen.config_why)
    try:
        differs = _plan(seen.config, AuditSettings(last.pod.flags), last)
    except InputError as error:
        return _unstored(error.message)
    if differs:
        return _unstored(
            "it could be asked for only after the change; the same command again stores it (a change of "
            "kubeadm-config is reviewed first)"
        )
    return ConfigReport(ConfigState.up_to_date, "kubeadm-config: has these settings already")


def _unstored(why: str) -> ConfigReport:
    return ConfigReport(ConfigState.not_stored, _not_stored(why))


def _not_stored(why: str) -> str:
    return f"kubeadm-config: not stored, because {why}"


def _plan(stored: StoredConfig, settings: AuditSettings, last: NodePlan) -> ConfigPlan:
    old = last.prepared.kubeadm_config
    if old:
        return plan_restore(stored, old, last.pod.mounts)
    return plan_persist(stored, settings, last.pod.mounts)
