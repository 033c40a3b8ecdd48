"""The command line as values, read from the code: what the man pages and the reference of the documentation print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent

import typer
from typer.core import TyperCommand, TyperGroup

from kaudit_setup.cli.app import whole


@dataclass(frozen=True, slots=True)
class Entry:
    """An argument or option as it is written (`-o, --output <text|json>`), and its help."""

    written: str
    help: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its words (`kaudit-setup policy lint`), its usage line, and its help in parts.

    `notes` is the text after the options: its examples and exit status, each a block with a heading.
    """

    words: str
    summary: str
    usage: str
    arguments: tuple[Entry, ...]
    options: tuple[Entry, ...]
    notes: tuple[tuple[str, str], ...]
    children: tuple[str, ...]


def commands() -> Iterator[Command]:
    """Every command, a group before its own commands."""
    yield from _walk(typer.main.get_command(whole()), "kaudit-setup", None)


def _walk(command: TyperCommand | TyperGroup, words: str, parent: object) -> Iterator[Command]:
    context = type(command).context_class(command, info_name=words.rpartition(" ")[2], parent=parent)
    records = [(param, param.get_help_record(context)) for param in command.get_params(context)]
    shown = [(param, Entry(*record)) for param, record in records if record]
    children = dict(sorted(getattr(command, "commands", {}).items()))
    yield Command(
        words,
        " ".join((command.help or "").split()),
        " ".join([words, *command.collect_usage_pieces(context)]),
        tuple(entry for param, entry in shown if param.param_type_name == "argument"),
        tuple(entry for param, entry in shown if param.param_type_name == "option"),
        tuple(_blocks(command.epilog or "")),
        tuple(f"{words} {name}" for name in children),
    )
    for name, child in children.items():
        yield from _walk(child, f"{words} {name}", context)


def _blocks(epilog: str) -> Iterator[tuple[str, str]]:
    """Headings with their text: lines as they stand below `Examples:`, flowing text otherwise."""
    heading, examples = "", list[str]()
    for paragraph in epilog.split("\n\n"):
        as_it_stands = "\b" in paragraph
        lines = dedent(paragraph.replace("\b", "").strip("\n")).splitlines()
        if lines and lines[0].endswith(":"):
            heading, lines = lines[0][:-1], [line.strip() for line in lines[1:]]
        if not lines:
            continue
        first, _, rest = " ".join(lines).partition(": ")
        if heading and lines[0].startswith("kaudit-setup"):
            examples += lines
        elif first == "Exit status":
            yield first, rest
        else:
            yield "Notes", ("\n" if as_it_stands else " ").join(lines)
    if examples:
        yield heading, "\n".join(examples)
