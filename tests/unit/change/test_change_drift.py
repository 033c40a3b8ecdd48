"""What somebody changed by hand after `enable`: `status` says it and `enable` undoes it, on a folder."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from documentkit import document
from folderkit import MANIFEST, SAMPLE, node_folder

from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.status import judge
from kaudit_setup.cli import main
from kaudit_setup.errors import Exit
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.observe import Process, observe

PLAIN = ("enable", "--policy", "metadata")


class Node:
    """A folder; `run` is the command line on it."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self._capsys = root, capsys
        self.manifest = node_folder(root) / MANIFEST

    def run(self, *argv: str) -> tuple[int, str]:
        self._capsys.readouterr()
        code = main([*argv, "--root", str(self.root)])
        return code, self._capsys.readouterr().out

    def status(self) -> dict[str, Any]:
        found = document(self.run("status", "-o", "json")[1])
        return {"remarks": [warning["message"] for warning in found["warnings"]], **found["items"][0]}

    def edit(self, *changes: tuple[str, str]) -> None:
        text = self.manifest.read_text()
        for pattern, by in changes:
            text, count = re.subn(pattern, by, text)
            assert count
        self.manifest.write_text(text)


@pytest.fixture
def node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Node:
    found = Node(tmp_path, capsys)
    assert found.run(*PLAIN, "--log-maxage", "90", "--yes")[0] == Exit.OK
    return found


CHANGED = (r"maxage=90", "maxage=5")
REMOVED = (r" *- --audit-log-maxsize=.*\n", "")
ADDED = (r"( *- )--audit-log-path", r"\1--audit-log-mode=batch\n\1--audit-log-path")


def test_the_recorded_settings_come_back_and_the_review_says_what_was_changed(node: Node) -> None:
    ours = node.manifest.read_text()
    node.edit(CHANGED, REMOVED, ADDED)
    assert node.status()["byHand"]
    code, said = node.run(*PLAIN, "--dry-run")
    assert code == Exit.WOULD_CHANGE
    for words in (
        "--audit-log-maxage=90 was changed to 5",
        "--audit-log-maxsize=100 was removed",
        "--audit-log-mode=batch was added",
    ):
        assert re.search(rf"note +{words} after 20[-0-9]+ [:0-9]+ UTC; that is undone\n", said), said
    assert node.run(*PLAIN, "--yes")[0] == Exit.OK
    assert node.manifest.read_text() == ours
    assert not node.status()["byHand"]
    assert "nothing to do" in node.run(*PLAIN, "--yes")[1]


def test_what_is_asked_for_today_wins_over_what_was_recorded(node: Node) -> None:
    node.edit(CHANGED, REMOVED)
    code, said = node.run(*PLAIN, "--log-maxage", "5", "--dry-run")
    assert code == Exit.WOULD_CHANGE
    assert "maxage=" not in "".join(line for line in said.splitlines() if line.startswith(("+", "-", "  note")))
    assert "--audit-log-maxsize=100 was removed" in said


def test_mounts_and_annotations_count_as_audit_settings(node: Node) -> None:
    ours = node.manifest.read_text()
    node.edit((r" *- mountPath: /etc/kubernetes/audit-policy.yaml\n *name: audit-policy\n( *readOnly: true\n)?", ""))
    assert node.status()["byHand"]
    assert node.run(*PLAIN, "--yes")[0] == Exit.OK
    assert node.manifest.read_text() == ours


def test_what_does_not_belong_to_auditing_is_left_alone_and_is_not_drift(node: Node) -> None:
    node.edit((r"(image: .*):v1.36.2", r"\1:v1.36.3"))
    by_hand = node.manifest.read_text()
    assert not node.status()["byHand"]
    assert "but not in its audit settings" in node.run("status")[1]
    assert "nothing to do" in node.run(*PLAIN, "--yes")[1]
    assert node.manifest.read_text() == by_hand


def test_a_policy_that_was_edited_comes_back(node: Node) -> None:
    policy = node.root / "etc/kubernetes/audit-policy.yaml"
    ours = policy.read_bytes()
    policy.write_bytes(ours + b"# by hand\n")
    assert node.status()["byHand"]
    assert node.run(*PLAIN, "--yes")[0] == Exit.OK
    assert policy.read_bytes() == ours
    assert not node.status()["byHand"]


def test_after_disable_what_somebody_set_up_by_hand_is_adopted(node: Node) -> None:
    assert node.run("disable", "--yes")[0] == Exit.OK
    log = r"\1--audit-log-maxage=7\n\1--secure-port"
    node.edit((r"( *- )--secure-port", log))
    assert node.status()["byHand"]
    assert node.run(*PLAIN, "--yes")[0] == Exit.OK
    assert node.status()["flags"]["audit-log-maxage"] == "7"


def test_after_a_rollback_the_state_that_came_back_is_the_recorded_one(node: Node) -> None:
    assert node.run(*PLAIN, "--log-maxage", "10", "--yes")[0] == Exit.OK
    assert node.run("rollback", "--yes")[0] == Exit.OK
    assert not node.status()["byHand"]
    node.edit(CHANGED)
    assert node.run(*PLAIN, "--yes")[0] == Exit.OK
    assert node.status()["flags"]["audit-log-maxage"] == "90"


ANNOTATIONS = (r" *kaudit-setup\.io/.*\n", "")  # kubeadm writes the whole manifest anew, and knows nothing of them


def test_what_kubeadm_rewrote_with_the_same_settings_is_not_a_change_by_hand(node: Node) -> None:
    node.edit(ANNOTATIONS, (r"(image: .*):v1.36.2", r"\1:v1.36.3"))
    found = node.status()
    assert not found["byHand"]
    assert any("with the same audit settings, as kubeadm upgrade does" in said for said in found["remarks"])


def test_what_kubeadm_rewrote_with_other_settings_is_called_that(node: Node) -> None:
    node.edit(ANNOTATIONS, CHANGED)
    found = node.status()
    assert found["byHand"]
    assert any("with other audit settings, as kubeadm upgrade does" in said for said in found["remarks"])
    assert "--audit-log-maxage=90 was changed to 5" in found["remarks"]


def test_what_kubeadm_rewrote_without_the_settings_is_called_that(node: Node) -> None:
    shutil.copy(SAMPLE, node.manifest)
    found = node.status()
    assert found["byHand"]
    assert any(
        "without the audit settings, as kubeadm upgrade does; `enable` fixes it" in s for s in found["remarks"]
    )


def test_a_policy_that_was_edited_after_kubeadm_rewrote_the_manifest_is_seen(node: Node) -> None:
    node.edit(ANNOTATIONS)
    (node.root / "etc/kubernetes/audit-policy.yaml").write_bytes(b"# by hand\n")
    found = node.status()
    assert found["byHand"]
    assert "/etc/kubernetes/audit-policy.yaml is not the policy that this tool wrote" in found["remarks"]


@pytest.mark.parametrize(
    ("edits", "state"),
    [([ANNOTATIONS], "on"), ([ANNOTATIONS, CHANGED], "rewritten"), ([CHANGED], "changed-by-hand")],
)
def test_the_state_of_a_living_node_says_who_wrote_it(node: Node, edits: list[tuple[str, str]], state: str) -> None:
    node.edit(*edits)
    seen = NodeState.of(observe(LocalNode(node.root)))
    running = Process(pid=1, start=1, argv=tuple(seen.pod.argv))
    assert judge(replace(seen, observed=replace(seen.observed, servers=(running,)))).state == state
