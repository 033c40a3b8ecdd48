"""What is in a kubeadm cluster before anybody has used it, as far as somebody asks for it here."""

from __future__ import annotations

from kaudit_setup.sandbox.objects import Store, Target

_CONFIGURATION = """apiServer: {{}}
apiVersion: kubeadm.k8s.io/{api}
certificatesDir: /etc/kubernetes/pki
clusterName: kubernetes
controllerManager: {{}}
dns: {{}}
etcd:
  local:
    dataDir: /var/lib/etcd
imageRepository: registry.k8s.io
kind: ClusterConfiguration
kubernetesVersion: v{version}
networking:
  dnsDomain: cluster.local
  serviceSubnet: 10.96.0.0/12
scheduler: {{}}
"""


def sow(store: Store, *, node: str, version: str, port: int) -> None:
    """Fill a new store."""
    for name in ("default", "kube-system", "kube-public", "kube-node-lease"):
        store.create(Target("", "v1", "namespaces", "", ""), {"metadata": {"name": name}})
    store.create(Target("", "v1", "nodes", "", ""), {"metadata": {"name": node}})
    api = "v1beta2" if version.startswith("1.20.") else "v1beta4"
    store.create(
        Target("", "v1", "configmaps", "kube-system", ""),
        {
            "metadata": {"name": "kubeadm-config"},
            "data": {"ClusterConfiguration": _CONFIGURATION.format(api=api, version=version)},
        },
    )
    store.create(
        Target("", "v1", "endpoints", "default", ""),
        {
            "metadata": {"name": "kubernetes"},
            "subsets": [
                {
                    "addresses": [{"ip": "127.0.0.1"}],
                    "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
                }
            ],
        },
    )
