"""What is in a kubeadm cluster before anybody has used it, as far as somebody asks for it here."""

from __future__ import annotations

from contextlib import suppress

from kaudit_setup.sandbox.objects import StatusError, Store, Target
from kaudit_setup.sandbox.tree import cluster_configuration


def register(store: Store, *, node: str, address: str) -> None:
    """The Node of a control-plane node, as its kubelet and `kubeadm join` make it; it stays when they have ended."""
    nodes = Target("", "v1", "nodes", "", "")
    made = {
        "metadata": {"name": node, "labels": {"node-role.kubernetes.io/control-plane": ""}},
        "status": {"addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": node}]},
    }
    with suppress(StatusError):
        store.create(nodes, made)


def sow(store: Store, *, version: str) -> None:
    """Fill a new store."""
    for name in ("default", "kube-system", "kube-public", "kube-node-lease"):
        store.create(Target("", "v1", "namespaces", "", ""), {"metadata": {"name": name}})
    store.create(
        Target("", "v1", "configmaps", "kube-system", ""),
        {
            "metadata": {"name": "kubeadm-config"},
            "data": {"ClusterConfiguration": cluster_configuration(version)},
        },
    )
