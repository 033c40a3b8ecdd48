"""A real control plane for every test here, the tool as its users run it, and the node as it was before.

The lab (tests/lab) starts with the first test that needs it and ends with the run. To use another real node, for
example one of kind: KAUDIT_E2E_SSH_CONFIG=FILE KAUDIT_E2E_HOST=NAME (KAUDIT_E2E_HOSTS="A B C" for several);
tests that break things are left out there, and say so.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from baseline import Baseline, Original
from reallab import (
    PATIENCE,
    POLICY,
    Lab,
    Machine,
    RealNode,
    Server,
    machine_running,
    running,
    wait_until,
)

# a kubeconfig that the tool cannot fault and the server cannot use: its client certificate is not on the node
WEBHOOK = """\
apiVersion: v1
kind: Config
clusters: [{name: sink, cluster: {server: "https://127.0.0.1:1/"}}]
users: [{name: api, user: {client-certificate: /etc/kubernetes/pki/no.crt, client-key: /etc/kubernetes/pki/no.key}}]
contexts: [{name: sink, context: {cluster: sink, user: api}}]
current-context: sink
"""

TOOL = Path(os.environ.get("KAUDIT_E2E_TOOL", Path(sys.executable).with_name("kaudit-setup")))


@dataclass(frozen=True, slots=True)
class Result:
    """What a user sees of a run."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit status {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


@dataclass(frozen=True, slots=True)
class Cli:
    """The tool as a user runs it: a process, with an ssh_config and nothing of this machine's user."""

    ssh_config: Path
    home: Path

    def command(self, *args: str) -> list[str]:
        """The whole command line; SSH options are added where a host is named."""
        ssh = ["--ssh-config", str(self.ssh_config)] if "--host" in args and "--ssh-config" not in args else []
        return [str(TOOL), *args, *ssh]

    def env(self) -> dict[str, str]:
        """No agent, no keys of this machine's user, no colours."""
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "KAUDIT_TRACE"}}
        return {**kept, "HOME": str(self.home), "NO_COLOR": "1", "USER": "root"}

    def run(self, *args: str, stdin: str = "", timeout: float = 240, prefix: tuple[str, ...] = ()) -> Result:
        """Run it to its end; no traceback ever reaches a user."""
        ran = subprocess.run(
            [*prefix, *self.command(*args)],
            input=stdin.encode(),
            capture_output=True,
            timeout=timeout * PATIENCE,
            env=self.env(),
            check=False,
        )
        result = Result(ran.returncode, ran.stdout.decode(), ran.stderr.decode())
        assert "Traceback" not in result.err, result
        return result

    def ok(self, *args: str, stdin: str = "", timeout: float = 240) -> Result:
        """Run it to its end, which must be exit status 0."""
        result = self.run(*args, stdin=stdin, timeout=timeout)
        assert result.code == 0, result
        return result

    def start(self, *args: str) -> Started:
        """Start it, to be broken while it works; it ends with the test at the latest."""
        started = Started(
            subprocess.Popen(
                self.command(*args),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self.env(),
            )
        )
        _STARTED.append(started)
        return started

    def terminal(self, *args: str) -> Terminal:
        """Start it on a terminal."""
        return Terminal(self.command(*args), self.env())


@dataclass(frozen=True, slots=True)
class Started:
    """A run of the tool that goes on."""

    process: subprocess.Popen[bytes]

    def until(self, what: str, ask: Callable[[], object], seconds: float) -> None:
        """Wait until the answer is truthy; where that does not happen, AssertionError with all that the run said."""

        def look() -> bool:
            ended = self.process.poll() is not None
            if ask():
                return True
            assert not ended, "the run has ended"
            return False

        try:
            wait_until(what, look, seconds)
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}\n{self.kill()}") from error

    def end(self, seconds: float = 300) -> Result:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=seconds * PATIENCE)
        result = Result(self.process.returncode, out.decode(), err.decode())
        assert "Traceback" not in result.err, result
        return result

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> Result:
        """Kill it, if it still runs; what it had said."""
        self.process.kill()
        out, err = self.process.communicate()
        return Result(self.process.returncode, out.decode(), err.decode())


_STARTED: list[Started] = []


@pytest.fixture(autouse=True)
def nothing_goes_on() -> Iterator[None]:
    """No run of one test changes the nodes of the next."""
    yield
    while _STARTED:
        run = _STARTED.pop()
        if run.process.poll() is None:
            run.kill()


