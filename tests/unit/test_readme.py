"""The pages promise nothing that no test keeps, README names no command that is not there and stays short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kaudit_setup import __version__
from kaudit_setup.cli import main

TOP = Path(__file__).resolve().parents[2]
README = (TOP / "README.md").read_text()
PROMISES = (TOP / "docs/promises.md").read_text()
SCREEN = 50
"""Lines; README is one and a half of them, 120 columns wide."""


def test_every_test_that_is_named_exists() -> None:
    """`PATH::test`, or `…::test` for another one in the same file."""
    file, missing = "", []
    named = re.findall(r"`(…|tests/[\w/]+\.py)(?:::(test_\w+))?`", PROMISES)
    assert len(named) > 20
    for path, test in named:
        file = file if path == "…" else path
        if not re.search(rf"(?m)^def {test or 'test_'}", (TOP / file).read_text()):
            missing.append(f"{file}::{test}")
    assert missing == []


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "docs/promises.md", "docs/releasing.md"],
)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    """Paths in backquotes, from the repository's top or from the package; links to other pages."""
    text = (TOP / page).read_text()
    paths = re.findall(r"`([a-z][\w.-]*(?:/[\w.-]+)*(?:/|\.py|\.toml|\.lock|\.md))`", text)
    links = [(TOP / page).parent / link for link in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", text)]
    places = [TOP, TOP / "kaudit_setup"]
    missing = [path for path in paths if not any((place / path).exists() for place in places)]
    assert missing + [str(link) for link in links if not link.exists()] == []


@pytest.mark.parametrize("command", sorted(set(re.findall(r"kaudit-setup ([a-z]+)", README))))
def test_every_command_that_is_shown_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "Usage: kaudit-setup " + command in capsys.readouterr().out


def test_readme_is_one_screen_and_a_half_with_the_two_commands() -> None:
    lines = README.splitlines()
    # a line that a screen wraps is more than one
    shown = sum(1 if line.startswith("|") else -(-max(len(line), 1) // 120) for line in lines)
    assert shown <= SCREEN * 1.5
    assert [line.split("#")[0].strip() for line in lines if line.startswith("make ")] == ["make demo", "make test"]


def test_the_changelog_is_kept_as_keep_a_changelog_says() -> None:
    """https://keepachangelog.com/en/1.1.0/: an Unreleased section, versions with dates, and six kinds of changes."""
    text = (TOP / "CHANGELOG.md").read_text()
    first, *versions = re.findall(r"(?m)^## (.*)$", text)
    assert first == "[Unreleased]"
    assert versions[0].startswith(f"[{__version__}] - ")
    assert [version for version in versions if not re.fullmatch(r"\[[\w.]+\] - \d{4}-\d\d-\d\d", version)] == []
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"(?m)^### (.*)$", text)) <= kinds
