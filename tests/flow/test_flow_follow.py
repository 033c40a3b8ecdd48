"""`events --follow` on a simulated node: through a rotation, a lost connection and a node that refuses logins."""

from __future__ import annotations

import json
import queue
import signal
import threading

import pytest
from flowkit import Cli, kubectl

from kaudit_setup.sandbox import Sandbox

# one worker builds the node
pytestmark = pytest.mark.xdist_group("follow")


def test_nothing_twice_and_nothing_lost(sandbox: Sandbox, cli: Cli) -> None:
    assert cli("enable", "--policy", "metadata", "--yes").code == 0
    log = sandbox.root / "var/log/kubernetes/audit/audit.log"

    def make(name: str) -> None:
        assert kubectl(sandbox, "run", name, "--image=nginx").returncode == 0

    wanted = ["--verb", "create", "--name", "web-*", "--resource", "pods", "-o", "jsonl", "--since", "1h"]
    seen: queue.Queue[str] = queue.Queue()
    with cli.start("events", "--follow", *wanted) as running:
        stdout, stderr = running.stdout, running.stderr
        assert stdout is not None
        assert stderr is not None
        reader = threading.Thread(target=lambda: [seen.put(json.loads(line)["object"]["name"]) for line in stdout])
        reader.start()
        try:
            make("web-1")
            assert seen.get(timeout=60) == "web-1"
            make("web-2")
            log.rename(log.with_name("audit-2026-11-23T16-00-00.000.log"))
            sandbox.cut_connections()
            make("web-3")
            assert [seen.get(timeout=60) for _ in "23"] == ["web-2", "web-3"]
            sandbox.misbehave(refuse_logins=True)
            sandbox.cut_connections()
            make("web-4")
            sandbox.misbehave(refuse_logins=False)
            assert seen.get(timeout=60) == "web-4"
            running.send_signal(signal.SIGINT)
            assert running.wait(timeout=60) == 130
            said = stderr.read()
        finally:
            running.kill()
            reader.join()
    assert seen.empty()
    assert "4 events seen" in said
