"""README promises nothing that no test keeps, and names no command that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kaudit_setup.cli import main

TOP = Path(__file__).resolve().parents[2]
README = (TOP / "README.md").read_text()


def test_every_test_that_is_named_exists() -> None:
    code = "\n".join(p.read_text() for p in (TOP / "tests").rglob("test_*.py"))
    files = {p.name for p in (TOP / "tests").rglob("test_*.py")}
    names = set(re.findall(r"\btest_\w+(?:\.py)?", README))
    assert names
    missing = [n for n in names if (n not in files if n.endswith(".py") else f"def {n}(" not in code)]
    assert missing == []


@pytest.mark.parametrize("command", sorted(set(re.findall(r"kaudit-setup ([a-z]+)", README))))
def test_every_command_that_is_shown_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "Usage: kaudit-setup " + command in capsys.readouterr().out
