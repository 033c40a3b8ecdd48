"""The simulated node's files, as `kubeadm init` leaves them."""

from __future__ import annotations

import shlex
import sys
from importlib.resources import files
from pathlib import Path

from kaudit_setup.model import KubeVersion

MANIFESTS = "etc/kubernetes/manifests"
UNITS = "etc/systemd/system"
# first in the path while `stuck_disk` holds
STUCK = "usr/local/stuck"
ADDRESS = "127.0.0.1"
VERSIONS = ("1.20.2", "1.36.2")
SHIMS = ("curl", "kubectl", "kubelet", "sudo", "id", "date", "uname", "chown")

_OTHER_POD = """apiVersion: v1
kind: Pod
metadata:
  labels:
    component: {name}
    tier: control-plane
  name: {name}
  namespace: kube-system
spec:
  containers:
  - command:
    - {name}
    image: registry.k8s.io/{name}:v{version}
    imagePullPolicy: IfNotPresent
    name: {name}
  hostNetwork: true
  priorityClassName: system-node-critical
status: {{}}
"""

_KUBELET_CONFIG = """apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  webhook:
    cacheTTL: 0s
    enabled: true
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
authorization:
  mode: Webhook
cgroupDriver: systemd
clusterDNS:
- 10.96.0.10
clusterDomain: cluster.local
fileCheckFrequency: 0s
kind: KubeletConfiguration
rotateCertificates: true
staticPodPath: /etc/kubernetes/manifests
"""


# kubeadm's configuration as `kubeadm init` stores it in ConfigMap kube-system/kubeadm-config (phases/uploadconfig)
_CLUSTER_CONFIGURATION = {
    "v1beta2": """apiServer:
  extraArgs:
    authorization-mode: Node,RBAC
  timeoutForControlPlane: 4m0s
apiVersion: kubeadm.k8s.io/v1beta2
certificatesDir: /etc/kubernetes/pki
clusterName: kubernetes
controllerManager: {{}}
dns:
  type: CoreDNS
etcd:
  local:
    dataDir: /var/lib/etcd
imageRepository: k8s.gcr.io
kind: ClusterConfiguration
kubernetesVersion: v{version}
networking:
  dnsDomain: cluster.local
  serviceSubnet: 10.96.0.0/12
scheduler: {{}}
""",
    "v1beta4": """apiServer: {{}}
apiVersion: kubeadm.k8s.io/v1beta4
caCertificateValidityPeriod: 87600h0m0s
certificateValidityPeriod: 8760h0m0s
certificatesDir: /etc/kubernetes/pki
clusterName: kubernetes
controllerManager: {{}}
dns: {{}}
encryptionAlgorithm: RSA-2048
etcd:
  local:
    dataDir: /var/lib/etcd
imageRepository: registry.k8s.io
kind: ClusterConfiguration
kubernetesVersion: v{version}
networking:
  dnsDomain: cluster.local
  serviceSubnet: 10.96.0.0/12
proxy: {{}}
scheduler: {{}}
""",
}


def cluster_configuration(version: str) -> str:
    """The text of kubeadm's ClusterConfiguration for a cluster of that version."""
    api = "v1beta4" if KubeVersion.parse(version) >= KubeVersion(1, 31) else "v1beta2"
    return _CLUSTER_CONFIGURATION[api].format(version=version)


def manifest(version: str, port: int, grace: int | None = None) -> str:
    """The kube-apiserver manifest that kubeadm of that version writes, without audit, on 127.0.0.1:`port`.

    `grace` is its terminationGracePeriodSeconds, which kubeadm leaves at the default of 30.
    """
    text = files("kaudit_setup.sandbox").joinpath("manifests", f"kube-apiserver-{version}.yaml").read_text()
    if grace is not None:
        text = text.replace("spec:\n", f"spec:\n  terminationGracePeriodSeconds: {grace}\n", 1)
    return text.replace("@ADDRESS@", ADDRESS).replace("@PORT@", str(port))


def plant(
    root: Path, *, node: str, version: str, port: int, joins: Path | None = None, grace: int | None = None
) -> None:
    """Fill the empty folder `root` with a control-plane node's files; `joins` is the root of one of its cluster."""
    # it loads cryptography, which each start of an API server can do without
    from kaudit_setup.sandbox import pki

    for folder, mode in (
        ("etc/kubernetes/pki/etcd", 0o755),
        (MANIFESTS, 0o700),
        ("etc/ssl/certs", 0o755),
        ("var/lib/kubelet", 0o755),
        ("var/lib/etcd", 0o700),
        ("var/log/pods", 0o755),
        ("var/log/containers", 0o755),
        ("proc", 0o755),
        ("run/systemd/system", 0o755),
        (UNITS, 0o755),
        ("root", 0o700),
        ("tmp", 0o777),
        ("usr/local/bin", 0o755),
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder).chmod(mode)
    pki.write_all(
        root / "etc/kubernetes",
        node=node,
        port=port,
        version=KubeVersion.parse(version),
        cluster=joins / "etc/kubernetes" if joins else None,
    )
    _put(root / MANIFESTS / "kube-apiserver.yaml", manifest(version, port, grace), 0o600)
    for name in ("etcd", "kube-controller-manager", "kube-scheduler"):
        _put(root / MANIFESTS / f"{name}.yaml", _OTHER_POD.format(name=name, version=version), 0o600)
    _put(root / "var/lib/kubelet/config.yaml", _KUBELET_CONFIG, 0o644)
    _put(
        root / "var/lib/kubelet/kubeadm-flags.env",
        f'KUBELET_KUBEADM_ARGS="--hostname-override={node} --pod-infra-container-image=registry.k8s.io/pause:3.10"\n',
        0o644,
    )
    _put(root / "etc/hostname", f"{node}\n", 0o644)
    # the groups of a fresh Debian that read logs, for `--log-group`
    _put(root / "etc/group", "root:x:0:\nadm:x:4:\nsystemd-journal:x:999:\n", 0o644)
    _put(root / "etc/os-release", 'NAME="kaudit-setup sandbox"\nID=sandbox\nPRETTY_NAME="simulated node"\n', 0o644)
    (root / STUCK).mkdir(parents=True)
    for program in ("grep", "gzip"):
        _put(root / STUCK / program, "#!/bin/sh\nexec sleep 86400\n", 0o755)
    for shim in SHIMS:
        install_shim(root, shim, version)


def install_shim(root: Path, name: str, version: str) -> None:
    """Put one of the programs of `shims/` into the node's /usr/local/bin."""
    here = files("kaudit_setup.sandbox").joinpath("shims")
    python = here.joinpath(f"{name}.py")
    if python.is_file():
        # -SEs: neither site-packages nor the user's environment, so that it starts in hundredths of a second
        text = python.read_text()
        code = root / "usr/local/lib" / f"sandbox-{name}.py"
        code.parent.mkdir(parents=True, exist_ok=True)
        _put(code, text.replace("@VERSION@", version), 0o644)
        text = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -SEs {shlex.quote(str(code))} "$@"\n'
    else:
        text = here.joinpath(f"{name}.sh").read_text()
    _put(root / "usr/local/bin" / name, text.replace("@VERSION@", version), 0o755)


def _put(path: Path, text: str, mode: int) -> None:
    path.write_text(text)
    path.chmod(mode)
