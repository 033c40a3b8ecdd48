"""Many nodes are looked at in threads: what reads their events must not be built by whichever thread is first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# A fresh process each time: a type that was used once is known for good.
_THREADS = """
import sys, threading
from kaudit_setup.auditlog.event import Event
from kaudit_setup.change import status, verify
from kaudit_setup.change.expectation import Expectation
from kaudit_setup.change.probe import Probe
sys.setswitchinterval(1e-4)
line = b'{"kind":"Event","auditID":"x","requestURI":"/","verb":"get","stage":"ResponseComplete",' \\
    b'"level":"Metadata","stageTimestamp":"2026-01-01T00:00:00.000000Z",' \\
    b'"user":{"username":"a","groups":["b"]},"sourceIPs":["1.2.3.4"],' \\
    b'"objectRef":{"resource":"pods","namespace":"n","name":"o"},' \\
    b'"responseStatus":{"code":200},"annotations":{"a":"b"}}'
barrier, seen = threading.Barrier(8), []
def work(decode):
    barrier.wait()
    seen.append(decode(line))
def proof(line):
    want = Expectation((), "", 6443, "", "x", None, Probe("GET", "/", "", None, Level()))
    return verify.is_evidence(line, want)
class Level:
    level = "Metadata"
threads = [threading.Thread(target=work, args=(d,)) for d in (status._event_time, proof) * 4]
[t.start() for t in threads]
[t.join() for t in threads]
assert len(seen) == 8 and all(seen), seen
"""


@pytest.mark.parametrize("attempt", range(6))
def test_events_are_decoded_in_many_threads_from_the_start(attempt: int) -> None:
    ran = subprocess.run([sys.executable, "-c", _THREADS], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, f"attempt {attempt}: {ran.returncode} {ran.stderr}"


# What connections and searches use first in threads, each with what it does there.
_FIRST_USES = {
    "ahocorasick": """
def work():
    from ahocorasick_rs import BytesAhoCorasick
    found = BytesAhoCorasick([b"pods", b"secrets", b"web"])
    return [number for number, _, _ in found.find_matches_as_indexes(b"get pods/web")] == [0, 2]
""",
    "cryptography": """
def work():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    key = Ed25519PrivateKey.generate()
    key.public_key().verify(key.sign(b"x"), b"x")
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).startswith(b"ssh-ed25519 ")
""",
    "paramiko": """
import socket, tempfile
from pathlib import Path
from kaudit_setup.errors import NodeError
from kaudit_setup.node.ssh.paramiko_node import SshNode
from kaudit_setup.node.ssh.target import SshOptions, SshTarget
free = socket.socket()
free.bind(("127.0.0.1", 0))
config = Path(tempfile.mkdtemp()) / "config"
config.write_text("")
def work():
    try:
        SshNode(SshTarget("127.0.0.1", "root", free.getsockname()[1]), SshOptions(config)).sh("true")
    except NodeError as error:
        return "cannot connect" in error.message
""",
}
_TOGETHER = """
import sys, threading
sys.setswitchinterval(1e-6)
barrier, seen = threading.Barrier(8), []
def first():
    barrier.wait()
    seen.append(work())
threads = [threading.Thread(target=first) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
assert seen == [True] * 8, seen
"""


@pytest.mark.parametrize("library", _FIRST_USES)
def test_the_first_use_of_a_library_in_many_threads_is_safe(library: str) -> None:
    """A death by a signal is a negative exit status."""
    for attempt in range(3):
        text = _FIRST_USES[library] + _TOGETHER
        ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, f"attempt {attempt}: {ran.returncode} {ran.stderr}"


_FLEET = """
import sys, shutil
from pathlib import Path
from kaudit_setup.fleet.status import compared, status_of
from kaudit_setup.fleet.survey import Candidate, ask_all
from kaudit_setup.node.local import LocalNode
sample, folder = Path(sys.argv[1]), Path(sys.argv[2])
nodes = []
for number in range(6):
    manifests = folder / str(number) / "etc/kubernetes/manifests"
    manifests.mkdir(parents=True)
    shutil.copy(sample, manifests / "kube-apiserver.yaml")
    nodes.append(Candidate(LocalNode(folder / str(number))))
sys.setswitchinterval(1e-6)
rows = compared(ask_all(nodes, lambda each: status_of(each, manifest="", living=False)))
assert [row.status.version for row in rows] == ["1.36"] * 6, rows
"""


def test_the_nodes_of_a_fleet_are_looked_at_together(tmp_path: Path) -> None:
    sample = Path(__file__).resolve().parents[2] / "data" / "samples" / "kube-apiserver-1.36.2.yaml"
    argv = [sys.executable, "-c", _FLEET, str(sample), str(tmp_path)]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, f"{ran.returncode} {ran.stderr}"