class Terminal:
    """The tool on a terminal of its own, as a person uses it."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        """Start it at once."""
        ours, theirs = pty.openpty()
        self._fd = ours
        self._text = b""
        self.process = subprocess.Popen(
            argv, stdin=theirs, stdout=theirs, stderr=theirs, env={**env, "TERM": "xterm"}, start_new_session=True
        )
        os.close(theirs)

    def until(self, what: str, seconds: float = 60) -> str:
        """Read until `what` is on the screen; all that was said so far."""
        wait_until(f"{what!r} on the terminal", lambda: self._read() or what in self.said, seconds)
        return self.said

    def say(self, line: str) -> None:
        """Type a line."""
        os.write(self._fd, line.encode() + b"\n")

    def end(self, seconds: float = 240) -> int:
        """Read until it ends; its exit status."""
        wait_until("the end of the program", lambda: self._read() or self.process.poll() is not None, seconds)
        self._read()
        os.close(self._fd)
        assert "Traceback" not in self.said, self.said
        return self.process.returncode

    @property
    def said(self) -> str:
        """What stands on the screen."""
        return self._text.decode("utf-8", "replace")

    def _read(self) -> None:
        while select.select([self._fd], [], [], 0)[0]:
            try:
                chunk = os.read(self._fd, 65536)
            except OSError:
                # Linux says EIO when the other end is closed
                return
            if not chunk:
                return
            self._text += chunk


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """One real control-plane node."""
    with running(1) as one:
        yield one


@pytest.fixture(scope="session")
def breakable(lab: Lab) -> Lab:
    """The project's own lab, which may be broken on purpose."""
    if lab.state is None:
        pytest.skip("this node is not the project's lab: nothing is broken on purpose there")
    return lab


@pytest.fixture(scope="session")
def node(lab: Lab) -> RealNode:
    """The lab's node."""
    return lab.node()


@pytest.fixture(scope="session")
def baseline(node: RealNode) -> Iterator[Baseline]:
    """The maker of starting states; at the end of the run it leaves the node as it found it."""
    maker = Baseline([node])
    yield maker
    maker.end()


@pytest.fixture
def original(node: RealNode, baseline: Baseline, request: pytest.FixtureRequest) -> Original:
    """What the test started from, and what undoing must come back to."""
    if "pristine" in request.fixturenames:
        request.getfixturevalue("pristine")
    elif "enabled" in request.fixturenames:
        request.getfixturevalue("enabled")
    return baseline.of(node)


@pytest.fixture(scope="session")
def cli(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The tool, towards the lab."""
    assert TOOL.exists(), f"{TOOL} is missing: run `make install`"
    return Cli(lab.ssh_config, tmp_path_factory.mktemp("home"))


@pytest.fixture
def pristine(node: RealNode, baseline: Baseline) -> RealNode:
    """The node with kubeadm's manifest, its server ready, nothing of the tool's left."""
    baseline.fresh()
    return node


@pytest.fixture
def enabled(node: RealNode, cli: Cli, baseline: Baseline, request: pytest.FixtureRequest) -> RealNode:
    """The node audited by `enable --policy metadata`; used again as it is where the last test left it so."""
    known: Audited | None = request.config.stash.get(AUDITED, None)
    if known is None or not known.holds(node):
        baseline.fresh()
        cli.ok("enable", "--policy", "metadata", "--host", node.name, "--yes")
        request.config.stash[AUDITED] = Audited(node.manifest, node.read(POLICY), node.server())
    return node


@dataclass(frozen=True, slots=True)
class Audited:
    """The node as `enable` left it."""

    manifest: bytes
    policy: bytes
    server: Server

    def holds(self, node: RealNode) -> bool:
        """Whether the node still is that."""
        if node.manifest != self.manifest or node.serving() != self.server:
            return False
        return node.exists(POLICY) and node.read(POLICY) == self.policy


AUDITED = pytest.StashKey[Audited]()


def sound(node: RealNode, original: Original, *manifests: bytes) -> None:
    """What must hold after every fault: a known state, working; no extra file anywhere; every backup whole.

    `manifests`: the states that are allowed; kubeadm's own one by default.
    """
    assert node.manifest in (manifests or (original.manifest,)), "neither the old nor the new state"
    assert node.static_files() == original.files
    # a watchdog that has nothing to do any more sees it within a second
    node.expect_nothing_left(5)
    node.backups()
    server = node.settle()
    # what runs is what the manifest says
    assert server.audited == (b"--audit-policy-file" in node.manifest)


@pytest.fixture(scope="session")
def lab3() -> Iterator[Lab]:
    """Three real control-plane nodes of one cluster."""
    try:
        with running(3) as three:
            yield three
    except LookupError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """A node that is a whole machine, with systemd; not there where the tests run against somebody else's nodes."""
    if "KAUDIT_E2E_SSH_CONFIG" in os.environ:
        pytest.skip("the nodes are somebody else's: nobody's power is cut there")
    with machine_running() as one:
        yield one
