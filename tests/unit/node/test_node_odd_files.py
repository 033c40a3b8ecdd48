"""Paths on the node that are not files: nothing waits for them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from folderkit import node_folder

from kaudit_setup.cli import main

MANIFEST = "etc/kubernetes/manifests/kube-apiserver.yaml"


def enable(root: Path) -> int:
    return main(["enable", "--policy", "metadata", "--root", str(root), "--dry-run"])


def test_a_manifest_that_is_a_fifo_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / MANIFEST).parent.mkdir(parents=True)
    os.mkfifo(tmp_path / MANIFEST)
    assert enable(tmp_path) == 2
    assert f"/{MANIFEST} is not a regular file" in capsys.readouterr().err


def test_a_manifest_that_is_a_link_to_a_fifo_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / MANIFEST).parent.mkdir(parents=True)
    os.mkfifo(tmp_path / MANIFEST.replace("server", "pipe"))
    (tmp_path / MANIFEST).symlink_to("kube-apipipe.yaml")
    assert enable(tmp_path) == 2
    assert "is not a regular file" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["etc/kubernetes/manifests/x", "etc/kubernetes/audit-policy.yaml"])
def test_a_fifo_elsewhere_is_not_waited_for(tmp_path: Path, path: str) -> None:
    node_folder(tmp_path)
    os.mkfifo(tmp_path / path)
    assert enable(tmp_path) == (2 if path.endswith("policy.yaml") else 3)
