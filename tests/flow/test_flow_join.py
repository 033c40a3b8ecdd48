"""A control-plane node that joins has the settings of kubeadm-config and no policy file: its server cannot start."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from fleetkit import CONFIGURATION, hosts, nodes
from flowkit import POLICY

from kaudit_setup.sandbox import Sandbox
from kaudit_setup.sandbox.kubelet import READY


def test_status_names_the_node_without_the_policy_and_enable_brings_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with nodes(tmp_path, "cp1 cp2") as fleet:
        fleet.capture = capsys
        done = fleet.enable(nodes="cp1 cp2")
        assert done.code == 0, done.err
        as_if_just_joined(fleet.boxes[1])

        seen = fleet.run("status", *hosts("cp1 cp2"))
        assert seen.code == 1
        assert f"cp2: /{POLICY} does not exist; kube-apiserver does not start without it (kubeadm join" in seen.out
        assert "cp2: fix: `kaudit-setup enable --policy metadata --host cp2 --ssh-config " in seen.out
        assert "cp1: /etc" not in seen.out

        dry = fleet.run("enable", "--policy", "metadata", "--dry-run", *hosts("cp2"))
        assert "it is asked for again after the change" in dry.out
        done = fleet.run("enable", "--policy", "metadata", "--yes", *hosts("cp2"))
        assert done.code == 0, done.err
        assert "proof: a marked request was found" in done.out
        assert "kubeadm-config: has these settings already" in done.out
        assert "not stored" not in done.out
        good = fleet.run("status", *hosts("cp1 cp2"))
        assert good.code == 0, good.out


def test_what_kubeadm_has_stored_otherwise_is_said_after_the_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with nodes(tmp_path, "cp1 cp2") as fleet:
        fleet.capture = capsys
        assert fleet.enable(nodes="cp1 cp2").code == 0
        as_if_just_joined(fleet.boxes[1])
        fleet.store(lambda _text: CONFIGURATION)
        done = fleet.run("enable", "--policy", "metadata", "--yes", *hosts("cp2"))
        assert done.code == 0, done.err
        assert "kubeadm-config: not stored, because it could be asked for only after the change" in done.out
        assert fleet.stored() == CONFIGURATION


def as_if_just_joined(box: Sandbox) -> None:
    """What `kubeadm join` leaves: a manifest of kubeadm's own, nothing of this tool's."""
    (box.root / POLICY).unlink()
    shutil.rmtree(box.root / "var/lib/kaudit-setup")
    text = box.manifest.read_text()
    fresh = box.folder / "fresh.yaml"
    fresh.write_text(re.sub(r"\n    kaudit-setup\.io/.*", "", text))
    assert fresh.read_text() != text
    fresh.replace(box.manifest)
    # the mount of the policy wants a file, so that kubelet does not even start the container
    box.wait(lambda: not (box.folder / READY).exists(), "the end of the server")
