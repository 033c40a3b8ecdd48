"""Make the left-overs of a version: what its code writes on a simulated node. See 0.1/README.md."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kaudit_setup.sandbox import Sandbox

STATE = "var/lib/kaudit-setup"
MANIFEST = "etc/kubernetes/manifests/kube-apiserver.yaml"


def argv(box: Sandbox, *words: str) -> list[str]:
    """The command line of the tool for this node."""
    return [sys.executable, "-m", "kaudit_setup", *words, "--host", box.host, "--ssh-config", str(box.ssh_config)]


def run(box: Sandbox, *words: str) -> None:
    """Run it to the end."""
    subprocess.run(argv(box, *words), check=True)


def keep(box: Sandbox, to: Path, *, since: str = "") -> None:
    """Copy what the tool has written. `since`: leave out older backups."""
    shutil.rmtree(to, ignore_errors=True)
    for path in (box.root / "etc/kubernetes").rglob("*"):
        if path.name in {"kube-apiserver.yaml", "audit-policy.yaml"} or path.name.startswith(".kaudit."):
            copy = to / path.relative_to(box.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    shutil.copytree(box.root / STATE, to / STATE)
    for backup in (to / STATE / "backups").iterdir():
        if backup.name < since:
            shutil.rmtree(backup)


def newest_backup(box: Sandbox) -> str:
    """Its name."""
    return max(backup.name for backup in (box.root / STATE / "backups").iterdir())


def die_in_the_middle(box: Sandbox) -> None:
    """Enable on a server that never gets ready; then the tool dies, and the watchdog with it."""
    box.misbehave(never_ready=True)
    tool = subprocess.Popen(argv(box, "enable", "--policy", "metadata", "--yes"))
    runs, deadline = box.root / STATE / "run", time.monotonic() + 60
    while not any(runs.glob("*/watchdog.pid")) or b"--audit" not in (box.root / MANIFEST).read_bytes():
        assert time.monotonic() < deadline, "it never came so far"
        time.sleep(0.02)
    tool.kill()
    for watchdog in runs.glob("*/watchdog.pid"):
        os.kill(int(watchdog.read_text().split()[0]), signal.SIGKILL)


def main(out: Path) -> None:
    """Everything below `out`."""
    with Sandbox.start(grace=1) as box, tempfile.TemporaryDirectory() as home:
        os.environ |= {"HOME": home, "SUDO_USER": "alice"}
        run(box, "enable", "--policy", "metadata", "--yes")
        shutil.rmtree(out / "collected", ignore_errors=True)
        run(box, "collect", "--directory", str(out / "collected"))
        listed = out / "collected/manifest.json"
        listed.write_text(listed.read_text().replace(str(box.root), ""))
        run(box, "enable", "--policy", "quiet", "--log-maxage", "7", "--yes")
        run(box, "rollback", "--yes")
        run(box, "enable", "--policy", "quiet", "--log-maxsize", "50", "--yes")
        keep(box, out / "enabled")
        run(box, "disable", "--yes")
        keep(box, out / "disabled", since=newest_backup(box))
        die_in_the_middle(box)
        keep(box, out / "unfinished", since=newest_backup(box))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
