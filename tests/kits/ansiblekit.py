"""The collection of contrib/ansible as users have it: built and installed by ansible-galaxy, and played."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "contrib/ansible"
NAME = "kaudit_setup.kaudit_setup"

needs_ansible = pytest.mark.skipif(
    importlib.util.find_spec("ansible") is None,
    reason="ansible-core is not installed: pip install -r contrib/ansible/requirements-test.txt",
)


def environment(home: Path) -> dict[str, str]:
    """Nothing of this machine's user."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_HOME": str(home / ".ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(home / "collections"),
        "ANSIBLE_NOCOLOR": "1",
    }


def ansible(home: Path, *argv: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """`ansible PROGRAM ARGUMENTS...` (playbook, doc, galaxy) with a home of its own."""
    return subprocess.run(
        [sys.executable, "-m", "ansible", *map(str, argv)],
        env={**environment(home), **more},
        stdin=subprocess.DEVNULL,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def install(home: Path) -> Path:
    """The collection, built and installed below `home`; the archive that a user downloads."""
    done = ansible(home, "galaxy", "collection", "build", SOURCE, "--output-path", home)
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = home.glob("*.tar.gz")
    done = ansible(home, "galaxy", "collection", "install", "--offline", archive)
    assert done.returncode == 0, done.stdout + done.stderr
    return archive


@dataclass(frozen=True, slots=True)
class Played:
    """How a run of a playbook ended: exit status, output, and what its last task gave."""

    code: int
    text: str
    result: dict[str, Any]

    @property
    def changed(self) -> bool:
        assert self.code == 0, self.text
        return bool(self.result["changed"])


@dataclass(frozen=True, slots=True)
class Controller:
    """A machine with Ansible, the collection and kaudit-setup. `seen`: the argv and environments of the tool."""

    home: Path
    inventory: Path
    ssh_config: Path

    @property
    def seen(self) -> str:
        return (self.home / "seen").read_text()

    def tool(self) -> Path:
        """kaudit-setup, which notes down what others on the machine could read of it."""
        program = self.home / "kaudit-setup"
        if not program.exists():
            program.write_text(
                f'#!/bin/sh\nset -e\n{{ printf "%s\\n" "$@"; env; }} >>{self.home}/seen\n'
                f'PYTHONPATH={ROOT} exec {sys.executable} -m kaudit_setup "$@"\n'
            )
            program.chmod(0o755)
        return program

    def argv(self, *argv: str, **given: object) -> list[str]:
        """What follows `ansible`: the example playbook with these variables of the role."""
        given = {"executable": str(self.tool()), "ssh_config": str(self.ssh_config), **given}
        # not on the command line: an argument list is no place for a password
        variables = self.home / "variables.json"
        variables.write_text(json.dumps({f"audit_logging_{name}": value for name, value in given.items()}))
        return ["playbook", "-i", str(self.inventory), "-e", f"@{variables}", *argv, f"{NAME}.audit_logging"]

    def play(self, *argv: str, **given: object) -> Played:
        """Run it to its end."""
        kept = self.home / "result.json"
        kept.unlink(missing_ok=True)
        done = ansible(
            self.home,
            *self.argv(*argv, **given),
            ANSIBLE_CALLBACK_PLUGINS=str(Path(__file__).parent / "callbacks"),
            ANSIBLE_CALLBACKS_ENABLED="keep_result",
            KEEP_RESULT=str(kept),
        )
        said = done.stdout + done.stderr
        assert kept.exists(), said
        return Played(done.returncode, said, json.loads(kept.read_text()))

    def start(self, **given: object) -> subprocess.Popen[bytes]:
        """In the background, in a process group of its own, for tests that interrupt it."""
        return subprocess.Popen(
            [sys.executable, "-m", "ansible", *self.argv(**given)],
            env=environment(self.home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
