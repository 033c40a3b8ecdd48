"""The tool as a user runs it, and the same by hand: what the benchmarks of `enable` share."""

from __future__ import annotations

import base64
import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from reallab import LOG, MANIFEST, POLICY, Lab, RealNode

TOOL = Path(os.environ.get("KAUDIT_E2E_TOOL", Path(sys.executable).with_name("kaudit-setup")))

# the manifest and the policy come on standard input, base64, so that one session is enough
BY_HAND = f"""
mark=floor-$RANDOM$RANDOM
ip=$(sed -n "s/.*--advertise-address=//p" {MANIFEST})
pki=/etc/kubernetes/pki
ask() {{
  curl -s -o /dev/null -m 2 -w '%{{http_code}}' -H "Audit-ID: $mark" --cacert $pki/ca.crt \\
    --cert $pki/apiserver-kubelet-client.crt --key $pki/apiserver-kubelet-client.key "https://$ip:6443$1" || true
}}
umask 077
mkdir -p -m 0700 {LOG.rsplit("/", 1)[0]}
read -r manifest && read -r policy
echo "$policy" | base64 -d >{POLICY}
cp -p {MANIFEST} /root/kube-apiserver.yaml
echo "$manifest" | base64 -d >/etc/kubernetes/.by-hand
began=$EPOCHREALTIME
mv -f /etc/kubernetes/.by-hand {MANIFEST}
until ask /api/v1/namespaces/default/configmaps/none >/dev/null; grep -qs "$mark" {LOG} &&
  [ "$(ask /readyz)" = 200 ]; do sleep 0.05; done
echo "$EPOCHREALTIME $began" | awk '{{ printf "%.3f", $1 - $2 }}'
"""


@dataclass(frozen=True, slots=True)
class Trip:
    """One remote command: when it began and ended (seconds of the clock), and the scripts in it."""

    began: float
    ended: float
    scripts: str


@dataclass(frozen=True, slots=True)
class ByHand:
    """The same change by hand, over one ssh session: all of it, and from the rename of the manifest to the proof."""

    seconds: float
    floor: float


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the tool: when it began, seconds, peak resident MiB of its process, its remote commands."""

    began: float
    seconds: float
    mib: float
    trips: tuple[Trip, ...]

    @property
    def commands(self) -> int:
        """How many remote commands."""
        return len(self.trips)


def tool(*args: str, allowed: tuple[int, ...] = (0,)) -> Run:
    """Run the tool as a user does; any exit status but the allowed ones ends the benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace")
        env = {"PATH": os.environ["PATH"], "HOME": folder, "KAUDIT_TRACE": str(trace), "NO_COLOR": "1"}
        started, began = time.time(), time.monotonic()
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
        lines = trace.read_text().splitlines() if trace.exists() else []
        return Run(started, took, usage.ru_maxrss / 1024, tuple(map(_trip, lines)))


def _trip(line: str) -> Trip:
    _host, seconds, _code, _sent, ended, scripts = line.split()
    return Trip(float(ended) - float(seconds), float(ended), scripts)


def row(what: str, value: str, promise: str = "", kept: bool | None = None) -> None:
    """One line of the table."""
    print(
        f"{what:<46} {value:>12}   {promise:<26} {'' if kept is None else 'kept' if kept else 'MISSED'}", flush=True
    )


def fresh(node: RealNode, plain: bytes, turn: str) -> None:
    """The node without auditing, with a manifest that never ran: kubelet holds one back that ran a minute ago."""
    before = {server.pod for server in node.servers()}
    node.sh(f"rm -f {POLICY}")
    node.write(MANIFEST, plain.replace(b"  annotations:\n", b"  annotations:\n" + stamp(turn), 1))
    node.settle(audited=False, other_than=before)


def stamp(turn: str) -> bytes:
    """The annotation that tells this turn's manifests from all others."""
    return f"    bench.kaudit-setup.io/turn: {turn}\n".encode()


def by_hand(lab: Lab, node: RealNode, audited: bytes, policy: bytes) -> ByHand:
    """From a prepared manifest and policy to a marked event and a ready server, as an administrator with a script."""
    argv = ["ssh", "-F", str(lab.ssh_config), node.name, f"bash -c {shlex.quote(BY_HAND)}"]
    sent = b"\n".join(map(base64.b64encode, (audited, policy))) + b"\n"
    began = time.monotonic()
    ran = subprocess.run(argv, input=sent, capture_output=True, check=False)
    took = time.monotonic() - began
    if ran.returncode != 0:
        sys.exit(f"by hand: exit status {ran.returncode}\n{ran.stderr.decode()}")
    return ByHand(took, float(ran.stdout))
