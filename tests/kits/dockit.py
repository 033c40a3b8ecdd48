"""The command lines of the documentation: where they stand, and what of a shell they use."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from command_line import commands

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "kaudit-setup"


@dataclass(frozen=True, slots=True)
class Call:
    """One program with its words; the files and the environment that the shell gives it."""

    words: tuple[str, ...]
    reads: str = ""
    writes: str = ""
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line that a reader copies into a shell: calls, each of which reads what the one before it writes."""

    page: str
    text: str
    calls: tuple[Call, ...]

    @property
    def programs(self) -> list[str]:
        return [call.words[0] for call in self.calls]


def pages() -> list[Path]:
    """What is read as documentation: the site, and what stands beside the code."""
    return sorted(
        [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("contrib/**/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    )


@cache
def lines() -> tuple[Line, ...]:
    """Every command line, in the order in which a page shows them; of the reference, the examples of `--help`."""
    shown = [line for page in pages() for line in _of_page(page)]
    return (*shown, *_of_reference())


def _of_page(page: Path) -> Iterator[Line]:
    name = str(page.relative_to(ROOT))
    for kind, block in re.findall(r"(?ms)^ *```(\w*)\n(.*?)^ *```", page.read_text(encoding="utf-8")):
        for text in block.splitlines():
            # of a dialogue, what is typed; of a block without a name, what is evidently a command
            typed = {"sh": True, "console": "$ " in text[:6], "": text.startswith(PROGRAM)}.get(kind, False)
            if typed and text.strip():
                yield parsed(name, text)


def _of_reference() -> Iterator[Line]:
    for command in commands():
        for heading, text in command.notes:
            for line in text.splitlines() if heading == "Examples" else ():
                if PROGRAM in line.split("#")[0]:
                    yield parsed(f"{command.words} --help", line)


def inline() -> list[tuple[str, tuple[str, ...]]]:
    """The commands that stand in sentences and tables, in backquotes: they may be fragments."""
    spans = [
        (str(page.relative_to(ROOT)), span)
        for page in pages()
        for span in re.findall(rf"`({PROGRAM} [^`\n]*)`", page.read_text(encoding="utf-8"))
    ]
    return [(page, tuple(shlex.split(span))[1:]) for page, span in spans]


def parsed(page: str, text: str) -> Line:
    """Raises ValueError for what a shell would not understand either."""
    written = text.strip().removeprefix("$ ")
    lexer = shlex.shlex(written, posix=True, punctuation_chars="|<>")
    lexer.whitespace_split = True
    calls, words = [], list[str]()
    for word in [*lexer, "|"]:
        if word != "|":
            words.append(word)
            continue
        calls.append(_call(words))
        words = []
    return Line(page, written.split("  #")[0].strip(), tuple(calls))


def _call(words: list[str]) -> Call:
    files = {}
    for sign in "<>":
        if sign in words:
            at = words.index(sign)
            files[sign] = words[at + 1]
            words = words[:at] + words[at + 2 :]
    given = [tuple(word.split("=", 1)) for word in words if re.match(r"[A-Z_]+=", word)]
    return Call(tuple(words[len(given) :]), files.get("<", ""), files.get(">", ""), tuple(given))
