"""`--log-group`: who may read the log besides its owner, on a folder that holds a node's files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from documentkit import document
from folderkit import MANIFEST, SAMPLE, node_folder

from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.plan_enable import Wanted
from kaudit_setup.change.prepare import prepare_enable
from kaudit_setup.change.script import Run, apply_script, undo_script
from kaudit_setup.cli import main
from kaudit_setup.errors import Exit
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.observe import observe

POLICY = b"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n"
EVENT = '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"1"}\n'
LOGS = "var/log/kubernetes/audit"
ROOT = os.geteuid() == 0  # who is not root can give no file away


class Node:
    """A folder; `run` is the command line on it."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self._capsys = root, capsys
        self.manifest = node_folder(root) / MANIFEST
        (root / "etc/group").write_text("root:x:0:\nadm:x:4:syslog\nshippers:x:4711:\n")
        self.folder, self.log = root / LOGS, root / LOGS / "audit.log"

    def run(self, *argv: str) -> tuple[int, str]:
        self._capsys.readouterr()
        code = main([*argv, "--root", str(self.root)])
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def enable(self, *argv: str) -> str:
        code, said = self.run("enable", "--policy", "metadata", "--yes", *argv)
        assert code == Exit.OK, said
        return said

    def status(self) -> dict[str, Any]:
        self._capsys.readouterr()
        main(["status", "-o", "json", "--root", str(self.root)])
        found = document(self._capsys.readouterr().out)
        return {"remarks": [warning["message"] for warning in found["warnings"]], **found["items"][0]}

    def made(self, folder: int, log: int, content: str = EVENT) -> None:
        """What a server left before."""
        self.folder.mkdir(parents=True)
        self.log.write_text(content)
        self.folder.chmod(folder)
        self.log.chmod(log)

    @property
    def rights(self) -> tuple[str, str]:
        return rights(self.folder), rights(self.log)


def rights(path: Path) -> str:
    """Mode, and the gid where it can be set."""
    seen = path.stat()
    return f"{seen.st_mode & 0o7777:o}" + (f" {seen.st_uid}:{seen.st_gid}" if ROOT else "")


def of(mode: str, owner: str) -> str:
    return f"{mode} {owner}" if ROOT else mode


@pytest.fixture
def node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Node:
    return Node(tmp_path, capsys)


def test_the_log_is_there_for_the_group_before_the_server_starts(node: Node) -> None:
    _, review = node.run("enable", "--policy", "metadata", "--log-group", "adm", "--dry-run")
    assert "create  /var/log/kubernetes/audit/audit.log  an empty log, mode 0640, owner 0:4" in review
    assert "change  /var/log/kubernetes/audit  mode 0750, owner 0:4" in review
    assert "kube-apiserver keeps the group's rights when it rotates the log" in review
    assert not node.folder.exists()
    node.enable("--log-group", "adm")
    assert node.rights == (of("750", "0:4"), of("640", "0:4"))
    assert node.log.read_bytes() == b""
    assert rights(node.root / "etc/kubernetes/audit-policy.yaml") == of("600", "0:0")
    assert node.status()["logGroup"] == "adm"
    assert "readable by group adm" in node.run("status")[1]


def test_it_stays_without_being_named_again_and_comes_back_when_it_was_lost(node: Node) -> None:
    node.enable("--log-group", "4711")
    assert "nothing to do" in node.enable()
    # as kube-apiserver makes a log that was removed
    node.log.chmod(0o600)
    [said] = [r for r in node.status()["remarks"] if "group" in r]
    assert said.startswith("group 4711 cannot read /var/log/kubernetes/audit/audit.log (mode 0600")
    node.enable()
    assert node.rights == (of("750", "0:4711"), of("640", "0:4711"))
    assert not [r for r in node.status()["remarks"] if "group" in r]


def test_rotated_logs_that_the_group_cannot_read_are_counted(node: Node) -> None:
    node.made(0o700, 0o600)
    dry = ("enable", "--policy", "metadata", "--log-group", "adm", "--dry-run")
    assert "old rights" not in node.run(*dry)[1]
    old = [
        node.folder / f"audit-2026-01-0{day}T00-00-00.000.log{end}" for day, end in ((1, ".gz"), (2, ".gz"), (3, ""))
    ]
    for path, mode in zip(old, (0o600, 0o600, 0o644), strict=True):
        path.write_text(EVENT)
        path.chmod(mode)
    said = node.run(*dry)[1]
    assert (
        "2 rotated files beside /var/log/kubernetes/audit/audit.log keep their old rights: group adm cannot" in said
    )
    node.enable("--log-group", "adm")
    assert [path.stat().st_mode & 0o777 for path in old] == [0o600, 0o600, 0o644]


@pytest.mark.parametrize("back", [("disable",), ("rollback", "--to", "first"), ("enable", "--log-group", "")])
def test_the_old_rights_come_back(node: Node, back: tuple[str, ...]) -> None:
    node.made(0o700, 0o600)
    node.enable("--log-group", "adm")
    node.enable("--log-group", "adm", "--log-maxage", "7")
    assert node.rights == (of("750", "0:4"), of("640", "0:4"))
    if back[0] == "enable":
        back = (*back, "--policy", "metadata")
    code, said = node.run(*back, "--yes")
    assert code == Exit.OK, said
    assert node.rights == (of("700", "0:0"), of("600", "0:0"))
    assert node.log.read_text() == EVENT
    assert node.status()["logGroup"] is None


def test_a_log_that_everybody_may_read_already_is_left_alone(node: Node) -> None:
    node.made(0o755, 0o644)
    node.enable("--log-group", "adm")
    assert node.rights == (of("755", "0:0"), of("644", "0:0"))


