"""Audit files in folders that belong to somebody: refused where that harms, a warning where it is unwise."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from documentkit import only

from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.preflight.reserved_folders import find_place
from kaudit_setup.cli import main
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.observe import PlaceSeen, observe

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
MANIFESTS = "etc/kubernetes/manifests"
HOOK = """apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: "https://192.0.2.5:8443"}}]
contexts: [{name: d, context: {cluster: a, user: ""}}]
current-context: d
"""
REFUSED = [
    ("static-pod-folder", "/etc/kubernetes/manifests/x/{}"),
    ("etcd-folder", "/var/lib/etcd/{}"),
    ("etcd-folder", "/var/lib/etcd/member/wal/{}"),
    ("kernel-folder", "/proc/x/{}"),
    ("kernel-folder", "/sys/fs/x/{}"),
    ("kernel-folder", "/dev/shm/{}"),
    ("tool-folder", "/var/lib/kaudit-setup/{}"),
    ("tool-folder", "/var/lib/kaudit-setup/backups/x/{}"),
    ("kubelet-folder", "/var/lib/kubelet/{}"),
    ("kubelet-folder", "/var/lib/kubelet/pods/x/volumes/{}"),
    ("kubelet-folder", "/var/log/pods/{}"),
    ("kubelet-folder", "/var/log/containers/{}"),
    ("runtime-folder", "/var/lib/containerd/{}"),
    ("runtime-folder", "/run/containerd/x/{}"),
    ("runtime-folder", "/var/lib/docker/{}"),
    ("runtime-folder", "/etc/cni/net.d/{}"),
    ("trust-folder", "/usr/local/share/ca-certificates/x/{}"),
    ("system-folder", "/usr/lib/x/{}"),
    ("system-folder", "/boot/x/{}"),
    ("etcd-folder", "/var/lib//etcd/./{}"),
]
ROLES = ("policy", "webhook", "log")
FINE = [
    "/var/log/kubernetes/{}",
    "/srv/audit/{}",
    "/var/lib/etcd-backup/{}",
    "/data/proc/{}",
    "/var/log/pods-audit/{}",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A kubeadm node's files."""
    node = tmp_path / "node"
    (node / MANIFESTS).mkdir(parents=True)
    shutil.copy(SAMPLES / "kube-apiserver-1.36.2.yaml", node / MANIFESTS / "kube-apiserver.yaml")
    return node


def options(tmp_path: Path, role: str, folder: str) -> list[str]:
    """What puts that audit file there, or with `all` each of them."""
    if role == "all":
        return [word for each in ROLES for word in options(tmp_path, each, folder)]
    path = folder.format(f"{role}.x")
    if role != "webhook":
        return [f"--{role}-path", path]
    hook = tmp_path / "hook.yaml"
    hook.write_text(HOOK)
    return ["--webhook-config", str(hook), "--webhook-path", path]


