"""`--root DIR` never leaves DIR, whatever links are in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from folderkit import SAMPLE

from kaudit_setup.cli import main

MANIFESTS = "etc/kubernetes/manifests"


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "link", ["etc", "etc/kubernetes", MANIFESTS, "var", "var/lib", "var/lib/kaudit-setup", "var/log"]
)
@pytest.mark.parametrize("relative", [False, True])
def test_a_link_out_of_the_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], link: str, relative: bool
) -> None:
    root, elsewhere = tmp_path / "image", tmp_path / "this-machine"
    (root / link).parent.mkdir(parents=True)
    inner = MANIFESTS.removeprefix(link).lstrip("/") if MANIFESTS.startswith(link) else ""
    (elsewhere / inner).mkdir(parents=True)
    up = "../" * (len(Path(link).parts)) if relative else f"{tmp_path}/"
    (root / link).symlink_to(f"{up}this-machine")
    (root / MANIFESTS).mkdir(parents=True, exist_ok=True)
    shutil.copy(SAMPLE, root / MANIFESTS / "kube-apiserver.yaml")
    before = snapshot(elsewhere)
    assert main(["enable", "--policy", "metadata", "--root", str(root), "--yes"]) == 1
    assert "out of" in capsys.readouterr().err
    assert snapshot(elsewhere) == before
    assert [p.name for p in elsewhere.rglob("*") if p.name.startswith("kaudit")] == []


def test_a_link_that_stays_inside_is_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "real" / "manifests").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/kubernetes").symlink_to("../real")
    shutil.copy(SAMPLE, tmp_path / MANIFESTS / "kube-apiserver.yaml")
    assert main(["enable", "--policy", "metadata", "--root", str(tmp_path), "--yes"]) == 0
    assert "audit-policy-file" in (tmp_path / "real/manifests/kube-apiserver.yaml").read_text()
