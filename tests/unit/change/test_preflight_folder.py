"""What `enable --dry-run` refuses or says of a folder that holds a node's files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from documentkit import only

from kaudit_setup.cli import main

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
MANIFESTS = "etc/kubernetes/manifests"
AUDITD = 'type=SYSCALL msg=audit(1710000000.123:4): arch=c000003e syscall=59 success=yes comm="ls"\n'
EVENT = '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"Panic"}\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A kubeadm node's files, and a log folder."""
    node = tmp_path / "node"
    (node / MANIFESTS).mkdir(parents=True)
    (node / "var/log").mkdir(parents=True)
    shutil.copy(SAMPLES / "kube-apiserver-1.36.2.yaml", node / MANIFESTS / "kube-apiserver.yaml")
    return node


class Review:
    """What the review of one node says."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.refused = [f["name"] for f in data["findings"] if f["blocks"]]
        self.warned = [f["name"] for f in data["findings"] if not f["blocks"]]
        self.findings = {f["name"]: f["message"] for f in data["findings"]}
        self.notes = data["notes"]
        self.changes = {c["path"]: (c["mode"], c["owner"]) for c in data["changes"]}


def review(root: Path, capsys: pytest.CaptureFixture[str], *options: str, policy: str = "metadata") -> Review:
    code = main(["enable", "--root", str(root), "--policy", policy, *options, "--dry-run", "-o", "json"])
    said = capsys.readouterr()
    assert code == 3, said.err
    return Review(only(said.out))


def edit(root: Path, *pairs: tuple[str, str]) -> None:
    """Replace text in the manifest, which must be there."""
    path = root / MANIFESTS / "kube-apiserver.yaml"
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)


def webhook(tmp_path: Path) -> str:
    path = tmp_path / "hook.yaml"
    path.write_text(
        "apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: 'https://192.0.2.5:8443'}}]\n"
        "contexts: [{name: d, context: {cluster: a, user: ''}}]\ncurrent-context: d\n"
    )
    return str(path)


def places(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    yield ("--policy-path", "{}/audit-policy.yaml")
    yield ("--webhook-config", webhook(tmp_path), "--webhook-path", "{}/hook")


@pytest.mark.parametrize("which", [0, 1])
def test_no_file_comes_into_the_static_pod_folder(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], which: int
) -> None:
    options = [word.format("/etc/kubernetes/manifests") for word in list(places(tmp_path))[which]]
    assert review(root, capsys, *options).refused == ["static-pod-folder"]
    # kubelet does not read files of folders below it, but complains of each folder
    options = [word.format("/etc/kubernetes/manifests/audit") for word in list(places(tmp_path))[which]]
    below = review(root, capsys, *options)
    assert below.refused == ["static-pod-folder"]
    assert "as a Pod" not in below.findings["static-pod-folder"]


def test_refused_means_that_nothing_is_written(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = "/etc/kubernetes/manifests/audit-policy.yaml"
    assert main(["enable", "--root", str(root), "--policy", "metadata", "--policy-path", path, "--yes"]) == 1
    assert "static-pod-folder" in capsys.readouterr().err
    assert [p.name for p in (root / MANIFESTS).iterdir()] == ["kube-apiserver.yaml"]


def test_the_folder_is_also_the_one_that_kubelet_is_configured_with(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "var/lib/kubelet").mkdir(parents=True)
    (root / "var/lib/kubelet/config.yaml").write_text("staticPodPath: /etc/pods\n")
    (root / "etc/pods").mkdir()
    on = ("--manifest", "/etc/kubernetes/manifests/kube-apiserver.yaml")
    assert review(root, capsys, *on, "--policy-path", "/etc/pods/policy.yaml").refused == ["static-pod-folder"]
    assert review(root, capsys, *on, "--log-path", "/etc/pods/audit.log").refused == ["static-pod-folder"]
    (root / "etc/other").symlink_to("pods")
    assert review(root, capsys, *on, "--policy-path", "/etc/other/policy.yaml").refused == ["static-pod-folder"]


def test_a_path_that_the_manifest_has_already_is_judged_too(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(
        root,
        ("    - --secure-port", "    - --audit-policy-file=/etc/kubernetes/manifests/p.yaml\n    - --secure-port"),
    )
    (root / MANIFESTS / "p.yaml").write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n")
    assert "static-pod-folder" in review(root, capsys).refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (AUDITD, "the log of auditd"),
        ("node=cp1 " + AUDITD, "the log of auditd"),
        ('{"level":"info","msg":"started"}\n', "the log of another program"),
        ("Nov 30 05:00:00 cp1 sshd[1]: Accepted publickey\n", "the log of another program"),
        ("I1130 05:00:00.000000       1 server.go:70] started\n", "klog"),
    ],
)
def test_another_programs_log_is_not_taken_over(
    root: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (root / "var/log/audit").mkdir()
    (root / "var/log/audit/audit.log").write_text(text * 3)
    found = review(root, capsys, "--log-path", "/var/log/audit/audit.log")
    assert found.refused == ["foreign-log"]
    assert said in found.findings["foreign-log"]


@pytest.mark.parametrize(
    "text", ["", "\n", EVENT, EVENT[30:] + EVENT, "\0" * 9 + "\n" + EVENT, 'now AUDIT: id="a" stage="Panic"\n']
)
def test_a_log_of_kube_apiserver_goes_on(root: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (root / "var/log/audit").mkdir()
    (root / "var/log/audit/audit.log").write_text(text)
    assert review(root, capsys, "--log-path", "/var/log/audit/audit.log").refused == []


@pytest.mark.parametrize("command", [["who", "created", "pod/x"], ["stats"], ["events"], ["top", "--by", "user"]])
def test_a_log_that_is_not_of_kube_apiserver_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    log = tmp_path / "audit.log"
    log.write_text(AUDITD * 3)
    main([*command, "--log", str(log)])
    said = capsys.readouterr()
    assert "like the log of auditd, not of kube-apiserver" in said.out + said.err
    log.write_text(AUDITD + EVENT.replace("Panic", 'Panic","stageTimestamp":"2026-11-30T05:00:00.000000Z'))
    main([*command, "--log", str(log)])
    said = capsys.readouterr()
    assert "1 of 2 lines of" in said.out + said.err  # the file is not auditd's, only one of its lines is


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--log-maxsize 0", "until the disk is full"),
        ("--log-mode blocking-strict", "fails requests when the log cannot be written"),
        ("--log-mode batch", "loses events when the server is killed"),
        ("--log-format legacy", "who can answer less from them"),
        ("--log-path -", "among the server's messages"),
        ("--log-maxage 0 --log-maxbackup 0", "rotated logs are never removed"),
    ],
)
def test_a_risky_setting_has_one_note(
    root: Path, capsys: pytest.CaptureFixture[str], options: str, said: str
) -> None:
    usual = review(root, capsys).notes
    notes = [note for note in review(root, capsys, *options.split()).notes if note not in usual]
    assert len(notes) == 1
    assert said in notes[0]


def test_a_webhook_that_requests_wait_for_has_a_note(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on = ("--webhook-config", webhook(tmp_path), "--set", "audit-webhook-mode=blocking-strict")
    assert any("receiver does not answer" in note for note in review(root, capsys, *on).notes)


def test_what_lint_warns_of_stands_in_the_review(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n- level: None\n  users: [alice]\n"
    )
    found = review(root, capsys, policy=str(policy))
    assert set(found.warned) == {"policy-lint"}
    assert found.refused == []


SERVER = "65532:65533"


def run_as(root: Path, *, container: bool) -> None:
    """Let the manifest's server be another user than root, by its Pod or by its container."""
    user, group = (1, 1) if container else (65532, 65533)
    edit(root, ("  securityContext:\n", f"  securityContext:\n    runAsUser: {user}\n    runAsGroup: {group}\n"))
    if container:
        own = "    securityContext: {runAsUser: 65532, runAsGroup: 65533}\n"
        edit(root, ("    name: kube-apiserver\n", "    name: kube-apiserver\n" + own))


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@needs_root
@pytest.mark.parametrize("container", [True, False])
def test_a_server_that_is_not_root_gets_its_files(
    root: Path, capsys: pytest.CaptureFixture[str], container: bool
) -> None:
    run_as(root, container=container)
    found = review(root, capsys)
    assert found.refused == []
    assert found.changes["/etc/kubernetes/audit-policy.yaml"] == ("600", SERVER)
    assert found.changes["/var/log/kubernetes/audit"] == ("700", SERVER)
    enable = ["enable", "--root", str(root), "--policy", "metadata", "--yes"]
    assert main(enable) == 0
    for path in ("etc/kubernetes/audit-policy.yaml", "var/log/kubernetes/audit"):
        stat = (root / path).stat()
        assert f"{stat.st_uid}:{stat.st_gid}" == SERVER
    assert (root / MANIFESTS / "kube-apiserver.yaml").stat().st_uid == 0
    # and that is all: the same again is nothing to do
    assert main([*enable, "--dry-run"]) == 0
    # a file that it cannot read is given to it, although its content is right
    os.chown(root / "etc/kubernetes/audit-policy.yaml", 0, 0)
    assert main([*enable, "--dry-run"]) == 3