class Enable:
    """`enable` with further options on a folder that holds a node's files."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.capsys = capsys

    def findings(self, *more: str) -> list[dict[str, Any]]:
        """What the review finds."""
        code = main([*self._words(*more), "--dry-run", "-o", "json"])
        said = self.capsys.readouterr()
        assert code == 3, said.err
        return only(said.out)["findings"]

    def review(self, *more: str) -> dict[str, tuple[bool, str]]:
        """Finding → whether it blocks, and what it says."""
        return {f["name"]: (f["blocks"], f["message"]) for f in self.findings(*more)}

    def run(self, *more: str) -> tuple[int, str]:
        """Its exit code and what it says, without a dry run."""
        code = main([*self._words(*more), "--yes"])
        return code, "".join(self.capsys.readouterr())

    def _words(self, *more: str) -> list[str]:
        return ["enable", "--root", str(self.root), "--policy", "metadata", *more]


@pytest.fixture
def enable(root: Path, capsys: pytest.CaptureFixture[str]) -> Enable:
    return Enable(root, capsys)


@pytest.mark.parametrize(("name", "folder"), REFUSED)
def test_a_folder_of_somebody_else_is_refused(enable: Enable, tmp_path: Path, name: str, folder: str) -> None:
    found = enable.findings(*options(tmp_path, "all", folder))
    assert [(f["name"], f["blocks"]) for f in found] == [(name, True)] * len(ROLES)
    for role, finding in zip(ROLES, found, strict=True):
        assert f"{role}.x would hold" in finding["message"]


@pytest.mark.parametrize("folder", FINE)
def test_a_folder_of_nobody_passes(enable: Enable, tmp_path: Path, folder: str) -> None:
    assert enable.findings(*options(tmp_path, "all", folder)) == []


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("volatile-folder", "/run/audit/{}"),
        ("volatile-folder", "/var/run/x/{}"),
        ("temporary-folder", "/var/tmp/x/{}"),
    ],
)
def test_what_does_not_last_is_a_warning_for_a_log_and_refused_for_what_the_server_needs(
    enable: Enable, tmp_path: Path, name: str, folder: str
) -> None:
    found = enable.findings(*options(tmp_path, "all", folder))
    assert [(f["name"], f["blocks"]) for f in found] == [(name, True), (name, True), (name, False)]


def test_the_clusters_keys_are_not_where_a_log_goes(enable: Enable, root: Path) -> None:
    """Also where the Pod does not mount their folder, which else keeps a log out of it."""
    manifest = root / MANIFESTS / "kube-apiserver.yaml"
    text = manifest.read_text().replace("/etc/kubernetes/pki", "/etc/kubernetes/certs")
    manifest.write_text(text)
    assert enable.review("--log-path", "/etc/kubernetes/pki/audit.log")["pki-folder"][0]


def test_force_proceeds_and_what_is_there_already_is_a_warning(enable: Enable, root: Path) -> None:
    path = "/var/lib/kubelet/audit-policy.yaml"
    code, said = enable.run("--policy-path", path)
    assert code == 1
    assert "(kubelet-folder); nothing was changed" in " ".join(said.split())
    assert "--force kubelet-folder" in said
    assert not (root / path.lstrip("/")).exists()
    assert enable.run("--policy-path", path, "--force", "kubelet-folder")[0] == 0
    assert (root / path.lstrip("/")).exists()
    assert not enable.review("--log-maxage", "7")["kubelet-folder"][0]


def test_etcds_data_is_where_its_pod_says(enable: Enable, root: Path) -> None:
    assert enable.review("--log-path", "/mnt/ssd/etcd/audit.log") == {}
    (root / MANIFESTS / "etcd.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: etcd, namespace: kube-system}\nspec:\n  containers:\n"
        "  - name: etcd\n    image: etcd\n    command:\n    - etcd\n    - --data-dir=/mnt/ssd/etcd\n"
    )
    assert enable.review("--log-path", "/mnt/ssd/etcd/audit.log")["etcd-folder"][0]


def test_a_link_is_followed(enable: Enable, root: Path) -> None:
    (root / "var/lib/etcd").mkdir(parents=True)
    (root / "srv").mkdir()
    (root / "srv/fast").symlink_to("../var/lib/etcd")
    blocks, message = enable.review("--log-path", "/srv/fast/audit/audit.log")["etcd-folder"]
    assert blocks
    assert "leads to /var/lib/etcd/audit/audit.log" in message


def test_where_a_mount_leads_to_counts(enable: Enable, root: Path) -> None:
    manifest = root / MANIFESTS / "kube-apiserver.yaml"
    text = manifest.read_text()
    text = text.replace("    volumeMounts:\n", "    volumeMounts:\n    - {mountPath: /logs, name: logs}\n", 1)
    text = text.replace("  volumes:\n", "  volumes:\n  - {hostPath: {path: /var/lib/etcd}, name: logs}\n", 1)
    manifest.write_text(text)
    blocks, message = enable.review("--log-path", "/logs/audit.log")["etcd-folder"]
    assert blocks
    assert "/logs/audit.log of the server's container is there" in message


def test_a_folder_that_anybody_may_write_to_is_a_warning(enable: Enable, root: Path) -> None:
    (root / "srv/drop").mkdir(parents=True)
    (root / "srv/drop").chmod(0o1777)
    assert not enable.review("--log-path", "/srv/drop/audit.log")["open-folder"][0]
    assert not enable.review("--policy-path", "/srv/drop/x/policy.yaml")["open-folder"][0]
    (root / "srv/drop").chmod(0o755)
    assert enable.review("--log-path", "/srv/drop/audit.log") == {}


@pytest.mark.parametrize(
    "path", ["audit.log", "x/audit.log", "/var/log/../audit.log", "/var/log/audit/", "//x/a", "/x/.."]
)
def test_what_is_not_the_path_of_a_file_is_an_error(enable: Enable, path: str) -> None:
    for option in ("--log-path", "--policy-path"):
        code, said = enable.run(option, path)
        assert code == 2
        assert "is not the absolute path of a file" in " ".join(said.split())


def test_a_filesystem_in_memory_counts_wherever_it_is(root: Path) -> None:
    path = "/mnt/fast/audit.log"
    seen = NodeState.of(observe(LocalNode(root), look_at=[f"log:{path}"])).observed
    assert seen.places[path] == PlaceSeen(path)
    assert find_place(seen, "log", path) is None
    for kind, name in (("tmpfs", "volatile-folder"), ("ramfs", "volatile-folder"), ("proc", "kernel-folder")):
        on_disk = PlaceSeen(seen.static_dir, "ext2/ext3")
        places = {path: PlaceSeen(path, kind), seen.static_dir: on_disk}
        place = find_place(replace(seen, places=places), "log", path)
        assert place is not None
        assert place.name == name
        # of a node that boots from the network nothing lasts
        places[seen.static_dir] = replace(on_disk, filesystem=kind)
        assert find_place(replace(seen, places=places), "log", path) is None


def test_the_kind_of_filesystem_is_that_of_the_node() -> None:
    assert observe(LocalNode(), look_at=["log:/proc/x/audit.log"]).places["/proc/x/audit.log"].filesystem == "proc"
