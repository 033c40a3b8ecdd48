"""Installers other than kubeadm, whose nodes are set up by their own configuration. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Installer:
    """`title`: its name to people. `manifest`: a part of the path of a static Pod manifest that it writes anew at its
    own will, empty where it has none; `advice`: where the audit settings go instead.
    """

    title: str
    advice: str
    manifest: str = ""


# by the names that observe.sh gives them
INSTALLERS = {
    "rke2": Installer(
        "RKE2",
        "use `kaudit-setup render rke2`: rke2-server writes its manifests anew at every start",
        "/agent/pod-manifests/",
    ),
    "k3s": Installer("k3s", "use `kaudit-setup render k3s`: k3s runs kube-apiserver in its own process"),
    "k0s": Installer("k0s", "put the flags of `kaudit-setup render k3s` into spec.api.extraArgs of k0s.yaml"),
    "microk8s": Installer(
        "MicroK8s",
        "put the flags of `kaudit-setup render k3s` into /var/snap/microk8s/current/args/kube-apiserver",
    ),
    "kops": Installer(
        "kOps",
        "use `kaudit-setup render kops`: nodeup writes the manifest anew at every boot",
        "/kube-apiserver.manifest",
    ),
    "talos": Installer("Talos", "use `kaudit-setup render talos`: Talos writes its manifests itself", "/"),
    "systemd": Installer(
        "a kube-apiserver.service of systemd",
        "put the flags of `kaudit-setup render k3s` into its ExecStart",
    ),
}


def recognise(found: tuple[str, ...]) -> Installer | None:
    """The installer of a node that has no manifest; `found`: what is on the node, by the names of INSTALLERS."""
    return next((installer for name, installer in INSTALLERS.items() if name in found), None)


def owner_of(manifest: str, found: tuple[str, ...]) -> Installer | None:
    """The installer that writes this manifest itself; None for kubeadm's, also where others left files behind."""
    for name, installer in INSTALLERS.items():
        # a path that is an installer's own says enough; that of Talos is kubeadm's, too
        if installer.manifest and installer.manifest in manifest and (installer.manifest != "/" or name in found):
            return installer
    return None
