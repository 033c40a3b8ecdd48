"""The documentation shows no command line that the program does not take; the site builds without a dead link."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from kaudit_setup.cli.app import whole
from kaudit_setup.cli.arguments import spread_logs
from kaudit_setup.cli.everywhere import take_out

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", *ROOT.glob("contrib/**/*.md")])


def shown(page: Path) -> list[list[str]]:
    """The words of each command line that a page shows in a block, until the shell takes over."""
    blocks = re.findall(r"(?ms)^ *```(?:sh|console)\n(.*?)^ *```", page.read_text())
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("kaudit-setup ")]
    return [
        words[1 : next((n for n, word in enumerate(words) if word in ("|", "<", ">")), None)] for words in commands
    ]


@cache
def program() -> TyperGroup:
    return typer.main.get_command(whole())


def parse(words: list[str]) -> None:
    """Raises typer's own error where the program would say `wrong usage`."""
    words, _ = take_out(words)
    words = spread_logs(words)
    command: TyperGroup | TyperCommand = program()
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    type(command).make_context(command, "kaudit-setup", list(words), resilient_parsing=False)


@pytest.mark.parametrize("page", [page for page in PAGES if shown(page)], ids=lambda page: page.name)
def test_every_command_line_that_a_page_shows_is_taken(
    page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in shown(page):
        try:
            parse(words)
        except (typer.Exit, SystemExit):
            pass  # --help, --install-completion
        except Exception as error:
            pytest.fail(f"{page.name}: kaudit-setup {shlex.join(words)}: {type(error).__name__}: {error}")


def test_a_wrong_command_line_would_be_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(["status", "--no-such-option"])
    with pytest.raises(AssertionError, match="no command"):
        parse(["no-such-command"])


def test_every_page_is_in_the_site(tmp_path: Path) -> None:
    """And every page that the site names is there, or made by contrib/docs.py."""
    config = (ROOT / ".mkdocs.yml").read_text()
    listed = set(re.findall(r": ([\w/-]+\.md)$", config, re.MULTILINE))
    written = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    made = {"changelog.md", "security.md", "contributing.md"} | {
        f"reference/{name}.md" for name in ("commands", "lint", "json")
    }
    assert listed == written | made
