"""Made-up events beside the real ones: files that are not of whoever writes the log are said, and not believed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from logkit import event, write
from shapekit import cri

from kaudit_setup.cli import connect, main
from kaudit_setup.fleet.survey import Candidate
from kaudit_setup.node.local import LocalNode

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others")
FOLDER = "var/log/kubernetes/audit"
PLANTED = "audit-2026-11-23T16-00-30.000.log"


def deleted(user: str) -> dict[str, object]:
    ref = {"resource": "pods", "namespace": "ns", "name": "p"}
    return event(20, auditID=user, verb="delete", objectRef=ref, user={"username": user, "groups": []})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of a node, on which mallory left one that says that alice did it."""
    folder = tmp_path / FOLDER
    write(folder / "audit.log", event(1), deleted("mallory"), event(60)).chmod(0o600)
    write(folder / PLANTED, event(0), deleted("alice")).chmod(0o600)

    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[list[Candidate]]:
        yield [Candidate(LocalNode(tmp_path))]

    monkeypatch.setattr(connect, "nodes", opened)
    return folder


def who(capfd: pytest.CaptureFixture[str], *args: str) -> tuple[str, str]:
    """Who deleted the Pod, and all that was said."""
    main(["who", "deleted", "pod/p", "-n", "ns", *args, "-o", "json"])
    out, err = capfd.readouterr()
    found = json.loads(out)["items"][0]
    return found["answer"]["user"], " ".join([err, *found["notes"]])


@needs_root
@pytest.mark.parametrize("there", [["--host", "x"], ["--host", "x", "--log", f"/{FOLDER}"], []])
def test_a_file_of_a_stranger_is_not_believed(
    folder: Path, capfd: pytest.CaptureFixture[str], there: list[str]
) -> None:
    os.chown(folder / PLANTED, 4711, 0)
    user, said = who(capfd, *(there or ["--log", str(folder)]))
    assert user == "mallory"
    assert f"{PLANTED} is not believed and left out: it belongs to user 4711, who does not write this log" in said


@pytest.mark.parametrize("there", [["--host", "x"], []])
def test_a_file_that_others_can_write_to_is_not_believed(
    folder: Path, capfd: pytest.CaptureFixture[str], there: list[str]
) -> None:
    (folder / PLANTED).chmod(0o602)
    user, said = who(capfd, *(there or ["--log", str(folder)]))
    assert user == "mallory"
    assert f"{PLANTED} is not believed and left out: others than its owner can write to it" in said


@needs_root
def test_on_a_node_a_log_of_a_stranger_is_none(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for file in folder.iterdir():
        os.chown(file, 4711, 0)
    assert main(["events", "--host", "x"]) == 1
    assert "no audit log was found" in capfd.readouterr().err
    # a copy is anybody's
    assert main(["events", "--log", str(folder)]) == 0


def test_copies_that_anybody_can_write_to_are_read_with_a_word(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for file in folder.iterdir():
        file.chmod(0o666)
    _, said = who(capfd, "--log", str(folder))
    assert "can be written by others than its owner: what stands in it proves little" in said
    assert "left out" not in said


def test_the_usual_modes_are_not_spoken_of(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for mode in (0o600, 0o640, 0o644):
        for file in folder.iterdir():
            file.chmod(mode)
        assert "proves little" not in who(capfd, "--log", str(folder))[1]


STATIC = "0f3c9d1e2b4a5968778695a4b3c2d1e0"
MADE = "5f0c2a3e-1c1d-4c9f-9f25-3c8a6f1f2b11"
MANIFEST = "spec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --audit-log-path=-\n"


@pytest.mark.parametrize("pod", ["kube-apiserver-cp1", "kube-apiserver-x"])
@pytest.mark.parametrize("there", [["--host", "x"], ["--host", "x", "--log", "/var/log/pods"], []])
def test_what_a_pod_says_that_is_called_like_the_server_is_not_believed(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], there: list[str], pod: str
) -> None:
    """Who may create Pods in kube-system may name one like kube-apiserver's, and let it write events."""
    pods = tmp_path / "var/log/pods"
    for name, uid, user in (("kube-apiserver-cp1", STATIC, "mallory"), (pod, MADE, "alice")):
        lines = [json.dumps(one).encode() for one in (event(1), deleted(user), event(60))]
        (pods / f"kube-system_{name}_{uid}/kube-apiserver").mkdir(parents=True)
        (pods / f"kube-system_{name}_{uid}/kube-apiserver/0.log").write_bytes(cri(lines))
    (tmp_path / "etc/kubernetes/manifests").mkdir(parents=True)
    (tmp_path / "etc/kubernetes/manifests/kube-apiserver.yaml").write_text(MANIFEST)
    user, said = who(capfd, *(there or ["--log", str(pods)]))
    assert user == "mallory"
    assert "is left out: not kube-apiserver's log, but of a Pod that somebody made" in said


def test_pods_of_which_none_is_static_are_believed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A manifest may set the UID of its Pod."""
    log = tmp_path / f"pods/kube-system_kube-apiserver-cp1_{MADE}/kube-apiserver/0.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(cri([json.dumps(one).encode() for one in (event(1), deleted("mallory"), event(60))]))
    assert who(capfd, "--log", str(tmp_path))[0] == "mallory"
