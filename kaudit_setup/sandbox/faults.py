"""What the sandbox does wrong, on purpose. Written by the test, read by every process of the sandbox as it goes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

FILE = "faults.json"


@dataclass(frozen=True, slots=True)
class Faults:
    """The misbehaviours; the defaults are a quick, well-behaved node. All may change while the sandbox runs."""

    power: Literal["on", "off"] = "on"
    """`off`: somebody has pulled the plug. Every process of the node ends without a word, nobody answers, and the
    files stay. When it is on again, kubelet starts the server of the manifest that is there."""
    kubelet: Literal["running", "stopped"] = "running"
    """`stopped`: no manifest is looked at and no crashed server is started again; what runs keeps running."""
    relist_seconds: float = 1.0
    """How often kubelet lists the static Pod directory anew (20 s on a real node)."""
    drain_seconds: float = 0.1
    """How long a server that was told to end still answers, `/readyz` with 200 included."""
    start_seconds: float = 0.0
    """How long a new server takes before it listens."""
    backoff_seconds: float = 0.3
    """The first wait before a crashed server is started again; it doubles up to ten times that."""
    crash: Literal["never", "with-audit", "always"] = "never"
    """The server ends soon after its start: if it was told to audit, or in any case."""
    never_ready: bool = False
    """`/readyz` answers 500."""
    audit_writes: bool = True
    """False: the server runs, and nothing reaches its audit log."""
    drop_at_command: int = 0
    """Cut the SSH connection at the k-th command counted from now (1 is the next one); 0 is never."""
    drop_after_bytes: int | None = None
    """When that cut happens: None, before the command starts; n, once n bytes of its output have passed;
    -1, after the command has ended but before its exit status is sent."""
    drop_plan: int = 0
    """Each increase starts that count anew."""
    drop_count: int = 0
    """Each increase cuts every open SSH connection at once."""
    hangup: bool = False
    """A closed channel sends SIGHUP to the process group of its command, as for a command with a terminal. Without
    (OpenSSH's way with commands that have none) the command lives on, and finds its pipes closed."""
    refuse_logins: bool = False
    """Connections are accepted and closed before the greeting."""
    banner: str = ""
    """What the SSH server says before a login (Banner of sshd_config(5))."""
    file_size_limit: int = 0
    """Bytes after which writing to any file fails in commands that come over SSH (RLIMIT_FSIZE, "File too large"):
    the nearest thing to a full disk that needs no root. 0: unlimited."""
    stuck_disk: bool = False
    """Programs that search files never come to an end, as on a disk or a network file system that hangs."""
    clock_offset: float = 0.0
    """Seconds by which the node's clock (`date`, the API server's timestamps) is ahead."""
    sudo: Literal["passwordless", "password", "refused"] = "passwordless"
    """What `sudo` does for a login that is not root."""
    sudo_password: str = "correct horse"  # noqa: S105 - it opens nothing but a simulation

    def save(self, folder: Path) -> None:
        """Write into the sandbox's folder, whole or not at all."""
        fresh = folder / f".{FILE}"
        fresh.write_text(json.dumps(asdict(self)))
        fresh.chmod(0o600)
        fresh.replace(folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Faults:
        """What is in the sandbox's folder; the defaults where the folder is being removed."""
        file = folder / FILE
        try:
            stat = file.stat()
            known = _LOADED.get(folder)
            # every change is a new file; this is asked many times a second
            if known is None or known[0] != (stat.st_ino, stat.st_mtime_ns):
                known = (stat.st_ino, stat.st_mtime_ns), cls(**json.loads(file.read_text()))
                _LOADED[folder] = known
        except FileNotFoundError:
            return cls()
        return known[1]


_LOADED: dict[Path, tuple[tuple[int, int], Faults]] = {}
