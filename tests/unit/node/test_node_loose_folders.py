"""Folders in which a stranger could exchange what root writes are found, on the real file system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.observe import observe

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make folders of other users")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder to which every way belongs to root (those of pytest lie in /tmp, which is sticky)."""
    made = Path(mkdtemp(dir="/root"))
    yield made
    for path in [*sorted(made.rglob("*"), reverse=True), made]:
        path.rmdir() if path.is_dir() else path.unlink()


def loose(manifest: Path) -> list[str]:
    return [path for path in observe(LocalNode(), manifest=str(manifest)).loose if path.startswith("/root/")]


@pytest.mark.parametrize(
    ("mode", "owner", "group", "found"),
    [
        (0o755, 0, 0, False),
        (0o700, 0, 0, False),
        (0o775, 0, 0, False),
        (0o775, 0, 4, True),
        (0o777, 0, 0, True),
        (0o1777, 0, 0, False),
        (0o2757, 0, 0, True),
        (0o755, 65534, 0, True),
    ],
)
def test_who_can_write_to_the_static_pod_folder(folder: Path, mode: int, owner: int, group: int, found: bool) -> None:
    above = folder / "kubernetes"
    (above / "manifests").mkdir(parents=True)
    (above / "manifests/kube-apiserver.yaml").write_text("kind: Pod\n")
    os.chown(above, owner, group)
    above.chmod(mode)
    assert loose(above / "manifests/kube-apiserver.yaml") == ([str(above)] if found else [])
