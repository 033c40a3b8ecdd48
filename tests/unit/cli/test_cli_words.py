"""What the product says about itself: each `kaudit-setup COMMAND --option` in its texts is one that there is."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from kaudit_setup.cli import main
from kaudit_setup.cli.app import COMMANDS, build, whole
from kaudit_setup.cli.global_options import NAMES

PACKAGE = Path(__file__).resolve().parents[3] / "kaudit_setup"
PROSE = {"asks", "reads", "sandbox", "uses"}
"""What follows the name in sentences."""
_CALL = re.compile(r"kaudit-setup (?=[a-z])([^`\n|&;]*)")
ROOT: Any = typer.main.get_command(whole())
SHORT: Any = typer.main.get_command(build(["--help"]))


def texts(path: Path) -> Iterator[str]:
    """The string literals of a module; what an f-string fills in is `{}`."""
    tree = ast.parse(path.read_text())
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def calls() -> list[tuple[str, str]]:
    """(module, what follows the name) of all that the texts tell people to type."""
    found = {
        (str(path.relative_to(PACKAGE)), call[1].strip())
        for path in PACKAGE.rglob("*.py")
        for text in texts(path)
        for call in _CALL.finditer(text)
        if call[1].split()[0].strip('.,:"') not in PROSE
    }
    return sorted(found)


def wrong(words: list[str]) -> list[str]:
    """The commands and options in `words` that there are not."""
    command: Any = ROOT
    while commands := getattr(command, "commands", None):
        name, *words = words or ["…"]
        if name not in commands:
            # a group may be named without a command: `kaudit-setup policy …`
            return [] if name == "…" else [name]
        command = commands[name]
    known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    return [
        word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word) and word not in {*known, *NAMES, "--help"}
    ]


def as_words(call: str) -> list[str]:
    """As a shell splits it, what is in quotes being one word; texts may stop in the middle of a quotation."""
    try:
        return shlex.split(call)
    except ValueError:
        return call.split()


def test_what_a_text_says_to_type_is_there() -> None:
    found = calls()
    assert len(found) > 60
    assert [(module, call) for module, call in found if wrong(as_words(call))] == []


def test_a_text_about_what_is_not_there_would_be_found() -> None:
    assert wrong(["policy", "check"]) == ["check"]
    assert wrong(["chekc"]) == ["chekc"]
    assert wrong(["estimate", "mine.yaml", "--logs", "audit.log", "-o", "json"]) == ["--logs"]


def help_of(command: Any) -> str:
    """What `--help` prints on a terminal of 80 columns."""
    context = command.make_context(
        "kaudit-setup", [], resilient_parsing=True, terminal_width=80, max_content_width=80
    )
    return str(command.get_help(context))


def commands(command: Any = ROOT, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group with the words that call it."""
    yield words, command
    for name, sub in getattr(command, "commands", {}).items():
        yield from commands(sub, (*words, name))


NOT_ALIKE = {
    "--output",  # the file of `report`, as with a compiler; else the form of an answer
    "--diff",  # how much of files is shown; whether `who` shows changes
    "--cluster",  # of which cluster `pack` is told; of which of several logs are asked
    "--to",  # a backup to go back to; a store to pack into
    "--resource",  # as a filter, and as kubectl takes it
}
"""Options that take something else somewhere, each for a reason."""


def test_an_option_takes_the_same_and_has_the_same_letter_in_every_command() -> None:
    letters: dict[str, set[str]] = {}
    takes: dict[str, set[str]] = {}
    for _, command in commands():
        for option in command.params:
            if option.param_type_name == "option":
                name = max(option.opts, key=len)
                for letter in (word for word in option.opts if len(word) == 2):
                    letters.setdefault(letter, set()).add(name)
                takes.setdefault(name, set()).add(option.metavar or option.type.name)
    assert {letter: names for letter, names in letters.items() if len(names) > 1} == {}
    several = {name: words for name, words in takes.items() if len(words) > 1 and name not in NOT_ALIKE}
    assert several == {}


@pytest.mark.parametrize(
    ("words", "command"), list(commands()), ids=lambda x: " ".join(x) if type(x) is tuple else ""
)
def test_help_fits_80_columns_and_no_first_line_is_cut(words: tuple[str, ...], command: Any) -> None:
    assert [line for line in help_of(command).splitlines() if len(line) > 80] == []
    # for all commands people see the names with their summaries
    listed = help_of(command if words else SHORT).partition("Commands:")[2]
    assert "..." not in listed


def test_help_lists_each_command_with_its_summary() -> None:
    assert list(COMMANDS) == list(ROOT.commands)
    assert all(f"  {name:<10}{summary}\n" in help_of(SHORT) + "\n" for name, summary in COMMANDS.items())


@pytest.mark.parametrize(
    ("words", "unused"),
    [
        (["status", "--root", ".", "--yes"], "--yes"),
        (["backups", "list", "--root", ".", "-y"], "--yes"),
        (["backups", "prune", "--root", ".", "--timeout", "60"], "--timeout"),
        (["purge", "--root", ".", "--dry-run", "--timeout", "60"], "--timeout"),
        (["who", "created", "pod/x", "--log", "audit.log", "--yes"], "--yes"),
    ],
)
def test_options_that_scripts_pass_to_every_command_are_taken(
    words: list[str], unused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audit.log").write_text('{"kind":"Event","apiVersion":"audit.k8s.io/v1"}\n')
    plain = [word for word in words if word not in {"--yes", "-y", "--timeout", "60"}]
    assert main(words) == main(plain)
    assert capsys.readouterr().err.count(f"note: {unused} has no effect here\n") == 1
