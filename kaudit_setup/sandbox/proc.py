"""The node's own /proc: what scripts ask there about kubelet and kube-apiserver."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Shadow:
    """One process as the node sees it: a real pid and start time under a command line of its own."""

    folder: Path

    @classmethod
    def cast(cls, root: Path, pid: int | None, argv: Sequence[str]) -> Shadow:
        """Write `root/proc/PID/`; `pid` None is the calling process."""
        pid = os.getpid() if pid is None else pid
        name = argv[0].rpartition("/")[2]
        try:
            # field 2 is the only one that may hold spaces and brackets
            rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
        except FileNotFoundError:
            rest = " Z" + " 0" * 49 + "\n"
        folder = root / "proc" / str(pid)
        fresh = root / "proc" / f".{pid}"
        fresh.mkdir(parents=True, exist_ok=True)
        (fresh / "cmdline").write_bytes(b"".join(arg.encode("utf-8", "surrogateescape") + b"\0" for arg in argv))
        (fresh / "comm").write_text(f"{name[:15]}\n")
        (fresh / "stat").write_text(f"{pid} ({name[:15]}){rest}")
        fresh.replace(folder)
        return cls(folder)

    def remove(self) -> None:
        """The process is gone."""
        shutil.rmtree(self.folder, ignore_errors=True)
