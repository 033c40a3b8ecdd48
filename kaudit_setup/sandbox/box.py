"""The sandbox from its user's side: start it, reach it, make it misbehave, stop it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

from kaudit_setup.errors import NodeError
from kaudit_setup.sandbox.faults import Faults
from kaudit_setup.values import replace


class Sandbox:
    """A running simulated node. It ends with `stop`, or with the process that started it, however that ends.

    `folder` holds the sandbox's own files (`ssh_config`, `known_hosts`, keys), `root` the node's file tree, whose
    programs find it in `$KAUDIT_ROOT`. /proc holds kubelet and kube-apiserver only, and of systemd there is what
    starts this tool's units when the power comes back.
    """

    host = "sandbox"

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], line: int, name: str, version: str) -> None:
        """Use `Sandbox.start`."""
        self.folder, self.name, self.version = folder, name, version
        self.root = folder / "root"
        self.ssh_config = folder / "ssh_config"
        self.known_hosts = folder / "known_hosts"
        self.cluster = Path(json.loads((folder / "sandbox.json").read_text()).get("joins", folder))
        self.manifest = self.root / "etc/kubernetes/manifests/kube-apiserver.yaml"
        self._process, self._line = process, line
        ports = json.loads((folder / "ports.json").read_text())
        self.port: int = ports["ssh"]
        self.api_port: int = ports["api"]

    @classmethod
    def start(
        cls,
        folder: Path | None = None,
        *,
        version: str = "1.36.2",
        name: str = "cp1",
        user: str = "root",
        faults: Faults | None = None,
        joins: Sandbox | None = None,
        grace: int | None = None,
    ) -> Sandbox:
        """A node with its API server up, after about a second.

        `folder` must be absent or empty and is kept at the end; without it a temporary one is made and removed.
        `user` is who the ssh_config logs in as: any other than root has to use sudo. `joins` is a running node of
        the cluster that this one shall belong to: its CA and its etcd are shared. `grace`: the API server's
        terminationGracePeriodSeconds, which counts in how long a failed change is waited for. Raises NodeError.
        """
        if folder is None:
            place, remove = Path(tempfile.mkdtemp(prefix="kaudit-sandbox-")), True
        else:
            place, remove = folder.resolve(), False
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        (faults or Faults()).save(place)
        config: dict[str, Any] = {"name": name, "version": version, "user": user, "remove": remove, "grace": grace}
        if joins is not None:
            config["joins"] = str(joins.cluster)
        (place / "sandbox.json").write_text(json.dumps(config))
        read_end, write_end = os.pipe()
        try:
            with (place / "supervisor.err").open("wb") as errors:
                process = subprocess.Popen(
                    [sys.executable, "-m", "kaudit_setup.sandbox.supervisor", str(place), str(read_end)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    pass_fds=(read_end,),
                    # a Ctrl-C in the terminal is for the one who uses the sandbox
                    start_new_session=True,
                )
        finally:
            os.close(read_end)
        with process.stdout or nullcontext() as said:
            if said is None or said.readline() != b"ready\n":
                os.close(write_end)
                process.wait()
                why = (place / "supervisor.err").read_text() if place.exists() else ""
                raise NodeError("the sandbox did not start", details=why, hint="look at the lines above")
        return cls(place, process, write_end, name, version)

    def __enter__(self) -> Sandbox:
        """For `with`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops."""
        self.stop()

    def stop(self) -> None:
        """End every process of the sandbox; a temporary folder is removed. A second call does nothing."""
        if self._line < 0:
            return
        os.close(self._line)
        self._line = -1
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def faults(self) -> Faults:
        """What it does wrong now."""
        return Faults.load(self.folder)

    def misbehave(self, **changes: Any) -> None:
        """Change some of the faults; they hold within a few hundredths of a second."""
        now = self.faults
        if "drop_at_command" in changes:
            changes["drop_plan"] = now.drop_plan + 1
        replace(now, **changes).save(self.folder)

    def cut_connections(self) -> None:
        """Cut every SSH connection that is open now."""
        self.misbehave(drop_count=self.faults.drop_count + 1)

    def starts(self) -> int:
        """How many API server processes there have been."""
        return int(self._state()["starts"])

    def server_pid(self) -> int:
        """The pid of the newest API server."""
        return int(self._state()["pid"])

    def _state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "kubelet.json").read_text())
        return found

    def commands(self) -> list[dict[str, Any]]:
        """Every command that came over SSH and has ended: connection, user, command, code, seconds, dropped."""
        journal = self.folder / "commands.jsonl"
        return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []

    def events(self, log: str = "/var/log/kubernetes/audit/audit.log") -> list[dict[str, Any]]:
        """The audit log as it is now; empty if there is none."""
        path = self.root / log.lstrip("/")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def server_log(self) -> str:
        """The newest API server's container log."""
        logs = sorted((self.root / "var/log/pods").glob("*/*/*.log"), key=lambda p: p.stat().st_mtime)
        return logs[-1].read_text() if logs else ""

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
        """Until `condition` holds; TimeoutError names `what` was waited for."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds:g} s for {what}\n{self.server_log()}")
            time.sleep(0.02)
