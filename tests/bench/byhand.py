"""The tool as a user runs it, and the same by hand: what the benchmarks of `enable` share."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from reallab import LOG, MANIFEST, POLICY, RealNode

TOOL = Path(os.environ.get("KAUDIT_E2E_TOOL", Path(sys.executable).with_name("kaudit-setup")))

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


def tool(*args: str, allowed: tuple[int, ...] = (0,)) -> Run:
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


def row(what: str, value: str, promise: str = "", kept: bool | None = None) -> None:
    """One line of the table."""
    print(
        f"{what:<46} {value:>12}   {promise:<26} {'' if kept is None else 'kept' if kept else 'MISSED'}", flush=True
    )


def fresh(node: RealNode, plain: bytes, turn: int) -> None:
    """The node without auditing, with a manifest that never ran: kubelet holds one back that ran a minute ago."""
    before = {server.pod for server in node.servers()}
    stamp = f'  annotations:\n    bench.kaudit-setup.io/turn: "{turn}"\n'.encode()
    node.sh(f"rm -f {POLICY}")
    node.write(MANIFEST, plain.replace(b"  annotations:\n", stamp, 1))
    node.settle(audited=False, other_than=before)


def by_hand(node: RealNode, audited: bytes, policy: bytes) -> float:
    """Seconds from the rename of the audited manifest to a marked event and a ready server."""
    node.sh(f"mkdir -p -m 0700 {LOG.rsplit('/', 1)[0]}; umask 077; cat >{POLICY}", stdin=policy)
    prepared = "/etc/kubernetes/.bench-manifest"
    node.sh('umask 077; cat >"$1"', prepared, stdin=audited)
    return float(node.sh(BY_HAND, prepared))
