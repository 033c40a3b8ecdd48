"""README promises nothing that no test keeps, and names no command that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kaudit_setup.cli import main

TOP = Path(__file__).resolve().parents[2]
README = (TOP / "README.md").read_text()


def test_every_test_that_is_named_exists() -> None:
    """`PATH::test`, or `…::test` for another one in the same file."""
    file, missing = "", []
    named = re.findall(r"`(…|tests/[\w/]+\.py)(?:::(test_\w+))?`", README)
    assert len(named) > 20
    for path, test in named:
        file = file if path == "…" else path
        if not re.search(rf"(?m)^def {test or 'test_'}", (TOP / file).read_text()):
            missing.append(f"{file}::{test}")
    assert missing == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md"])
def test_every_file_that_a_page_names_exists(page: str) -> None:
    """Paths in backquotes, from the repository's top or from the package; links to other pages.

    The README speaks of folders on nodes, too, so that only its files count.
    """
    text = (TOP / page).read_text()
    paths = re.findall(r"`([a-z][\w.-]*(?:/[\w.-]+)*(?:/|\.py|\.toml|\.lock|\.md))`", text)
    links = [(TOP / page).parent / link for link in re.findall(r"\]\(([\w./-]+)\)", text)]
    places = [TOP, TOP / "kaudit_setup"]
    missing = [path for path in paths if not any((place / path).exists() for place in places)]
    if page == "README.md":
        missing = [path for path in missing if not path.endswith("/")]
    assert missing + [str(link) for link in links if not link.exists()] == []


@pytest.mark.parametrize("command", sorted(set(re.findall(r"kaudit-setup ([a-z]+)", README))))
def test_every_command_that_is_shown_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "Usage: kaudit-setup " + command in capsys.readouterr().out
