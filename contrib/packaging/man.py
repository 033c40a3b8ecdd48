"""Man pages from the help of the commands: man.py FOLDER writes kaudit-setup.1, kaudit-setup-who.1 and so on.

The date is that of SOURCE_DATE_EPOCH (seconds), so that two builds give the same bytes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from command_line import Command, Entry, commands

from kaudit_setup import __version__


def escape(text: str) -> str:
    """Text that roff prints as it stands: hyphens can be copied, no line is taken for a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in text.splitlines())


def page(command: Command, day: str) -> str:
    """One page, in the macros of man(7)."""
    return "\n".join(_lines(command, day)) + "\n"


def _lines(command: Command, day: str) -> Iterator[str]:
    name = command.words.replace(" ", "-")
    yield f'.TH {escape(name.upper())} 1 {day} "kaudit\\-setup {__version__}" "User Commands"'
    yield from (".SH NAME", f"{escape(name)} \\- {escape(command.summary.partition('. ')[0].rstrip('.'))}")
    yield from (".SH SYNOPSIS", f".B {escape(command.usage)}")
    yield from (".SH DESCRIPTION", escape(command.summary))
    yield from _entries("ARGUMENTS", command.arguments)
    yield from _entries("OPTIONS", command.options)
    for heading, text in command.notes:
        yield f".SH {escape(heading.upper())}"
        yield from (".nf", escape(text), ".fi") if "\n" in text else (escape(text),)
    related = [child.replace(" ", "-") for child in command.children]
    if " " in command.words:
        related.append(command.words.rpartition(" ")[0].replace(" ", "-"))
    if related:
        yield from (".SH SEE ALSO", ",\n".join(f".BR {escape(other)} (1)" for other in related))


def _entries(heading: str, entries: tuple[Entry, ...]) -> Iterator[str]:
    if entries:
        yield f".SH {heading}"
    for entry in entries:
        yield from (".TP", f".B {escape(entry.written)}", escape(entry.help))


def main() -> None:
    """Write every page into the folder that the first argument names."""
    folder = Path(sys.argv[1])
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", "0")) or datetime.now(UTC).timestamp()
    day = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    for command in commands():
        folder.joinpath(command.words.replace(" ", "-") + ".1").write_text(page(command, day), encoding="utf-8")


if __name__ == "__main__":
    main()
