"""The command line as values, read from the code: what the man pages and the reference of the documentation print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
    r"""`Examples:\n\n\b\n  kaudit-setup …` as a heading and its lines; `Exit status: 0 …` alike."""
    paragraphs = [part.strip("\n\b ") for part in epilog.replace("\b\n", "").split("\n\n")]
    heading = ""
    for paragraph in filter(None, paragraphs):
        first, _, rest = paragraph.partition(":")
        if paragraph.endswith(":") and "\n" not in paragraph:
            heading = first
        elif heading:
            yield heading, "\n".join(line.strip() for line in paragraph.splitlines())
            heading = ""
        elif first == "Exit status":
            yield first, " ".join(rest.split())
        else:
            yield "Notes", " ".join(paragraph.split())
