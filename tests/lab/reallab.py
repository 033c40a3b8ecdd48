"""Python's view of the lab (or of any real node), for the end-to-end tests and benchmarks.

Everything here looks and breaks behind the tool's back: through `klab exec` where there is a lab, through plain
ssh where the node is somebody else's (KAUDIT_E2E_SSH_CONFIG names its ssh_config).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lifetime import ends_with_this_process, remove_stale

_T = TypeVar("_T")

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
KLAB = HERE / "klab"
SDLAB = HERE / "sdlab"
LABS = Path("/var/lib")
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
class Backup:
    """A whole backup on the node: what backup.json says, and the files; None for one that was not there."""

    name: str
    about: dict[str, Any]
    files: dict[str, bytes | None]


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
    remove_stale(LABS, "kaudit-setup-lab-", lambda state: _end(KLAB, state))
    state = Path(tempfile.mkdtemp(prefix=f"kaudit-setup-lab-{count}-", dir=LABS))
    lab = Lab(state / "ssh_config", tuple(f"cp{i}" for i in range(1, count + 1)), state)
    with ends_with_this_process(state, [str(KLAB), "down"], env={**os.environ, "KLAB": str(state)}):
        try:
            lab.klab("up", str(count))
            yield lab
        finally:
            _end(KLAB, state)


def _end(program: Path, state: Path) -> None:
    """End a lab and leave nothing; AssertionError with the words of `program` if that fails."""
    _checked([str(program), "down"], env={**os.environ, "KLAB": str(state), "SDLAB": str(state)})
    shutil.rmtree(state, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Machine:
    """A node that is a whole machine (tests/lab/sdlab): it reboots, and its power can be cut."""

    state: Path

    @property
    def node(self) -> RealNode:
        """The same, while it is on, seen through ssh."""
        return RealNode(Lab(self.state / "ssh_config", ("sd1",), None), "sd1")

    def sdlab(self, *args: str) -> str:
        """Run tests/lab/sdlab on it; AssertionError with its words if it fails."""
        return _checked([str(SDLAB), *args], env={**os.environ, "SDLAB": str(self.state)}).decode()

    def cut(self) -> None:
        """Cut its power: every process is gone."""
        self.sdlab("cut")

    def on(self) -> None:
        """Switch it on, and wait until it can be reached and what runs before kubelet has ended."""
        self.sdlab("on")
        self._wait_for_kubelet()

    def reboot(self) -> None:
        """`systemctl reboot`, and wait as `on` does."""
        self.sdlab("reboot")
        self._wait_for_kubelet()

    def _wait_for_kubelet(self) -> None:
        started = "systemctl -q is-active kubelet"
        wait_until("kubelet's start", lambda: self.node.run(started).returncode == 0, 60)


@contextmanager
def machine_running() -> Iterator[Machine]:
    """A whole machine of its own, for as long as the block lasts. SDLAB names one that is up already and stays."""
    kept = os.environ.get("SDLAB")
    if kept:
        machine = Machine(Path(kept))
        machine.sdlab("up")
        yield machine
        return
    remove_stale(LABS, "kaudit-setup-machine-", lambda state: _end(SDLAB, state))
    machine = Machine(Path(tempfile.mkdtemp(prefix="kaudit-setup-machine-", dir=LABS)))
    with ends_with_this_process(machine.state, [str(SDLAB), "down"], env={**os.environ, "SDLAB": str(machine.state)}):
        try:
            machine.sdlab("up")
            yield machine
        finally:
            _end(SDLAB, machine.state)


@dataclass(frozen=True, slots=True)
class RealNode:
    """One node, seen behind the tool's back."""

    lab: Lab
    name: str

    def run(self, script: str, *args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a bash script on the node as root, whatever its exit status."""
        return subprocess.run(self.argv(script, *args), env=self.env(), input=stdin, capture_output=True, check=False)

    def argv(self, script: str, *args: str) -> list[str]:
        """The command that runs a bash script on the node as root; it needs `env`."""
        words = ["bash", "-c", script, "bash", *args]
        if self.lab.state is None:
            return ["ssh", "-F", str(self.lab.ssh_config), self.name, shlex.join(words)]
        return [str(KLAB), "exec", self.name, *words]

    def env(self) -> dict[str, str]:
        """The environment of that command."""
        return {**os.environ, **({"KLAB": str(self.lab.state)} if self.lab.state else {})}

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
        return [_server(line) for line in self.sh(f"{_EACH_SERVER}\neach").splitlines()]

    def serving(self) -> Server | None:
        """The kube-apiserver that holds the port: an old one that still drains has let go of it."""
        listing = self.sh(f"{_EACH_SERVER}\neach; ss -Hltnp 'sport = :6443'")
        lines = listing.splitlines()
        servers = [_server(line) for line in lines if not line.startswith("LISTEN")]
        holders = {int(pid) for line in lines if line.startswith("LISTEN") for pid in re.findall(r"pid=(\d+)", line)}
        return next((server for server in servers if server.pid in holders), None)

    def server(self) -> Server:
        """The kube-apiserver that holds the port; AssertionError if there is none."""
        server = self.serving()
        assert server is not None, f"nobody listens on {self.name}:6443; processes: {self.servers()}"
        return server

    def kubectl(self, *args: str) -> str:
        """kubectl as cluster administrator, on the node, towards the node's own server."""
        return self.sh(
            'export KUBECONFIG=/etc/kubernetes/admin.conf; ip=$(sed -n "s/.*--advertise-address=//p" "$1"); shift; '
            'exec kubectl --request-timeout=20s --server "https://$ip:6443" "$@"',
            MANIFEST,
            *args,
        )

    def stored_config(self) -> str:
        """The ClusterConfiguration that kubeadm keeps in the cluster."""
        return self.kubectl(
            "-n", "kube-system", "get", "configmap", "kubeadm-config", "-o", "jsonpath={.data.ClusterConfiguration}"
        )

    def restore_config(self, text: str) -> None:
        """Make that what kubeadm keeps in the cluster, if it is not."""
        if self.stored_config() != text:
            patch = json.dumps({"data": {"ClusterConfiguration": text}})
            self.kubectl("-n", "kube-system", "patch", "configmap", "kubeadm-config", "--type", "merge", "-p", patch)

    @property
    def address(self) -> str:
        """Where its API server says that it is."""
        return self.sh('sed -n "s/.*--advertise-address=//p" "$1"', MANIFEST).strip()

    def announced(self) -> list[str]:
        """The addresses of the API servers that the cluster knows of."""
        return self.kubectl("get", "endpoints", "kubernetes", "-o", "jsonpath={.subsets[*].addresses[*].ip}").split()

    def forget_back_off(self) -> bool:
        """Restart kubelet, which keeps in its memory only what it holds back; False where that cannot be done."""
        if self.lab.state is not None:
            self.fault("kubelet", "stop")
            self.fault("kubelet", "start")
            return True
        healthy = "curl -fsS http://127.0.0.1:10248/healthz"
        script = f"systemctl restart kubelet && timeout 60 sh -c 'until {healthy}; do sleep 0.2; done'"
        return self.run(script).returncode == 0

    def ready(self) -> bool:
        """Whether the node's own server says so."""
        try:
            return self.kubectl("get", "--raw", "/readyz").strip() == "ok"
        except AssertionError:
            return False

    def settle(
        self,
        *,
        audited: bool | None = None,
        pod: str = "",
        other_than: Collection[str] = (),
        seconds: float = 90,
    ) -> Server:
        """Wait for a ready server, with or without audit flags, of one Pod or of none of those; its process."""

        def one() -> Server | None:
            server = self.serving()
            if server is None or audited not in {None, server.audited}:
                return None
            if pod not in {"", server.pod} or server.pod in other_than:
                return None
            # the same process before and after the question: it was this one that answered
            return server if self.ready() and self.serving() == server else None

        server = wait_until(
            f"{self.name}: a ready server, audited: {audited}, Pod: {pod or 'not ' + str(other_than)}", one, seconds
        )
        assert server is not None
        return server

    def events(self, path: str = LOG) -> list[dict[str, Any]]:
        """Every event of the audit log; AssertionError if a line is not a valid one."""
        events = [json.loads(line) for line in self.sh('cat -- "$1"', path).splitlines()]
        for event in events:
            assert event["kind"] == "Event", event
            assert event["apiVersion"].startswith("audit.k8s.io/"), event
        return events

    def backups(self) -> list[Backup]:
        """The backups, oldest first; AssertionError if one is not whole: description or a file missing or altered."""
        names = self.sh(f"if [ -d {STATE}/backups ]; then ls -1A {STATE}/backups; fi").split()
        return [self._backup(name) for name in names]

    def _backup(self, name: str) -> Backup:
        folder = f"{STATE}/backups/{name}"
        assert self.sh('stat -c %a "$1"', folder).strip() == "700", folder
        about = json.loads(self.read(f"{folder}/backup.json"))
        files: dict[str, bytes | None] = {}
        for entry in about["files"]:
            stored = f"{folder}/files/{entry['number']}"
            if entry["sha256"]:
                content = self.read(stored)
                assert hashlib.sha256(content).hexdigest() == entry["sha256"], f"{stored} is not what was backed up"
                files[entry["path"]] = content
            else:
                assert not self.exists(stored), f"{stored} is there although nothing was"
                files[entry["path"]] = None
        return Backup(name, about, files)

    def journal(self) -> list[dict[str, Any]]:
        """The tool's journal; every line must be a JSON object."""
        path = f"{STATE}/journal.jsonl"
        return [json.loads(line) for line in self.read(path).splitlines()] if self.exists(path) else []

    def deeds(self) -> list[str]:
        """What the journal says was done to the node itself, in order."""
        return [str(entry["action"]) for entry in self.journal() if entry["action"] != "persist"]

    def snapshot(self) -> str:
        """Everything that a run which changes nothing must leave as it is: names, inodes, times, modes, contents."""
        return self.sh(
            f"find /etc/kubernetes {STATE} -printf '%p %i %T@ %C@ %m %u:%g %s\\n' | sort; "
            f"find /etc/kubernetes {STATE} -type f -exec sha256sum {{}} + | sort"
        )

    def leftovers(self) -> list[str]:
        """What no finished run may leave behind: half-written files, living watchdogs, open runs."""
        return self.sh(
            "find /etc/kubernetes /var/log /etc/systemd/system -name '*kaudit*'; "
            f"for run in {STATE}/run/*/; do if [ -d $run ] && [ ! -e ${{run}}outcome ]; then echo $run; fi; done; "
            # a watchdog of a decided change tidies up for a while; one without a change has no business
            "for run in $(pgrep -af watchdog.sh$ | sed -n 's#.* \\(/[^ ]*/\\)watchdog.sh$#\\1#p'); do "
            "[ -d $run ] || echo $run; done"
        ).splitlines()

    def expect_nothing_left(self, seconds: float) -> None:
        """AssertionError, which names what is left and tells the node's side of it, if it stays for `seconds`."""
        left: list[str] = []

        def gone() -> bool:
            left[:] = self.leftovers()
            return not left

        try:
            wait_until("nothing left over", gone, seconds)
        except AssertionError as error:
            told = self.run(
                f"ls -lan {STATE}/run/*; tail -n 5 {STATE}/journal.jsonl; cat {STATE}/lock; pgrep -af watchdog.sh; "
                "journalctl --no-pager -b -n 40 -u 'kaudit-*' -u kubelet | grep -i kaudit"
            )
            raise AssertionError(f"{error}; left: {left}\n{told.stdout.decode('utf-8', 'replace')}") from error

    def static_files(self) -> list[str]:
        """Everything in the static Pod folder, dot files and all."""
        return sorted(self.sh(f"ls -1A {MANIFESTS}").splitlines())


@dataclass(slots=True)
class Watched:
    """What a `watching` block saw of kube-apiserver: each Pod UID once, in order of appearance; processes too.

    `news`: how many Pods got a new process within the block, which is how often kubelet restarted it for a change.
    """

    pods: list[str] = field(default_factory=list)
    processes: list[tuple[int, int]] = field(default_factory=list)
    news: int = 0


@contextmanager
def watching(node: RealNode) -> Iterator[Watched]:
    """Look at the node's kube-apiserver processes all the time; the answer is filled in at the end of the block."""
    loop = (
        f"{_EACH_SERVER}\n"
        "while :; do each; [ -e \"$1\" ] || exit 0; sleep 0.1; done | awk '!seen[$0]++ { print; fflush() }'"
    )
    flag = node.sh("mktemp /tmp/e2e-watch-XXXXXX").strip()
    process = subprocess.Popen(node.argv(loop, flag), env=node.env(), stdout=subprocess.PIPE)
    seen = Watched()
    known = {(server.pid, server.start) for server in node.servers()}
    assert process.stdout is not None
    try:
        # the first line is there before the block begins: the server as it was
        first = process.stdout.readline()
        yield seen
    finally:
        node.sh('rm -f "$1"', flag)
        with process.stdout:
            rest = process.stdout.read()
        process.wait(timeout=30)
        servers = [_server(line) for line in (first + rest).decode().splitlines()]
        for server in servers:
            if server.pod != "-" and server.pod not in seen.pods:
                seen.pods.append(server.pod)
            if (server.pid, server.start) not in seen.processes:
                seen.processes.append((server.pid, server.start))
        seen.news = len({s.pod for s in servers if (s.pid, s.start) not in known and s.pod != "-"})


# `each` prints a line for every kube-apiserver that shares the node's network: pid, start, Pod UID, command line
_EACH_SERVER = r"""
own=$(readlink /proc/self/ns/net)
each() {
  for p in $(pgrep -x kube-apiserver || true); do
    [ "$(readlink /proc/$p/ns/net)" = "$own" ] || continue
    s=$(cat /proc/$p/stat 2>/dev/null) || continue
    u=$(sed -n "s#.*/pods/\([^/]*\)/containers/.*#\1#p" /proc/$p/mountinfo 2>/dev/null | head -n 1) || continue
    c=$(base64 -w0 /proc/$p/cmdline 2>/dev/null) || continue
    # a process between fork and exec, or on its way out, has no command line of its own
    [ -n "$c" ] || continue
    echo "$p $(echo "${s##*) }" | cut -d" " -f20) ${u:--} $c"
  done
}
"""


def _server(line: str) -> Server:
    pid, start, pod, encoded = line.split()
    words = base64.b64decode(encoded).decode().split("\0")
    flags = dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
    return Server(int(pid), int(start), pod, flags)
