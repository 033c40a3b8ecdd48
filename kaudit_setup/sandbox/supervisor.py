"""The sandbox's own process: the SSH server, the kubelet, and the order to leave nothing behind.

Run as `python -m kaudit_setup.sandbox.supervisor FOLDER LIFELINE`; `FOLDER/sandbox.json` says what to build.
Prints one line, `ready`, when the node can be reached and its API server answers.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from kaudit_setup.sandbox import pki, tree
from kaudit_setup.sandbox.faults import Faults
from kaudit_setup.sandbox.kubelet import Kubelet
from kaudit_setup.sandbox.lifeline import hang_on
from kaudit_setup.sandbox.sshd import COMMANDS, Login, Server

_TICK = 0.02


def reserve() -> tuple[socket.socket, int]:
    """A port that stays ours while API servers come and go: bound but not listening, shared by SO_REUSEPORT.

    Below the range from which the kernel gives ports to outgoing connections.
    """
    for port in random.sample(range(20000, 32000), 200):
        keeper = socket.socket()
        try:
            # whoever has it already, shared or not, is found by binding alone first
            keeper.bind((tree.ADDRESS, port))
        except OSError:
            keeper.close()
            continue
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return keeper, port
    raise OSError("no free port between 20000 and 32000")


def kill_commands(root: Path) -> None:
    """End every process that runs in this node: what setsid'd itself away from its SSH command included.

    They are known by their environment, which names this node's root folder.
    """
    mark = f"KAUDIT_ROOT={root}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)


class Supervisor:
    """Builds the node, runs it, takes it down once."""

    def __init__(self, folder: Path, line: int) -> None:
        config = json.loads((folder / "sandbox.json").read_text())
        self.folder = folder
        self.root = folder / "root"
        self.name: str = config["name"]
        self.version: str = config["version"]
        self.user: str = config["user"]
        self.remove: bool = config["remove"]
        self.grace: int | None = config["grace"]
        self.joins = Path(config["joins"]) if "joins" in config else None
        self._line = line
        self._at_work = threading.Lock()
        self._keeper, self.port = reserve()
        self.kubelet: Kubelet | None = None
        self._unplugged = False

    def build(self) -> Server:
        """Files, keys, and a listening SSH server."""
        joins = self.joins / "root" if self.joins else None
        tree.plant(self.root, node=self.name, version=self.version, port=self.port, joins=joins, grace=self.grace)
        host_key = pki.ssh_key(self.folder / "host_key")
        user_key = pki.ssh_key(self.folder / "id_ed25519")
        login = Login(
            root=self.root,
            host_key=self.folder / "host_key",
            user_key=user_key,
            faults=lambda: Faults.load(self.folder),
            journal=self.folder / COMMANDS,
        )
        server = Server(login)
        (self.folder / "known_hosts").write_text(f"[{tree.ADDRESS}]:{server.port} {host_key}\n")
        (self.folder / "ssh_config").write_text(
            f"Host sandbox {self.name}\n"
            f"  HostName {tree.ADDRESS}\n"
            f"  Port {server.port}\n"
            f"  User {self.user}\n"
            f'  IdentityFile "{self.folder}/id_ed25519"\n'
            "  IdentitiesOnly yes\n"
            f'  UserKnownHostsFile "{self.folder}/known_hosts"\n'
            "  StrictHostKeyChecking yes\n"
        )
        (self.folder / "ports.json").write_text(json.dumps({"ssh": server.port, "api": self.port}))
        return server

    def run(self) -> None:
        """Until told to end."""
        done = threading.Event()
        # commands on the node must hear a hang-up, even if the one who started us (nohup) does not
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: done.set())
        hang_on(self._line, self.end)
        server = self.build()
        server.start()
        self.kubelet = Kubelet(self.folder, node=self.name, version=self.version, line=self._line)
        said = False
        while not done.wait(_TICK):
            with self._at_work:
                server.tick()
                if Faults.load(self.folder).power == "off":
                    self._unplug(server)
                else:
                    if self._unplugged:
                        self._unplugged = False
                        self._boot(server)
                    self.kubelet.tick()
            if not said and self.kubelet.ready():
                said = True
                sys.stdout.write("ready\n")
                sys.stdout.flush()
        self.end()

    def _unplug(self, server: Server) -> None:
        """Nothing of the node runs any more, and nobody hears a farewell."""
        if not self._unplugged:
            self._unplugged = True
            server.drop()
            if self.kubelet:
                self.kubelet.kill()
            kill_commands(self.root)

    def _boot(self, server: Server) -> None:
        """As systemd on a real node: this tool's units are started, and end, before kubelet is."""
        units = self.root / tree.UNITS
        for link in sorted((units / "multi-user.target.wants").glob("kaudit-setup-*.service")):
            text = (units / link.name).read_text() if (units / link.name).exists() else ""
            for line in text.splitlines():
                if line.startswith("ExecStart="):
                    shell, script, *args = shlex.split(line.removeprefix("ExecStart="))
                    environment = server.login.environment("root", Faults.load(self.folder))
                    subprocess.run([shell, f"{self.root}{script}", *args], env=environment, check=False)

    def end(self) -> None:
        """Processes first, then files; the process is over after that."""
        # never given back: nothing is started or written any more
        self._at_work.acquire()
        if self.kubelet:
            self.kubelet.kill()
        kill_commands(self.root)
        # what was killed just now may still have a file to make
        for _ in range(100):
            if not self.remove or not self.folder.exists():
                break
            shutil.rmtree(self.folder, ignore_errors=True)
            time.sleep(0.02)
        os._exit(0)


def main() -> None:
    """See the module's docstring."""
    Supervisor(Path(sys.argv[1]), int(sys.argv[2])).run()


if __name__ == "__main__":
    main()
