"""What reaching a node loads, and what it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def python(code: str, *args: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", code, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def test_the_runner_of_tasks_that_paramiko_knows_is_not_loaded() -> None:
    assert python("import sys, kaudit_setup.node.ssh.paramiko_node; print('invoke' in sys.modules)") == "False"


@pytest.mark.parametrize(("command", "user"), [("true", "yes"), ("false", "no")])
def test_match_exec_works_without_the_ssh_program_all_the_same(tmp_path: Path, command: str, user: str) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(f'Match exec "{command}"\n  User yes\nHost *\n  User no\n')
    code = """
import sys
from pathlib import Path
from kaudit_setup.node.ssh.config_fallback import read_words
from kaudit_setup.node.ssh.target import SshTarget
print(*read_words(SshTarget.parse("node"), Path(sys.argv[1]))["user"])
"""
    assert python(code, str(config)) == user
