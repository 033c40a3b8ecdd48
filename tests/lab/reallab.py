"""Python's view of the lab (or of any real node), for the end-to-end tests and benchmarks.

Everything here looks and breaks behind the tool's back: through `klab exec` where there is a lab, through plain
ssh where the node is somebody else's (KAUDIT_E2E_SSH_CONFIG names its ssh_config).
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

_T = TypeVar("_T")

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
KLAB = HERE / "klab"
MANIFESTS = "/etc/kubernetes/manifests"
MANIFEST = f"{MANIFESTS}/kube-apiserver.yaml"
POLICY = "/etc/kubernetes/audit-policy.yaml"
LOG = "/var/log/kubernetes/audit/audit.log"
STATE = "/var/lib/kaudit-setup"
PATIENCE = float(os.environ.get("KLAB_PATIENCE", "3" if os.environ.get("CI") else "1"))


def wait_until(what: str, ask: Callable[[], _T], seconds: float) -> _T:
    """Ask until the answer is truthy; AssertionError with the last answer when the time is over."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds * PATIENCE:g} s; last answer: {answer!r}"
        time.sleep(0.1)
    return answer


@dataclass(frozen=True, slots=True)
class Server:
    """A running kube-apiserver: process number, start time in clock ticks, its static Pod's UID, flags by name.

    kubelet makes that UID from the decoded manifest: the same manifest has the same UID.
    """

    pid: int
    start: int
    pod: str
    flags: dict[str, str]

    @property
    def audited(self) -> bool:
        """Whether it was told anything about auditing."""
        return any(name.startswith("audit-") for name in self.flags)


@dataclass(frozen=True, slots=True)
class Lab:
    """Some real control-plane nodes. `state`: the folder of `klab`; None where the nodes are somebody else's."""

    ssh_config: Path
    hosts: tuple[str, ...]
    state: Path | None

    def node(self, host: str = "") -> RealNode:
        """One of its nodes, the first by default."""
        return RealNode(self, host or self.hosts[0])

    def klab(self, *args: str) -> str:
        """Run tests/lab/klab on this lab; CalledProcessError with its words if it fails."""
        assert self.state is not None, "this needs the project's own lab"
        env = {**os.environ, "KLAB": str(self.state)}
        return _checked([str(KLAB), *args], env=env).decode()

    def down(self) -> None:
        """End it and leave nothing."""
        self.klab("down")


def _checked(argv: list[str], *, env: dict[str, str] | None = None, stdin: bytes = b"") -> bytes:
    ran = subprocess.run(argv, env=env, input=stdin, capture_output=True, check=False)
    said = ran.stderr.decode("utf-8", "replace")
    assert ran.returncode == 0, f"{shlex.join(argv)}: exit status {ran.returncode}\n{said}"
    return ran.stdout


