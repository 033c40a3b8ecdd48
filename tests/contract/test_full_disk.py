"""A disk that is full on this side while a node sends: it is said as what it is, not as a broken connection."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from kaudit_setup.cli import main
from kaudit_setup.node.port import Node
from kaudit_setup.sandbox import Sandbox

FULL = Path("/dev/full")
WHERE = "/srv/full-disk-logs"

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here: left out are disks that are full")


@pytest.fixture
def log(sandbox: Sandbox) -> Path:
    """A log on the node that is too large for any buffer on the way."""
    path = sandbox.root / WHERE.lstrip("/") / "audit.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f'{{"noise":"{random.Random(n).randbytes(500).hex()}"}}\n' for n in range(2000)))
    return path


def test_what_the_sink_raises_is_raised_as_it_is(node: Node) -> None:
    def sink(_: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left") as caught:
        node.sh("echo first; echo second", sink=sink)
    assert caught.value.errno == errno.ENOSPC
    assert node.sh("echo again").out == b"again\n", "the connection is fine"


def test_what_was_given_up_and_ends_later_does_not_disturb_the_next(node: Node, quoted: str) -> None:
    """A session has a number, and the next one gets it again."""

    def sink(_: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            node.sh(f"echo $$ >{quoted}/pid; echo first; until [ -e {quoted}/go ]; do sleep 0.02; done", sink=sink)
        wait = f": >{quoted}/go; while kill -0 $(cat {quoted}/pid) 2>/dev/null; do sleep 0.02; done; rm {quoted}/go"
        assert node.sh(f"{wait}; echo again").out == b"again\n"


def test_collect_names_the_folder_that_is_full(
    sandbox: Sandbox, log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = ["collect", "--host", sandbox.host, "--ssh-config", str(sandbox.ssh_config), "--log", WHERE]
    run += ["-d", str(tmp_path / "home")]
    limited = ["sh", "-c", 'ulimit -f 200 && exec "$@"', "sh", sys.executable, "-m", "kaudit_setup"]
    ran = subprocess.run([*limited, *run], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert f"error: cannot write to {tmp_path / 'home'}: File too large" in ran.stderr
    assert "hint: make room there or make it writable, or choose another -d DIR" in ran.stderr
    assert main(run) == 0, "there is room again"
    capfd.readouterr()


def test_a_question_names_the_folder_that_is_full(sandbox: Sandbox, log: Path, tmp_path: Path) -> None:
    limited = ["sh", "-c", 'ulimit -f 200 && exec "$@"', "sh", sys.executable, "-m", "kaudit_setup"]
    run = ["stats", "--host", sandbox.host, "--ssh-config", str(sandbox.ssh_config), "--log", WHERE]
    ran = subprocess.run(
        [*limited, *run], env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert f"error: the log of {sandbox.host} cannot be kept in {tmp_path}/" in ran.stderr
    assert "File too large\nhint: make room there, or name another place for it with TMPDIR" in ran.stderr
