"""A real control plane for every test here, the tool as its users run it, and the node as it was before.

The lab (tests/lab) starts with the first test that needs it and ends with the run. To use another real node, for
example one of kind: KAUDIT_E2E_SSH_CONFIG=FILE KAUDIT_E2E_HOST=NAME (KAUDIT_E2E_HOSTS="A B C" for several);
tests that break things are left out there, and say so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from reallab import LOG, MANIFEST, MANIFESTS, PATIENCE, POLICY, STATE, Lab, RealNode, Server, running

TOOL = Path(sys.executable).with_name("kaudit-setup")


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

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Start it, to be broken while it works."""
        return subprocess.Popen(
            self.command(*args),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env(),
        )


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


@dataclass(frozen=True, slots=True)
class Original:
    """The node before the first test: kubeadm's manifest, and the Pod that kubelet makes of it."""

    manifest: bytes
    pod: str
    files: list[str]


@pytest.fixture(scope="session")
def original(node: RealNode) -> Original:
    """What every test starts from, and what undoing must come back to."""
    server = node.settle()
    assert not server.audited, "the node is audited already: these tests need one that is not"
    return Original(node.manifest, server.pod, node.static_files())


@pytest.fixture(scope="session")
def cli(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The tool, towards the lab."""
    assert TOOL.exists(), f"{TOOL} is missing: run `make install`"
    return Cli(lab.ssh_config, tmp_path_factory.mktemp("home"))


# Everything that the tool leaves on a node, and what tests add. Says `stray` if a copy lay in the static Pod folder:
# kubelet then forgets the Pod until it sees the manifest again.
SWEEP = f"""
for pid in $(cat {STATE}/run/*/watchdog.pid 2>/dev/null | cut -d" " -f1); do kill -9 "$pid" 2>/dev/null || true; done
rm -rf {STATE}/* {STATE}/.[!.]* {POLICY} {LOG.rsplit("/", 1)[0]}
find {MANIFESTS} -mindepth 1 ! -name "*.yaml" -delete -printf "stray\\n"
find /etc/kubernetes -maxdepth 1 -name ".*" -type f -delete
"""


@pytest.fixture
def pristine(node: RealNode, original: Original) -> RealNode:
    """The node with kubeadm's manifest, its server ready, nothing of the tool's left."""
    stray = node.sh(SWEEP)
    if stray or node.manifest != original.manifest:
        node.write(MANIFEST, original.manifest)
    node.settle(pod=original.pod)
    return node


@pytest.fixture
def enabled(node: RealNode, cli: Cli, original: Original, request: pytest.FixtureRequest) -> RealNode:
    """The node audited by `enable --policy metadata`; used again as it is where the last test left it so."""
    known: Audited | None = request.config.stash.get(AUDITED, None)
    if known is None or not known.holds(node):
        request.getfixturevalue("pristine")
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
        if node.manifest != self.manifest or node.servers() != [self.server]:
            return False
        return node.exists(POLICY) and node.read(POLICY) == self.policy


AUDITED = pytest.StashKey[Audited]()


@pytest.fixture(scope="session")
def lab3() -> Iterator[Lab]:
    """Three real control-plane nodes of one cluster."""
    try:
        with running(3) as three:
            yield three
    except LookupError as error:
        pytest.skip(str(error))
