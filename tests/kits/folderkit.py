"""A folder that holds the files of a kubeadm control-plane node."""

from __future__ import annotations

import shutil
from pathlib import Path

SAMPLE = Path(__file__).resolve().parents[1] / "data/samples/kube-apiserver-1.36.2.yaml"
"""The manifest that kubeadm 1.36.2 wrote."""
MANIFEST = "etc/kubernetes/manifests/kube-apiserver.yaml"


def node_folder(root: Path) -> Path:
    """Makes `root` such a folder, with nothing in it but the manifest."""
    (root / MANIFEST).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(SAMPLE, root / MANIFEST)
    return root