def test_a_rollback_of_a_disable_gives_the_group_its_rights_again(node: Node) -> None:
    node.enable("--log-group", "adm")
    assert node.run("disable", "--yes")[0] == Exit.OK
    assert node.rights[1] == of("600", "0:0")
    assert node.run("rollback", "--yes")[0] == Exit.OK
    assert node.rights == (of("750", "0:4"), of("640", "0:4"))
    assert node.status()["logGroup"] == "adm"


def test_what_somebody_else_gave_to_another_group_is_left_alone(node: Node) -> None:
    if not ROOT:
        pytest.skip("only root can give files away")
    node.enable("--log-group", "adm")
    os.chown(node.log, 0, 4711)
    assert node.run("disable", "--yes")[0] == Exit.OK
    assert node.rights == (of("700", "0:0"), of("640", "0:4711"))


def test_a_server_that_is_not_root_s_stays_the_owner(node: Node) -> None:
    text = node.manifest.read_text()
    changed = text.replace("spec:\n", "spec:\n  securityContext: {runAsUser: 65534, runAsGroup: 65533}\n", 1)
    default = "  securityContext:\n    seccompProfile:\n      type: RuntimeDefault\n"
    node.manifest.write_text(changed.replace(default, ""))
    node.enable("--log-group", "adm")
    assert node.rights == (of("750", "65534:4"), of("640", "65534:4"))
    assert rights(node.root / "etc/kubernetes/audit-policy.yaml") == of("600", "65534:65533")
    assert node.run("disable", "--yes")[0] == Exit.OK
    assert node.rights[1] == of("600", "65534:65533")


@pytest.mark.parametrize(
    ("argv", "code", "why"),
    [
        (("--log-group", "nobodys"), Exit.FAILED, "there is no group nobodys on the node (no-group)"),
        (("--log-group", "a b"), Exit.USAGE, "'a b' is not a group"),
        (("--log-group", "adm", "--log-path", "-"), Exit.USAGE, "--log-group needs a log file"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_changed(
    node: Node, argv: tuple[str, ...], code: Exit, why: str
) -> None:
    before = node.manifest.read_bytes()
    done, said = node.run("enable", "--policy", "metadata", "--yes", *argv)
    assert (done, why in said) == (code, True), said
    assert node.manifest.read_bytes() == before
    assert not node.folder.exists()


def test_a_group_that_is_not_there_is_refused_where_auditing_is_on_already(node: Node) -> None:
    node.enable()
    code, said = node.run("enable", "--policy", "metadata", "--yes", "--log-group", "nobodys")
    assert (code, "there is no group nobodys on the node (no-group)" in said) == (Exit.FAILED, True), said


def test_a_folder_of_another_group_and_a_closed_way_are_said(node: Node) -> None:
    if not ROOT:
        pytest.skip("only root can give files away")
    node.made(0o750, 0o600)
    os.chown(node.folder, 0, 4711)
    node.folder.parent.chmod(0o700)
    code, said = node.run("enable", "--policy", "metadata", "--log-group", "adm", "--dry-run")
    assert code == Exit.WOULD_CHANGE
    assert "REFUSED log-group-owner: /var/log/kubernetes/audit belongs to another group (4711)" in said
    assert "REFUSED log-group-way: group adm may not pass through /var/log/kubernetes (mode 0700" in said


def test_an_undo_gives_the_old_rights_back(node: Node) -> None:
    node.made(0o700, 0o600)
    here = LocalNode(node.root)
    prepared = prepare_enable(
        here,
        Wanted(POLICY, log_group="adm"),
        prove=False,
    )
    run = Run("0123456789abcdef", "20261130T080000Z-012345", "/etc/kubernetes/manifests", True)
    text, payload = apply_script(prepared.plan, run, backup={}, about={}, watchdog_s=None)
    assert here.sh(text, stdin=payload).code == 0
    assert node.rights == (of("750", "0:4"), of("640", "0:4"))
    assert here.sh(undo_script(prepared.plan, run)).code == 0
    assert node.rights == (of("700", "0:0"), of("600", "0:0"))
    assert node.manifest.read_bytes() == SAMPLE.read_bytes()


def test_rights_that_changed_after_the_review_are_not_overwritten(node: Node) -> None:
    node.made(0o700, 0o600)
    here = LocalNode(node.root)
    prepared = prepare_enable(
        here,
        Wanted(POLICY, log_group="adm"),
        prove=False,
    )
    node.log.chmod(0o604)
    run = Run("0123456789abcdef", "20261130T080000Z-012345", "/etc/kubernetes/manifests", True)
    text, payload = apply_script(prepared.plan, run, backup={}, about={}, watchdog_s=None)
    ran = here.sh(text, stdin=payload)
    assert ran.code == 10
    assert b"mode or owner of /var/log/kubernetes/audit/audit.log changed after it was reviewed" in ran.out
    assert NodeState.of(observe(here)).settings.flags == {}


def test_an_inventory_may_want_it(node: Node, tmp_path: Path) -> None:
    inventory = tmp_path / "clusters.yaml"
    inventory.write_text("audit: {policy: metadata, log-group: adm}\nhosts: [cp1]\n")
    from kaudit_setup.cli.inventory_settings import wanted_of
    from kaudit_setup.fleet.inventory_files import read_from

    [host] = read_from(inventory, ()).hosts
    assert host.audit is not None
    assert wanted_of(host.audit, inventory).log_group == "adm"


@pytest.mark.parametrize("command", [("render", "kubeadm", "--policy", "metadata")])
def test_where_no_node_is_touched_it_says_what_to_do(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--log-group", "adm"]) == Exit.OK
    assert "install -m 640 -g adm /dev/null DIR/audit.log" in capsys.readouterr().err
