"""A lab lives as long as the process that made it: Ctrl-C, SIGTERM, SIGKILL and a closed terminal end both."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# Its standard input ends when the last process that could write to it has ended, however that came.
_KEEPER = 'cat >/dev/null; owner=$1; shift; "$@"; rm -f -- "$owner"'


@contextmanager
def ends_with_this_process(state: Path, down: Sequence[str], *, env: dict[str, str] | None = None) -> Iterator[None]:
    """Runs `down` at the end of the block, or when this process ends without having come there.

    `STATE.owner` says meanwhile whose lab it is. `down` must do no harm where there is nothing to end any more.
    """
    owner = _owner_file(state)
    owner.write_text(f"{os.getpid()} {_start(os.getpid())} {_boot()}\n")
    # a session of its own: Ctrl-C and the end of the terminal do not reach it
    keeper = subprocess.Popen(
        ["sh", "-c", _KEEPER, "keeper", owner, *down],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=env,
    )
    assert keeper.stdin is not None
    try:
        yield
    finally:
        keeper.stdin.close()
        keeper.wait()


def remove_stale(folder: Path, prefix: str, down: Callable[[Path], object]) -> list[Path]:
    """Ends each lab PREFIX… in `folder` whose process has ended, and whose keeper did not do its work; these labs."""
    removed = []
    for owner in sorted(folder.glob(f"{prefix}*.owner")):
        words = owner.read_text().split()
        if len(words) == 3 and words[2] == _boot() and _start(int(words[0])) == words[1]:
            continue
        state = owner.with_suffix("")
        down(state)
        owner.unlink(missing_ok=True)
        removed.append(state)
    return removed


def _owner_file(state: Path) -> Path:
    return state.with_name(state.name + ".owner")


def _start(pid: int) -> str:
    """When it started, in clock ticks since boot; empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
