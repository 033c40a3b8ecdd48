"""What `enable` says of a policy before it changes anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from folderkit import node_folder

from kaudit_setup.cli import main
from kaudit_setup.errors import Exit

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return node_folder(tmp_path / "root")


def enable(root: Path, policy: str) -> int:
    return main(["enable", "--root", str(root), "--dry-run", "--policy", policy])


def test_a_field_that_is_ignored_is_in_the_review(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(HEAD + "rules:\n- level: None\n  resources:\n  - verbs: [get]\n- level: Metadata\n")
    enable(root, str(policy))
    said = " ".join(capsys.readouterr().out.split())
    assert "warning policy-lint: line 6 of the policy" in said
    assert "rule 1 drops every request on all of group core" in said


def test_a_policy_that_does_not_load_is_refused_with_its_fix(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(HEAD + "spec:\n  rules:\n  - level: Metadata\n")
    assert enable(root, str(policy)) == Exit.USAGE
    assert "`rules` stands at the top, not under `spec`" in capsys.readouterr().err


def test_the_preset_metadata_has_no_warning_in_the_review(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    enable(root, "metadata")
    assert "policy-lint" not in capsys.readouterr().out
