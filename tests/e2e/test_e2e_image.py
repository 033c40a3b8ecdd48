"""The container image, built from the Containerfile as it stands: small, not root, and it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("buildah", "debootstrap")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason="buildah or debootstrap is not installed")
def test_the_image_is_small_and_not_root_and_runs(tmp_path: Path) -> None:
    ran = subprocess.run(
        [ROOT / "contrib/packaging/image.sh", tmp_path / "image"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "as user 65532" in ran.stdout
