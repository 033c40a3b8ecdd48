"""The documentation shows no command line that the program does not take, and the site has every page.

Every command line is run: here those that read files only, the others by tests/flow/test_flow_docs.py.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import dockit
import pytest
import typer
from dockit import PROGRAM, ROOT
from docrun import NOT_RUN, OTHERS, Reader, asks_nodes, why_not
from typer.core import TyperCommand, TyperGroup

from kaudit_setup.cli.app import whole
from kaudit_setup.cli.arguments import complete
from kaudit_setup.cli.global_options import take_out

PAGES = sorted({line.page for line in dockit.lines()})


@cache
def program() -> TyperGroup:
    return typer.main.get_command(whole())


def find(words: list[str]) -> tuple[TyperGroup | TyperCommand, list[str]]:
    """The command, and the words after its name."""
    command: TyperGroup | TyperCommand = program()
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def parse(words: list[str]) -> None:
    """Raises typer's own error where the program would say `wrong usage`."""
    words, _ = take_out(words)
    command, words = find(complete(words))
    type(command).make_context(command, PROGRAM, list(words), resilient_parsing=False)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_line_that_a_page_shows_is_taken(
    page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in dockit.lines():
        for call in line.calls:
            if line.page == page and call.words[0] == PROGRAM:
                try:
                    parse(list(call.words[1:]))
                except (typer.Exit, SystemExit):
                    pass  # --help, --install-completion
                except Exception as error:
                    pytest.fail(f"{page}: {line.text}: {type(error).__name__}: {error}")


def test_every_command_in_a_sentence_is_there_with_its_options() -> None:
    for page, words in dockit.inline():
        command, rest = find(list(words))
        known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
        unknown = [word for word in rest if word.startswith("--") and word not in known]
        assert unknown == [], f"{page}: {PROGRAM} {' '.join(words)}"


def test_a_wrong_command_line_would_be_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(["status", "--no-such-option"])
    with pytest.raises(AssertionError, match="no command"):
        parse(["no-such-command"])


RUN_HERE = [line for line in dockit.lines() if not why_not(line) and not asks_nodes(line)]


@pytest.mark.parametrize("page", sorted({line.page for line in RUN_HERE}))
def test_a_command_line_that_reads_files_does_what_its_page_says(page: str, tmp_path: Path) -> None:
    reader = Reader(tmp_path / "work")
    failures = [reader.failure(line) for line in RUN_HERE if line.page == page]
    assert "\n".join(filter(None, failures)) == ""


def test_what_is_not_run_is_little_and_has_its_reason() -> None:
    left_out = [line for line in dockit.lines() if why_not(line) and line.programs[0] == PROGRAM]
    assert len(left_out) * 10 < len(dockit.lines())
    used = {word for line in left_out for word in line.calls[0].words} | {
        program for line in dockit.lines() for program in line.programs
    }
    assert {*NOT_RUN, *OTHERS} <= used, "a reason that no page needs any more"
    files = re.findall(r"(?:tests|contrib)/[\w/]+\.\w+", " ".join([*NOT_RUN.values(), *OTHERS.values()]))
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_every_page_is_in_the_site_and_says_first_what_it_is_for() -> None:
    """And every page that the site names is there, or made by contrib/docs.py."""
    config = (ROOT / ".mkdocs.yml").read_text()
    listed = set(re.findall(r": ([\w/-]+\.md)$", config, re.MULTILINE))
    written = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    made = {"changelog.md", "security.md", "contributing.md"} | {
        f"reference/{name}.md" for name in ("commands", "lint", "json")
    }
    assert listed == written | made
    for page in written:
        heading, empty, sentence = (ROOT / "docs" / page).read_text().splitlines()[:3]
        assert heading.startswith("# "), page
        assert empty == "", page
        assert sentence[:1].isalpha() or sentence[:1] == "`", f"{page} begins with no sentence"
