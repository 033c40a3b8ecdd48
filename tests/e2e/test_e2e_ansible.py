"""The example playbook of contrib/ansible on a real node."""

from __future__ import annotations

from pathlib import Path

from ansiblekit import Controller, install, needs_ansible
from baseline import Original
from conftest import TOOL
from reallab import Lab, RealNode

pytestmark = needs_ansible


def test_check_then_apply_then_nothing_to_do_then_absent(
    pristine: RealNode, lab: Lab, original: Original, tmp_path: Path
) -> None:
    install(tmp_path)
    inventory = tmp_path / "inventory.ini"
    inventory.write_text(f"[kube_control_plane]\n{pristine.name}\n")
    controller = Controller(tmp_path, inventory, lab.ssh_config)
    wanted = {"policy": "metadata", "executable": str(TOOL)}

    before = pristine.snapshot()
    checked = controller.play("--check", "--diff", **wanted)
    assert checked.changed
    assert "+    - --audit-log-maxage=90" in checked.text
    assert pristine.snapshot() == before

    applied = controller.play(**wanted)
    assert applied.changed
    assert applied.result["nodes"][0]["proved"] is True
    server = pristine.server()
    assert server.flags["audit-log-maxage"] == "90"
    assert not controller.play(**wanted).changed
    assert pristine.server() == server

    assert controller.play(state="absent", executable=str(TOOL)).changed
    assert pristine.manifest == original.manifest
    assert not controller.play("--check", state="absent", executable=str(TOOL)).changed
