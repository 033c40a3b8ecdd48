"""What `enable` costs on a real control plane, beside the by-hand floor of the same run.

Floor: one shell on the node renames the prepared manifest into place and asks until a marked request is found in the
audit log and /readyz says 200. Nothing can be quicker: kubelet and kube-apiserver need that time.

Run by `make bench`; KAUDIT_E2E_SSH_CONFIG and KAUDIT_E2E_HOST name another node than the lab's.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reallab import LOG, MANIFEST, POLICY, Lab, RealNode, running, watching

TOOL = Path(os.environ.get("KAUDIT_E2E_TOOL", Path(sys.executable).with_name("kaudit-setup")))
ROUNDS = int(os.environ.get("ROUNDS", "3"))

BY_HAND = f"""
mark=floor-$RANDOM$RANDOM
ip=$(sed -n "s/.*--advertise-address=//p" {MANIFEST})
pki=/etc/kubernetes/pki
ask() {{
  curl -s -o /dev/null -m 2 -w '%{{http_code}}' -H "Audit-ID: $mark" --cacert $pki/ca.crt \\
    --cert $pki/apiserver-kubelet-client.crt --key $pki/apiserver-kubelet-client.key "https://$ip:6443$1" || true
}}
began=$EPOCHREALTIME
mv -f "$1" {MANIFEST}
until ask /api/v1/namespaces/default/configmaps/none >/dev/null; grep -qs "$mark" {LOG} &&
  [ "$(ask /readyz)" = 200 ]; do sleep 0.05; done
echo "$EPOCHREALTIME $began" | awk '{{ printf "%.3f", $1 - $2 }}'
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the tool: seconds, peak resident MiB of its process, remote commands, connections."""

    seconds: float
    mib: float
    commands: int


def tool(lab: Lab, *args: str, allowed: tuple[int, ...] = (0,)) -> Run:
    """Run the tool as a user does; any exit status but the allowed ones ends the benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace")
        env = {"PATH": os.environ["PATH"], "HOME": folder, "KAUDIT_TRACE": str(trace), "NO_COLOR": "1"}
        began = time.monotonic()
        process = subprocess.Popen(
            [TOOL, *args], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        took = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in allowed:
            sys.exit(f"{' '.join(args)}: exit status {process.returncode}\n{said.decode()}")
        commands = len(trace.read_text().splitlines()) if trace.exists() else 0
        return Run(took, usage.ru_maxrss / 1024, commands)


def median(runs: int, measure: Callable[[], float]) -> float:
    """The middle one of several measurements."""
    return statistics.median(measure() for _ in range(runs))


def row(what: str, value: str, promise: str = "", kept: bool | None = None) -> None:
    """One line of the table."""
    print(
        f"{what:<46} {value:>12}   {promise:<26} {'' if kept is None else 'kept' if kept else 'MISSED'}", flush=True
    )


def main() -> None:
    """Measure, and print the table."""
    with running(1) as lab:
        node = lab.node()
        on = ("enable", "--policy", "metadata", "--ssh-config", str(lab.ssh_config), "--host", node.name, "--yes")
        off = ("disable", *on[3:])
        plain = node.manifest
        node.settle(audited=False)
        # the first run makes Python's caches
        tool(lab, *on, "--dry-run", allowed=(3,))
        floors: list[float] = []
        enables: list[Run] = []
        for turn in range(1, ROUNDS + 1):
            _fresh(node, plain, turn)
            enables.append(tool(lab, *on))
            audited, policy = node.manifest, node.read(POLICY)
            tool(lab, *off)
            floors.append(_by_hand(node, audited, policy))
        _fresh(node, plain, 0)
        # counted in a round of its own: looking all the time costs the node what it measures
        with watching(node) as seen:
            tool(lab, *on)
        with watching(node) as unseen:
            tool(lab, *on)
        idle = [tool(lab, *on) for _ in range(5)]
        tool(lab, *off)
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


def _fresh(node: RealNode, plain: bytes, turn: int) -> None:
    """The node without auditing, with a manifest that never ran: kubelet holds one back that ran a minute ago."""
    before = {server.pod for server in node.servers()}
    stamp = f'  annotations:\n    bench.kaudit-setup.io/turn: "{turn}"\n'.encode()
    node.sh(f"rm -f {POLICY}")
    node.write(MANIFEST, plain.replace(b"  annotations:\n", stamp, 1))
    node.settle(audited=False, other_than=before)


def _by_hand(node: RealNode, audited: bytes, policy: bytes) -> float:
    node.sh(f"mkdir -p -m 0700 {LOG.rsplit('/', 1)[0]}; umask 077; cat >{POLICY}", stdin=policy)
    prepared = "/etc/kubernetes/.bench-manifest"
    node.sh('umask 077; cat >"$1"', prepared, stdin=audited)
    return float(node.sh(BY_HAND, prepared))


def _seconds(argv: list[str | Path]) -> float:
    began = time.monotonic()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
