"""The example playbook of contrib/ansible, run by ansible-playbook against a simulated node."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from ansiblekit import Controller, install, needs_ansible
from fleetkit import Fleet
from flowkit import POLICY, Before, until

from kaudit_setup.sandbox import Sandbox

pytestmark = [needs_ansible, pytest.mark.slow]
SECRET = "correct-horse-battery"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("controller")
    install(folder)
    return folder


@pytest.fixture
def controller(home: Path, sandbox: Sandbox) -> Controller:
    return controller_of(home, f"node1 ansible_host={sandbox.host}", sandbox.ssh_config)


def controller_of(home: Path, hosts: str, ssh_config: Path) -> Controller:
    (home / "seen").unlink(missing_ok=True)
    inventory = home / "inventory.ini"
    inventory.write_text(f"[kube_control_plane]\n{hosts}\n")
    return Controller(home, inventory, ssh_config)


def test_check_then_apply_then_nothing_to_do_then_absent(controller: Controller, sandbox: Sandbox) -> None:
    kubeadm = sandbox.manifest.read_bytes()
    starts = sandbox.starts()
    checked = controller.play("--check", "--diff", policy="metadata")
    assert checked.changed
    assert checked.result["exit_status"] == 3
    assert f"# {sandbox.host}\n--- /etc/kubernetes/audit-policy.yaml" in checked.text
    assert "+    - --audit-log-maxage=90" in checked.text  # of the play
    assert "+++ ConfigMap kube-system/kubeadm-config" in checked.text
    assert sandbox.manifest.read_bytes() == kubeadm
    assert not (sandbox.root / POLICY).exists()

    applied = controller.play("--diff", policy="metadata", set={"audit-log-batch-throttle-enable": False})
    assert applied.changed
    assert "+    - --audit-log-batch-throttle-enable=false" in applied.text
    (node,) = applied.result["nodes"]
    assert (node["host"], node["state"], node["proved"]) == (sandbox.host, "changed", True)
    assert sandbox.starts() == starts + 1

    again = controller.play("--diff", policy="metadata", set={"audit-log-batch-throttle-enable": False})
    assert not again.changed
    assert again.result["diff"] == []
    assert again.result["nodes"][0]["state"] == "unchanged"
    assert not controller.play("--check", policy="metadata", set={"audit-log-batch-throttle-enable": False}).changed
    assert sandbox.starts() == starts + 1

    assert controller.play("--check", state="absent").changed
    assert controller.play(state="absent").changed
    assert sandbox.manifest.read_bytes() == kubeadm
    assert not controller.play(state="absent").changed


def test_a_failure_carries_the_tool_s_message_and_hint(
    controller: Controller, sandbox: Sandbox, tmp_path: Path
) -> None:
    before = sandbox.manifest.read_bytes()
    policy = tmp_path / "policy.yaml"
    head = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n"
    policy.write_text(head + "- level: Nope\n")
    for mode in ([], ["--check"]):
        failed = controller.play(*mode, policy=str(policy))
        assert failed.code == 2, failed.text
        assert 'rules[0].level: Unsupported value: "Nope"' in failed.result["msg"]
        assert "hint: write `level: None`" in failed.result["msg"]
        assert failed.result["errors"][0]["code"] == "policy"
        assert failed.result["changed"] is False

    # what a run would refuse, a check refuses, too; with `force` neither does
    policy.write_text(head + "- level: None\n")
    for mode in ([], ["--check"]):
        refused = controller.play(*mode, policy=str(policy))
        assert refused.code == 2, refused.text
        assert "no request at all is logged (policy-lint)" in refused.result["msg"]
        assert "hint: end with a rule `- level: Metadata`" in refused.result["msg"]
    assert controller.play("--check", policy=str(policy), force=["policy-lint"]).changed
    assert sandbox.manifest.read_bytes() == before


def test_a_node_that_does_not_come_back_is_restored_and_said(controller: Controller, sandbox: Sandbox) -> None:
    before = sandbox.manifest.read_bytes()
    sandbox.misbehave(crash="with-audit")
    failed = controller.play(policy="metadata", timeout=20)
    assert failed.code == 2, failed.text
    assert failed.result["changed"] is False
    assert [node["state"] for node in failed.result["nodes"]] == ["restored"]
    assert failed.result["msg"]
    assert sandbox.manifest.read_bytes() == before


def test_kubeadm_config_alone_is_a_change(controller: Controller) -> None:
    assert controller.play(policy="metadata", persist=False).changed
    assert controller.play("--check", policy="metadata").changed
    stored = controller.play(policy="metadata")
    assert stored.changed
    assert stored.result["nodes"][0]["state"] == "unchanged"
    assert not controller.play(policy="metadata").changed


def test_the_sudo_password_reaches_sudo_and_is_seen_nowhere(home: Path) -> None:
    with Sandbox.start(user="operator") as node:
        node.misbehave(sudo="password", sudo_password=SECRET)
        controller = controller_of(home, f"node1 ansible_host={node.host}", node.ssh_config)
        checked = controller.play("--check", "--diff", "-vvv", policy="metadata", become_password=SECRET)
        assert checked.changed
        assert "--ask-become-pass" in controller.seen
        for said in (controller.seen, checked.text, str(checked.result)):
            assert SECRET not in said
        wrong = controller.play("-vvv", policy="metadata", become_password="wrong-" + SECRET)
        assert wrong.code == 2, wrong.text
        assert "sudo" in wrong.result["msg"]
        assert "hint: " in wrong.result["msg"]
        assert SECRET not in wrong.text


def test_the_hosts_of_the_play_are_reached_as_ansible_reaches_them(fleet: Fleet, home: Path) -> None:
    hosts = "node1 ansible_host=cp1\ncp2 ansible_user=root\nnode3 ansible_host=cp3 ansible_user=root ansible_port={}"
    port = re.findall(r"Port (\d+)", fleet.config.read_text())[2]
    controller = controller_of(home, hosts.format(port), fleet.config)
    checked = controller.play("--check", "--diff", "--forks", "1", policy="metadata")
    assert checked.changed
    named = [word for word in checked.result["command"] if word.startswith("--host")]
    assert named == ["--host=cp1", "--host=root@cp2", f"--host=root@cp3:{port}"]
    assert checked.text.count("+++ ConfigMap kube-system/kubeadm-config") == 1
    assert "WARNING" not in checked.text

    few = controller.play("--check", "--limit", "node1", policy="metadata")
    assert few.changed
    assert "it has API servers that are not in the list" in few.result["warnings"][0]
    assert "[WARNING]: cluster " in few.text

    # one that fails leaves the rest alone, and what was changed before is said
    fleet.boxes[1].misbehave(crash="with-audit")
    failed = controller.play(policy="metadata", timeout=20)
    assert failed.code == 2, failed.text
    assert [node["state"] for node in failed.result["nodes"]] == ["changed", "restored", "notStarted"]
    assert failed.result["changed"] is True
    assert "cp2" in failed.result["msg"]


def test_what_the_module_cannot_begin_with_is_said(controller: Controller) -> None:
    lost = controller.play(policy="metadata", executable="no-such-kaudit")
    assert lost.result["msg"].startswith("no-such-kaudit is not on this host")
    # no node at all is not this machine
    for none in ([], None):
        assert controller.play(policy="metadata", hosts=none).result["msg"].startswith("hosts is empty")
    assert not (controller.home / "seen").exists()
    # neither an old tool nor another program
    other = controller.play(policy="metadata", executable="/bin/true")
    assert other.result["msg"].startswith("kaudit-setup did not answer as kaudit-setup/v1 (exit status 0)")
    assert other.code == 2


def test_ctrl_c_is_passed_on_and_the_node_restored(controller: Controller, sandbox: Sandbox, before: Before) -> None:
    # else the proof may be there before the signal is
    sandbox.misbehave(start_seconds=15)
    running = controller.start(policy="metadata")
    sandbox.wait(lambda: sandbox.manifest.read_bytes() != before.manifest, "the new manifest")
    os.killpg(running.pid, signal.SIGINT)
    sandbox.misbehave(start_seconds=0)
    assert running.wait(60) != 0
    # long before the watchdog would do it
    until(lambda: sandbox.manifest.read_bytes() == before.manifest, "the old manifest")
    before.is_old_and_works()
    assert controller.play(policy="metadata").changed
