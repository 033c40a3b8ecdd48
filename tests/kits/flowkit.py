"""The whole command line on a simulated node: fixtures for whoever writes a flow test.

def test_something(sandbox: Sandbox, cli: Cli) -> None:
    done = cli("enable", "--policy", "metadata", "--yes")
    assert done.code == 0, done
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import hurrykit
from hurrykit import hurried

from kaudit_setup.cli import main
from kaudit_setup.sandbox import Sandbox

BACKUPS = "var/lib/kaudit-setup/backups"
POLICY = "etc/kubernetes/audit-policy.yaml"


@dataclass(frozen=True, slots=True)
class Done:
    """How a run of the tool ended."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"$ kaudit-setup {' '.join(self.argv)}\n{self.out}\n--- stderr\n{self.err}\n--- exit {self.code}"


class Cli:
    """Runs kaudit-setup with a home of its own, against one sandbox."""

    def __init__(self, node: Sandbox | None, home: Path) -> None:
        self.node = node
        self.environment = {
            "HOME": str(home),
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }

    def argv(self, *args: str) -> list[str]:
        where = ["--host", self.node.host, "--ssh-config", str(self.node.ssh_config)] if self.node else []
        return [*args, *where]

    def __call__(self, *args: str, patience: int | None = None) -> Done:
        """Run to the end, in this process: its start would cost more than what it does. No bug may reach a user.

        `patience`: seconds that a silent node is given where it would be a minute.
        """
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", errors="replace", write_through=True) for _ in "oe")
        with ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, self.environment, clear=True))
            stack.enter_context(mock.patch.multiple(sys, stdin=io.StringIO(), stdout=out, stderr=err))
            if patience is not None:
                stack.enter_context(hurried(patience))
            code = main(self.argv(*args))
        done = Done(args, code, *(_text(stream) for stream in (out, err)))
        assert "this is a bug" not in done.err, done
        return done

    def start(self, *args: str, slack: int | None = None) -> subprocess.Popen[str]:
        """In the background, in a process group of its own, for tests that kill it.

        `slack`: the seconds that the watchdog gives beyond the time for the proof, which are many.
        """
        return subprocess.Popen(
            program(self.argv(*args), slack),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            start_new_session=True,
        )


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(errors="replace")


def program(args: list[str], slack: int | None) -> list[str]:
    """The command line of kaudit-setup with these arguments; `slack`: see hurrykit.py."""
    if slack is None:
        return [sys.executable, "-m", "kaudit_setup", *args]
    return [sys.executable, hurrykit.__file__, str(slack), *args]


@dataclass(frozen=True, slots=True)
class Before:
    """What a node looked like before the test touched it, to be compared with what is there afterwards."""

    node: Sandbox
    manifest: bytes
    static: frozenset[str]
    starts: int

    @classmethod
    def of(cls, node: Sandbox) -> Before:
        return cls(node, node.manifest.read_bytes(), static_pods(node), node.starts())

    def is_untouched(self) -> None:
        """Byte for byte the old manifest, no policy, no restart."""
        assert self.node.manifest.read_bytes() == self.manifest
        assert not (self.node.root / POLICY).exists()
        assert self.node.starts() == self.starts
        self.is_tidy()

    def is_old_and_works(self) -> None:
        """The old settings, and a server that answers (restarted or not)."""
        assert self.node.manifest.read_bytes() == self.manifest
        self.works()
        self.is_tidy()

    def is_new_and_works(self) -> None:
        """Auditing is on, and a server that answers and writes."""
        assert b"--audit-log-path=" in self.node.manifest.read_bytes()
        self.works()
        assert self.node.events()
        self.is_tidy()

    def works(self) -> None:
        """The API server of the manifest that is there answers: kubelet may not have seen yet what was restored."""
        self.node.wait(self._serves_the_manifest, "a server with the manifest's settings")
        self.node.wait(lambda: kubectl(self.node, "get", "--raw", "/readyz").stdout == "ok", "/readyz")

    def _serves_the_manifest(self) -> bool:
        try:
            running = (self.node.root / f"proc/{self.node.server_pid()}/cmdline").read_bytes()
        except OSError:  # it has just ended
            return False
        flag = b"--audit-policy-file="
        return (flag in running) == (flag in self.node.manifest.read_bytes())

    def is_tidy(self) -> None:
        """No file in the static Pod folder that was not there, every backup whole."""
        assert static_pods(self.node) == self.static
        backups = self.node.root / BACKUPS
        for backup in backups.iterdir() if backups.exists() else ():
            assert not backup.name.endswith((".tmp", ".part")), backup


def static_pods(node: Sandbox) -> frozenset[str]:
    return frozenset(p.name for p in node.manifest.parent.iterdir())


def kubectl(node: Sandbox, *args: str) -> subprocess.CompletedProcess[str]:
    """On the node, as kubernetes-admin."""
    return subprocess.run(
        [node.root / "usr/local/bin/kubectl", *args],
        env={"PATH": "/usr/bin:/bin", "KAUDIT_ROOT": str(node.root)},
        capture_output=True,
        text=True,
        check=False,
    )


def until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for a condition; never for a time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.02)
