"""What `enable` costs on a real control plane, beside the by-hand floor of the same run.

Floor: one shell on the node renames the prepared manifest into place and asks until a marked request is found in the
audit log and /readyz says 200. Nothing can be quicker: kubelet and kube-apiserver need that time.

Run by `make bench`; KAUDIT_E2E_SSH_CONFIG and KAUDIT_E2E_HOST name another node than the lab's.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from byhand import TOOL, Run, by_hand, fresh, row, tool
from reallab import MANIFEST, POLICY, running, watching

ROUNDS = int(os.environ.get("ROUNDS", "3"))


def median(runs: int, measure: Callable[[], float]) -> float:
    """The middle one of several measurements."""
    return statistics.median(measure() for _ in range(runs))


def main() -> None:
    """Measure, and print the table."""
    with running(1) as lab:
        node = lab.node()
        on = ("enable", "--policy", "metadata", "--ssh-config", str(lab.ssh_config), "--host", node.name, "--yes")
        off = ("disable", *on[3:])
        plain = node.manifest
        node.settle(audited=False)
        # the first run makes Python's caches
        tool(*on, "--dry-run", allowed=(3,))
        floors: list[float] = []
        enables: list[Run] = []
        for turn in range(1, ROUNDS + 1):
            fresh(node, plain, turn)
            enables.append(tool(*on))
            audited, policy = node.manifest, node.read(POLICY)
            tool(*off)
            floors.append(by_hand(node, audited, policy))
        fresh(node, plain, 0)
        # counted in a round of its own: looking all the time costs the node what it measures
        with watching(node) as seen:
            tool(*on)
        with watching(node) as unseen:
            tool(*on)
        idle = [tool(*on) for _ in range(5)]
        tool(*off)
        node.write(MANIFEST, plain)
    helps = {name: median(10, lambda a=args: _seconds([TOOL, *a])) for name, args in _HELPS.items()}

    floor, took = statistics.median(floors), statistics.median(r.seconds for r in enables)
    again = statistics.median(r.seconds for r in idle)
    print(f"medians of {ROUNDS} rounds on one node\n")
    row("by hand: rename to event and /readyz", f"{floor:.2f} s")
    row("enable, everything included", f"{took:.2f} s", "floor + 1.5 s", took <= floor + 1.5)
    row("enable / by hand", f"{took / floor:.2f} x")
    row("enable with nothing to do", f"{again:.2f} s", "1.0 s", again <= 1.0)
    row("remote commands of an enable", str(max(r.commands for r in enables)), "6", _few(enables))
    row("remote commands with nothing to do", str(max(r.commands for r in idle)))
    row("restarts for a change", str(seen.news), "exactly 1", seen.news == 1)
    row("restarts for none", str(unseen.news), "0", unseen.news == 0)
    mib = max(r.mib for r in enables)
    row("peak resident memory of enable", f"{mib:.0f} MiB", "80 MB", mib * 1.048576 <= 80)
    for name, seconds in helps.items():
        row(name, f"{seconds:.3f} s", "0.25 s", seconds <= 0.25)


_HELPS = {"kaudit-setup --help": ["--help"], "kaudit-setup enable --help": ["enable", "--help"]}


def _few(runs: list[Run]) -> bool:
    return all(0 < r.commands <= 6 for r in runs)


def _seconds(argv: list[str | Path]) -> float:
    began = time.monotonic()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
