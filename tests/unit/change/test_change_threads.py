"""Many nodes are looked at in threads: what reads their events must not be built by whichever thread is first."""

from __future__ import annotations

import subprocess
import sys

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
