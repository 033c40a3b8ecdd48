"""The policy that a rollback brings back into force is looked at, whether it is in the backup or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaudit_setup.change.expectation import expect
from kaudit_setup.change.prepare import prepare_rollback
from kaudit_setup.cli import main
from kaudit_setup.node.local import LocalNode
from kaudit_setup.sandbox import tree

POLICY = "etc/kubernetes/audit-policy.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A node that had its policy at the usual place, and has it at another one now."""
    node = tmp_path / "node"
    tree.plant(node, node="cp", version="1.36.2", port=6443)
    enable = ["enable", "--root", str(node), "--policy", "metadata", "--yes"]
    assert main(enable) == 0
    assert main([*enable, "--policy-path", "/etc/kubernetes/audit/other.yaml"]) == 0
    return node


def test_the_policy_that_comes_back_can_be_proved(root: Path) -> None:
    prepared = prepare_rollback(LocalNode(root), None, prove=False)
    want = expect(prepared.plan, prepared.state, "kaudit-probe-1")
    assert prepared.findings == ()
    assert want.probe is not None
    assert want.unproved == ""


def test_a_policy_that_is_gone_or_broken_does_not_come_back(root: Path) -> None:
    (root / POLICY).write_text("kind: Policy\n")
    assert [f.name for f in prepare_rollback(LocalNode(root), None, prove=False).findings] == ["policy-refused"]
    (root / POLICY).unlink()
    assert [f.name for f in prepare_rollback(LocalNode(root), None, prove=False).findings] == ["policy-missing"]
    assert main(["rollback", "--root", str(root), "--yes"]) == 1