@needs_root
def test_a_log_folder_that_the_server_cannot_write_to_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_as(root, container=False)
    folder = root / "var/log/kubernetes/audit"
    folder.mkdir(parents=True)
    assert review(root, capsys).refused == ["log-not-writable"]
    os.chown(folder, 65532, 0)
    assert review(root, capsys).refused == []
    (folder / "audit.log").write_text(EVENT)
    assert review(root, capsys).refused == ["log-not-writable"]
    os.chown(folder / "audit.log", 65532, 0)
    assert review(root, capsys).refused == []


@pytest.mark.parametrize(
    ("trace", "title", "advice"),
    [
        ("var/lib/rancher/rke2/agent/pod-manifests/etcd.yaml", "RKE2", "render rke2"),
        ("etc/rancher/k3s/k3s.yaml", "k3s", "render k3s"),
        ("etc/k0s/k0s.yaml", "k0s", "render"),
        ("var/snap/microk8s/current/args/kube-apiserver", "MicroK8s", "render"),
        ("srv/kubernetes/kube-apiserver/ca.crt", "kOps", "render kops"),
        ("etc/systemd/system/kube-apiserver.service", "kube-apiserver.service", "render"),
        ("etc/os-release", "Talos", "render talos"),
    ],
)
def test_a_node_of_another_installer_is_recognised(
    root: Path, capsys: pytest.CaptureFixture[str], trace: str, title: str, advice: str
) -> None:
    (root / MANIFESTS / "kube-apiserver.yaml").unlink()
    (root / trace).parent.mkdir(parents=True, exist_ok=True)
    (root / trace).write_text("ID=talos\n")
    for command in (["enable", "--policy", "metadata", "--dry-run"], ["status"]):
        assert main([*command, "--root", str(root)]) != 0
        said = "".join(capsys.readouterr())
        assert f"this is {title}" in said or f"this is a {title}" in said
        assert advice in said


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("/var/lib/rancher/rke2/agent/pod-manifests/kube-apiserver.yaml", "RKE2"),
        ("/data/rke2/agent/pod-manifests/kube-apiserver.yaml", "RKE2"),
        ("/etc/kubernetes/manifests/kube-apiserver.manifest", "kOps"),
    ],
)
def test_a_manifest_that_its_installer_writes_anew_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str], path: str, advice: str
) -> None:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    (root / MANIFESTS / "kube-apiserver.yaml").rename(place)
    found = review(root, capsys, "--manifest", path)
    assert found.refused == ["other-installer"]
    assert advice in found.findings["other-installer"]
    if "kOps" in advice:
        assert review(root, capsys).refused == ["other-installer"]


def test_what_another_installer_left_on_a_kubeadm_node_is_no_matter(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "etc/rancher/k3s").mkdir(parents=True)
    (root / "var/lib/rancher/rke2").mkdir(parents=True)
    assert review(root, capsys).refused == []
