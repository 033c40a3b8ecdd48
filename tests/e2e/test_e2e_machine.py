"""Reboots, power cuts and shutdowns on a whole machine: the old state works afterwards, or the confirmed one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from baseline import Baseline
from conftest import WEBHOOK, Cli
from reallab import POLICY, STATE, Machine, RealNode

# units, and keys in memory
UNITS = "ls /etc/systemd/system /etc/systemd/system/*.wants /dev/shm | grep kaudit || true"


@pytest.fixture(scope="session")
def cli(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The tool, towards the machine."""
    return Cli(machine.state / "ssh_config", tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def baseline(machine: Machine) -> Baseline:
    """The maker of starting states; nobody needs the machine afterwards."""
    return Baseline([machine.node])


@pytest.fixture
def old(machine: Machine, baseline: Baseline) -> Iterator[bytes]:
    """The manifest without audit, running; at the end the machine is on, and no program of the test is left."""
    baseline.fresh()
    yield baseline.of(machine.node).manifest
    machine.on()
    machine.node.sh("rm -f /usr/local/sbin/*")


def waiting(cli: Cli, node: RealNode) -> None:
    """A change that waits to be confirmed, and nobody confirms: its client is dead."""
    run = cli.start("enable", "--policy", "metadata", "--host", node.name, "--yes")
    run.until("the new manifest", lambda: b"--audit-policy-file" in node.manifest, 60)
    run.kill()


def is_old(machine: Machine, cli: Cli, old: bytes) -> None:
    """The old state is back and works; nothing waits, no unit and no half-made file is left."""
    node = machine.node
    assert node.manifest == old
    assert not node.exists(POLICY)
    # a watchdog whose change was decided sees it within two seconds
    node.expect_nothing_left(10)
    assert node.sh(UNITS) == ""
    node.settle(audited=False, seconds=120)
    status = cli.run("status", "--host", node.name)
    assert "recover" not in status.out, status
    assert cli.ok("recover", "--host", node.name, "--yes").out.endswith(("nothing is left of any run\n", "cleared\n"))


def test_enabled_twice_and_disabled_twice(machine: Machine, cli: Cli, old: bytes) -> None:
    node = machine.node
    first = cli.ok("enable", "--policy", "metadata", "--host", node.name, "--yes")
    assert "kubeadm-config: stored" in first.out
    assert node.sh(UNITS) == ""
    assert "nothing to do" in cli.ok("enable", "--policy", "metadata", "--host", node.name, "--yes").out
    cli.ok("disable", "--host", node.name, "--yes")
    assert "nothing to do" in cli.ok("disable", "--host", node.name, "--yes").out
    is_old(machine, cli, old)


def test_kubeadm_upgrade_keeps_auditing(machine: Machine, cli: Cli, old: bytes) -> None:
    node = machine.node
    cli.ok("enable", "--policy", "metadata", "--host", node.name, "--yes")
    before = node.server()
    version = node.sh("kubeadm version -o short").strip()
    node.sh(f"kubeadm upgrade apply {version} -f --ignore-preflight-errors=all --certificate-renewal=false")
    # it wrote the manifest anew: what this tool notes there is gone, the settings are not
    assert b"kaudit-setup.io" not in node.manifest
    assert node.settle(audited=True).flags["audit-policy-file"] == before.flags["audit-policy-file"] == POLICY
    cli.ok("verify", "--host", node.name)
    cli.ok("disable", "--host", node.name, "--yes")
    assert b"--audit" not in node.manifest
    assert not node.exists(POLICY)


def test_kubelet_is_restarted_where_that_is_asked_for(machine: Machine, cli: Cli, old: bytes) -> None:
    """Going back for the second time within minutes, kubelet holds the old server back."""
    node = machine.node
    webhook = cli.home / "webhook.conf"
    webhook.write_text(WEBHOOK)
    enable = ("enable", "--policy", "metadata", "--webhook-config", str(webhook), "--host", node.name, "--yes")
    started = "systemctl show kubelet -p ActiveEnterTimestampMonotonic"
    before = node.sh(started)
    assert cli.run(*enable).code == 1
    assert node.sh(started) == before
    for _ in range(3):
        result = cli.run(*enable, "--restart-kubelet")
        assert result.code == 1, result
        assert "the API server answers" in result.err
        if node.sh(started) != before:
            break
    assert node.sh(started) != before
    is_old(machine, cli, old)


def test_what_was_confirmed_survives_a_power_cut(machine: Machine, cli: Cli, old: bytes) -> None:
    node = machine.node
    cli.ok("enable", "--policy", "metadata", "--host", node.name, "--yes")
    machine.cut()
    machine.on()
    node.settle(audited=True, seconds=120)
    cli.ok("verify", "--host", node.name)
    cli.ok("disable", "--host", node.name, "--yes")
    is_old(machine, cli, old)


def test_a_reboot_in_the_proof_window(machine: Machine, cli: Cli, old: bytes) -> None:
    node = machine.node
    waiting(cli, node)
    assert node.sh(UNITS).count("kaudit-setup-") == 2
    began = time.monotonic()
    machine.reboot()
    # a watchdog that does not hear the shutdown would hold it up for 90 s
    assert time.monotonic() - began < 60
    is_old(machine, cli, old)
    assert node.journal()[-1]["why"] == "shutdown"


def test_a_power_cut_in_the_proof_window(machine: Machine, cli: Cli, old: bytes) -> None:
    node = machine.node
    waiting(cli, node)
    machine.cut()
    machine.on()
    # before kubelet starts a Pod
    assert node.manifest == old
    is_old(machine, cli, old)
    assert node.journal()[-1]["why"] == "boot"


def test_sigterm_restores_at_once(machine: Machine, cli: Cli, old: bytes) -> None:
    node = machine.node
    waiting(cli, node)
    began = time.monotonic()
    node.sh("systemctl stop 'kaudit-watchdog-*'")
    assert time.monotonic() - began < 10
    is_old(machine, cli, old)


def test_recover_after_the_watchdog_was_killed(machine: Machine, cli: Cli, old: bytes) -> None:
    node = machine.node
    waiting(cli, node)
    alive = cli.run("recover", "--host", node.name, "--yes")
    assert alive.code == 1, alive
    assert "--force pending" in alive.err
    node.sh(f"kill -9 $(cut -d' ' -f1 {STATE}/run/*/watchdog.pid)")
    again = cli.run("enable", "--policy", "metadata", "--host", node.name, "--yes")
    assert again.code == 1, again
    assert f"`kaudit-setup recover --host {node.name} " in again.err
    assert "` restores the old state" in again.err
    done = cli.ok("recover", "--host", node.name, "--yes")
    assert "the old state is back and the API server answers" in done.out
    is_old(machine, cli, old)


# The power goes when a script on the node calls this program with these words: while the unit is installed, the
# backup is made, the watchdog starts, the manifest is renamed, its folder is written, the change is confirmed, the
# outcome and the journal are written.
STEPS = [
    ("cp", "*/units/. *"),
    ("cp", "*/backups/*/files/*"),
    ("mv", "*/watchdog.pid"),
    ("mv", "*/kube-apiserver.yaml"),
    ("sync", "*/manifests"),
    ("mkdir", "*/decision"),
    ("sync", "*/outcome *"),
    ("sync", "*/journal.jsonl"),
]
CUT = "/var/tmp/cut-now"


@pytest.mark.parametrize(("command", "words"), STEPS)
def test_the_power_is_cut_at_a_step(machine: Machine, cli: Cli, old: bytes, command: str, words: str) -> None:
    node = machine.node
    node.sh('printf "%s" "$3" >"$1/$2"; chmod 755 "$1/$2"', "/usr/local/sbin", command, _stops_at(command, words))
    node.sh(f"rm -f {CUT}")
    run = cli.start("enable", "--policy", "metadata", "--host", node.name, "--yes")
    run.until(f"{command} {words}", lambda: node.exists(CUT), 60)
    machine.cut()
    run.kill()
    machine.on()
    node.sh('rm -f "$1"', f"/usr/local/sbin/{command}")
    if words == STEPS[0][1]:
        # nothing was changed yet, and nothing waits: what had been prepared goes with the next run
        assert node.manifest == old
        node.settle(audited=False, seconds=120)
        assert "nothing to do" not in cli.ok("enable", "--policy", "metadata", "--host", node.name, "--yes").out
    if node.manifest == old:
        is_old(machine, cli, old)
        return
    # it was confirmed
    node.settle(audited=True, seconds=120)
    assert node.deeds()[-1] == "enable"
    # a watchdog whose change was decided sees it within two seconds
    node.expect_nothing_left(10)
    assert node.sh(UNITS) == ""
    cli.ok("disable", "--host", node.name, "--yes")
    is_old(machine, cli, old)


def _stops_at(command: str, words: str) -> str:
    """A program that stands before the real one: called by the tool with these words, it says so and does nothing for
    ever; once, so that it is the real one after the next boot.
    """
    real = Path("/usr/bin") / command
    pattern = words.replace(" ", "\\ ")
    return f"""#!/bin/sh
if [ ! -e {CUT} ] && grep -qs kaudit-setup "/proc/$PPID/cmdline"; then
  case "$*" in {pattern}) touch {CUT}; exec sleep 600 ;; esac
fi
exec {real} "$@"
"""
