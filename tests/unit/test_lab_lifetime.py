"""The lab of the end-to-end tests ends with whoever made it, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lifetime import ends_with_this_process, remove_stale

_MAKER = """
import sys, time
from pathlib import Path
from lifetime import ends_with_this_process
state = Path(sys.argv[1])
with ends_with_this_process(state, ["touch", f"{state}.down"]):
    print("up", flush=True)
    time.sleep(600)
"""


def _made(state: Path) -> subprocess.Popen[bytes]:
    maker = subprocess.Popen(
        [sys.executable, "-c", _MAKER, state],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": ":".join(sys.path)},
        start_new_session=True,
    )
    assert maker.stdout is not None
    with maker.stdout:
        assert maker.stdout.readline() == b"up\n"
    return maker


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_lab_ends_with_the_process_that_made_it(tmp_path: Path, how: signal.Signals) -> None:
    state = tmp_path / "lab-1"
    maker = _made(state)
    assert remove_stale(tmp_path, "lab-", lambda _: pytest.fail("its maker lives")) == []
    maker.send_signal(how)
    maker.wait(timeout=30)
    deadline = time.monotonic() + 30
    while not (tmp_path / "lab-1.down").exists() or (tmp_path / "lab-1.owner").exists():
        assert time.monotonic() < deadline, "the keeper did nothing"
        time.sleep(0.01)


def test_a_lab_ends_with_its_block(tmp_path: Path) -> None:
    with ends_with_this_process(tmp_path / "lab-1", ["touch", str(tmp_path / "down")]):
        assert not (tmp_path / "down").exists()
    assert [file.name for file in tmp_path.iterdir()] == ["down"]


def test_what_a_dead_run_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    """Its keeper is dead, too: the machine was switched off."""
    (tmp_path / "lab-old.owner").write_text("1 1 another-boot\n")
    (tmp_path / "lab-cut.owner").write_text("")
    (tmp_path / "other-1.owner").write_text("1 1 another-boot\n")
    ended: list[Path] = []
    with ends_with_this_process(tmp_path / "lab-living", ["true"]):
        assert remove_stale(tmp_path, "lab-", ended.append) == [tmp_path / "lab-cut", tmp_path / "lab-old"] == ended
        assert sorted(file.name for file in tmp_path.iterdir()) == ["lab-living.owner", "other-1.owner"]
