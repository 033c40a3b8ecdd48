"""What `enable` costs on a real control plane, beside the same change by hand, in turn on the same node.

By hand: one ssh session writes the prepared policy, copies the old manifest, renames the new one into place and asks
until a marked request is found in the audit log and /readyz says 200. Each turn begins with manifests that never ran,
because kubelet holds back a Pod that ran a minute ago. Then where the tool's own time goes: from the times of its
remote commands here and of the files on the node, so that both clocks must agree.

Run by `make bench`; KAUDIT_E2E_SSH_CONFIG and KAUDIT_E2E_HOST name another node than the lab's.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from byhand import TOOL, ByHand, Run, by_hand, fresh, row, stamp, tool
from reallab import LOG, MANIFEST, POLICY, STATE, RealNode, running, watching

ROUNDS = int(os.environ.get("ROUNDS", "3"))
# when the newest backup was whole, and when the manifest was renamed into place
TIMES = (
    f"backup=$(ls -1d {STATE}/backups/* | tail -n 1); "
    f"find $backup/backup.json -printf '%T@ '; find {MANIFEST} -printf '%C@'"
)


def median(runs: int, measure: Callable[[], float]) -> float:
    """The middle one of several measurements."""
    return statistics.median(measure() for _ in range(runs))


def stages(run: Run, node: RealNode) -> dict[str, float]:
    """Where the seconds of this `enable` went, in order."""
    saved, renamed = map(float, node.sh(TIMES).split())
    look, apply, verify, *_ = run.trips
    marks = {
        "start": look.began,
        "look": look.ended,
        "plan, review": apply.began,
        "back up": saved,
        "stage, arm, write the policy": renamed,
        "end of the writing": apply.ended,
        "prepare the proof": verify.began,
        "proof": verify.ended,
        "confirm, keep in kubeadm-config, end": run.began + run.seconds,
    }
    begins = [run.began, *marks.values()]
    return {name: end - begin for (name, end), begin in zip(marks.items(), begins, strict=False)}


def main() -> None:
    """Measure, and print the table."""
    with running(1) as lab:
        node = lab.node()
        on = ("enable", "--policy", "metadata", "--ssh-config", str(lab.ssh_config), "--host", node.name, "--yes")
        plain, config = node.manifest, node.stored_config()
        node.settle(audited=False)
        # the first run makes Python's caches, and what is written by hand later
        fresh(node, plain, "first")
        tool(*on)
        audited, policy = node.manifest, node.read(POLICY)
        hands: list[ByHand] = []
        enables: list[Run] = []
        spent: list[dict[str, float]] = []
        for turn in range(1, ROUNDS + 1):
            start_anew(node, plain, config, f"{turn}h")
            hands.append(by_hand(lab, node, audited.replace(stamp("first"), stamp(f"{turn}h")), policy))
            start_anew(node, plain, config, f"{turn}t")
            enables.append(tool(*on))
            spent.append(stages(enables[-1], node))
        start_anew(node, plain, config, "watched")
        # counted in a round of its own: looking all the time costs the node what it measures
        with watching(node) as seen:
            tool(*on)
        with watching(node) as unseen:
            tool(*on)
        idle = [tool(*on) for _ in range(5)]
        start_anew(node, plain, config, "last")
        node.write(MANIFEST, plain)
    helps = {name: median(10, lambda a=args: _seconds([TOOL, *a])) for name, args in _HELPS.items()}

    hand, took = statistics.median(h.seconds for h in hands), statistics.median(r.seconds for r in enables)
    again = statistics.median(r.seconds for r in idle)
    print(f"medians of {ROUNDS} rounds on one node, load {os.getloadavg()[0]:.1f}\n")
    row("by hand, over one ssh session", f"{hand:.2f} s")
    row("  of it from the rename to event and /readyz", f"{statistics.median(h.floor for h in hands):.2f} s")
    row("enable, everything included", f"{took:.2f} s", "by hand + 1.5 s", took <= hand + 1.5)
    for name in spent[0]:
        row(f"  {name}", f"{statistics.median(s[name] for s in spent):.2f} s")
    row("enable / by hand", f"{took / hand:.2f} x")
    row("enable with nothing to do", f"{again:.2f} s", "1.0 s", again <= 1.0)
    row("remote commands of an enable", str(max(r.commands for r in enables)), "6", _few(enables))
    row("remote commands with nothing to do", str(max(r.commands for r in idle)))
    row("restarts for a change", str(seen.news), "exactly 1", seen.news == 1)
    row("restarts for none", str(unseen.news), "0", unseen.news == 0)
    mib = max(r.mib for r in enables)
    row("peak resident memory of enable", f"{mib:.0f} MiB", "80 MB", mib * 1.048576 <= 80)
    for name, seconds in helps.items():
        row(name, f"{seconds:.3f} s", "0.25 s", seconds <= 0.25)


def start_anew(node: RealNode, plain: bytes, config: str, turn: str) -> None:
    """The node as before the first turn, but for a manifest of this turn's own."""
    fresh(node, plain, turn)
    node.sh(f"rm -rf {STATE}/* {LOG.rsplit('/', 1)[0]}")
    node.restore_config(config)


_HELPS = {"kaudit-setup --help": ["--help"], "kaudit-setup enable --help": ["enable", "--help"]}


def _few(runs: list[Run]) -> bool:
    return all(0 < r.commands <= 6 for r in runs)


def _seconds(argv: list[str | Path]) -> float:
    began = time.monotonic()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
