"""Asks Ansible itself for what an inventory says: the one place that runs `ansible-inventory`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from kaudit_setup.errors import InputError
from kaudit_setup.fleet.secrets import hide_secrets

PROGRAM = "ansible-inventory"
_TIMEOUT_S = 120
_HINT = f"run it yourself: {PROGRAM} -i {{path}} --list"
# without these a file that cannot be read is a warning, and the answer an inventory without hosts
_STRICT = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True", "ANSIBLE_NOCOLOR": "True"}


def listed(path: Path) -> bytes | None:
    """What `ansible-inventory --list` prints for a file or folder; None where Ansible is not installed.

    As with any use of Ansible, an inventory that is a program is run, and plugins of ansible.cfg are loaded.
    Raises InputError with what Ansible said. The answer may hold secrets: it is never part of a message.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        return None
    if "," in str(path.absolute()):
        raise InputError(
            f"{path}: {PROGRAM} takes a path with a comma for a list of hosts", hint="give it a name without one"
        )
    ran = _run([program, "-i", str(path.absolute()), "--list"], path)
    if ran.returncode:
        raise InputError(
            f"{path}: {PROGRAM} cannot read this inventory (exit status {ran.returncode})",
            hint=_HINT.format(path=path),
            details=hide_secrets(ran.stderr.decode("utf-8", "replace").strip()[-4000:]),
        )
    return ran.stdout


def _run(argv: list[str], path: Path) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, **_STRICT},
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = f"{path}: {PROGRAM} has not answered for {_TIMEOUT_S} s"
        raise InputError(said, hint=_HINT.format(path=path)) from error
    except OSError as error:
        raise InputError(f"{argv[0]} cannot be run: {error.strerror or error}", hint="repair or remove it") from error
