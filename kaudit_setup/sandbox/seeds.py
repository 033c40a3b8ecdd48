"""What is in a kubeadm cluster before anybody has used it, as far as somebody asks for it here."""

from __future__ import annotations

from kaudit_setup.sandbox.objects import Store, Target
from kaudit_setup.sandbox.tree import cluster_configuration


def sow(store: Store, *, node: str, version: str) -> None:
    """Fill a new store."""
    for name in ("default", "kube-system", "kube-public", "kube-node-lease"):
        store.create(Target("", "v1", "namespaces", "", ""), {"metadata": {"name": name}})
    store.create(Target("", "v1", "nodes", "", ""), {"metadata": {"name": node}})
    store.create(
        Target("", "v1", "configmaps", "kube-system", ""),
        {
            "metadata": {"name": "kubeadm-config"},
            "data": {"ClusterConfiguration": cluster_configuration(version)},
        },
    )