@contextmanager
def running(count: int) -> Iterator[Lab]:
    """`count` nodes: those that the environment names, or an own lab that ends with the block.

    KAUDIT_E2E_SSH_CONFIG with KAUDIT_E2E_HOST (one node) or KAUDIT_E2E_HOSTS (several, with spaces between).
    Raises LookupError if the environment names fewer nodes than wanted.
    """
    config = os.environ.get("KAUDIT_E2E_SSH_CONFIG")
    if config:
        named = os.environ.get("KAUDIT_E2E_HOSTS", os.environ.get("KAUDIT_E2E_HOST", "cp1")).split()
        if len(named) < count:
            raise LookupError(f"KAUDIT_E2E_HOSTS names {len(named)} of {count} nodes")
        folder = Path(config).resolve().parent
        yield Lab(Path(config), tuple(named[:count]), folder if (folder / "lab.env").exists() else None)
        return
    state = Path(tempfile.mkdtemp(prefix=f"kaudit-setup-lab-{count}-", dir="/var/lib"))
    lab = Lab(state / "ssh_config", tuple(f"cp{i}" for i in range(1, count + 1)), state)
    try:
        lab.klab("up", str(count))
        yield lab
    finally:
        lab.down()
        shutil.rmtree(state, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class RealNode:
    """One node, seen behind the tool's back."""

    lab: Lab
    name: str

    def run(self, script: str, *args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a bash script on the node as root, whatever its exit status."""
        words = ["bash", "-c", script, "bash", *args]
        if self.lab.state is None:
            argv = ["ssh", "-F", str(self.lab.ssh_config), self.name, shlex.join(words)]
            return subprocess.run(argv, input=stdin, capture_output=True, check=False)
        env = {**os.environ, "KLAB": str(self.lab.state)}
        argv = [str(KLAB), "exec", self.name, *words]
        return subprocess.run(argv, env=env, input=stdin, capture_output=True, check=False)

    def sh(self, script: str, *args: str, stdin: bytes = b"") -> str:
        """Run a bash script on the node as root; AssertionError with its words if it fails."""
        ran = self.run(f"set -euo pipefail\n{script}", *args, stdin=stdin)
        said = ran.stderr.decode("utf-8", "replace")
        assert ran.returncode == 0, f"{self.name}: {script}: exit status {ran.returncode}\n{said}"
        return ran.stdout.decode("utf-8", "surrogateescape")

    def fault(self, what: str, *args: str) -> None:
        """`klab fault WHAT ...`, with this node's name where the command wants it."""
        first, *rest = args
        self.lab.klab("fault", what, first, self.name, *rest)

    def read(self, path: str) -> bytes:
        """A file's bytes."""
        return self.sh('cat -- "$1"', path).encode("utf-8", "surrogateescape")

    def write(self, path: str, content: bytes) -> None:
        """Replace a file by rename from outside the static Pod folder, as kubelet likes it; the mode stays."""
        self.sh(
            'new=$(mktemp /etc/kubernetes/.e2e-XXXXXX); cat >"$new"; '
            'if [ -e "$1" ]; then chmod --reference="$1" "$new"; fi; mv -f "$new" "$1"',
            path,
            stdin=content,
        )

    def exists(self, path: str) -> bool:
        """Whether anything is there."""
        return self.run('test -e "$1" || test -L "$1"', path).returncode == 0

    @property
    def manifest(self) -> bytes:
        """The kube-apiserver manifest's bytes."""
        return self.read(MANIFEST)

    def servers(self) -> list[Server]:
        """The kube-apiserver processes that share the node's network."""
        listing = self.sh(
            "for p in $(pgrep -x kube-apiserver || true); do "
            '[ "$(readlink /proc/$p/ns/net)" = "$(readlink /proc/self/ns/net)" ] || continue; '
            "s=$(cat /proc/$p/stat 2>/dev/null) || continue; "
            'u=$(sed -n "s#.*/pods/\\([^/]*\\)/containers/.*#\\1#p" /proc/$p/mountinfo 2>/dev/null | head -n 1) || '
            "continue; "
            'echo "$p $(echo "${s##*) }" | cut -d" " -f20) ${u:--} $(base64 -w0 /proc/$p/cmdline)"; done'
        )
        return [_server(line) for line in listing.splitlines() if len(line.split()) == 4]

    def server(self) -> Server:
        """The one kube-apiserver; AssertionError if there is none or more."""
        servers = self.servers()
        assert len(servers) == 1, f"{self.name} runs {len(servers)} kube-apiservers"
        return servers[0]

    def kubectl(self, *args: str) -> str:
        """kubectl as cluster administrator, on the node, towards the node's own server."""
        return self.sh(
            'export KUBECONFIG=/etc/kubernetes/admin.conf; ip=$(sed -n "s/.*--advertise-address=//p" "$1"); shift; '
            'exec kubectl --request-timeout=20s --server "https://$ip:6443" "$@"',
            MANIFEST,
            *args,
        )

    def ready(self) -> bool:
        """Whether the node's own server says so."""
        try:
            return self.kubectl("get", "--raw", "/readyz").strip() == "ok"
        except AssertionError:
            return False

    def settle(self, *, audited: bool | None = None, pod: str = "", seconds: float = 90) -> Server:
        """Wait for one ready server, with or without audit flags or of one Pod where that is asked; its process."""

        def one() -> Server | None:
            servers = self.servers()
            if len(servers) != 1 or (audited is not None and servers[0].audited != audited):
                return None
            if pod and servers[0].pod != pod:
                return None
            # the same process before and after the question: it was this one that answered
            return servers[0] if self.ready() and self.servers() == servers else None

        server = wait_until(f"{self.name}: one ready server, audited: {audited}", one, seconds)
        assert server is not None
        return server

    def events(self, path: str = LOG) -> list[dict[str, Any]]:
        """Every event of the audit log; AssertionError if a line is not a valid one."""
        events = [json.loads(line) for line in self.sh('cat -- "$1"', path).splitlines()]
        for event in events:
            assert event["kind"] == "Event", event
            assert event["apiVersion"].startswith("audit.k8s.io/"), event
        return events

    def backups(self) -> list[str]:
        """The names of the backups, oldest first."""
        return self.sh(f"if [ -d {STATE}/backups ]; then ls -1 {STATE}/backups; fi").split()

    def static_files(self) -> list[str]:
        """Everything in the static Pod folder, dot files and all."""
        return sorted(self.sh(f"ls -1A {MANIFESTS}").splitlines())


def _server(line: str) -> Server:
    pid, start, pod, encoded = line.split()
    words = base64.b64decode(encoded).decode().split("\0")
    flags = dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
    return Server(int(pid), int(start), pod, flags)
