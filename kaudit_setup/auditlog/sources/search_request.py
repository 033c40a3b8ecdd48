"""A search on another machine, as its script takes it: arguments and the files on standard input. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.literals import Plain, plainly, says, spellings
from kaudit_setup.auditlog.shapes.search_terms import Inside
from kaudit_setup.auditlog.timestamps import Window

_FEW_FILES = 500
"""Of so many files each is described by the node; of more only the first and the last, and many are searched in one
go: a process for each would take longer than the search."""
_GROUP_FILES = {"plain": 500, "packed": 50}


class SearchRequest(msgspec.Struct, frozen=True):
    """What is searched for. `literals`: as they were asked for; `spelt`: every way in which JSON may spell them."""

    args: tuple[str, ...]
    literals: tuple[bytes, ...]
    spelt: tuple[bytes, ...]
    plains: tuple[Plain, ...]
    window: Window
    patterns: tuple[str, ...] = ()

    @classmethod
    def of(cls, literals: Iterable[bytes], patterns: Sequence[str], window: Window) -> SearchRequest:
        """See `LogSource.candidates`."""
        wanted = tuple(dict.fromkeys(filter(None, literals)))
        plains = tuple(map(plainly, wanted))
        spelt = tuple(dict.fromkeys(one for literal in wanted for one in spellings(literal)))
        anew = tuple(dict.fromkeys(one for plain in plains for one in plain[0]))
        texts = (literal.decode("utf-8", "surrogateescape") for literal in (*spelt, *anew))
        return cls(
            (str(len(spelt)), str(len(anew)), *texts, *patterns), wanted, spelt, plains, window, tuple(patterns)
        )

    def inside(self, depth: int | None) -> list[str]:
        """The same question to events inside of `depth` JSON strings, as arguments; see `Inside`."""
        return questions(Inside.of(self.literals, depth), self.patterns, depth)

    def said_in(self, line: bytes) -> bool:
        """Whether `line` holds a literal as it is, or says the same."""
        return not self.spelt or any(one in line for one in self.spelt) or says(line, self.plains)


def file_list(files: Sequence[LogFile]) -> bytes:
    """What the script reads: which files, in which way, in their order."""
    lines: list[str] = []
    for kind, group in _grouped(files):
        lines += [f"{kind} {len(group)}", *(f"{file.inode[1]} {file.path}" for file in group)]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def one_by_one(files: Sequence[LogFile]) -> bytes:
    """The same, each of `files` looked at by itself."""
    lines = [f"facts {len(files)}", *(f"{file.inode[1]} {file.path}" for file in files)]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def questions(inside: Inside, patterns: Sequence[str], depth: int | None) -> list[str]:
    """What the script is asked for, as arguments. `patterns`: of JSON lines, see `LogSource.candidates`."""
    texts = [one.decode("utf-8", "surrogateescape") for one in (*inside.own, *inside.names)]
    # a string in a string has backslashes before its quotes; what is mapped to an event is worded otherwise
    quoted = [] if depth is None else [one.replace('"', r"\\*" + '"') for one in patterns]
    return [str(len(inside.own)), str(len(inside.names)), *texts, *quoted]


def _grouped(files: Sequence[LogFile]) -> Iterator[tuple[str, Sequence[LogFile]]]:
    if len(files) <= _FEW_FILES:
        if files:
            yield "facts", files
        return
    yield "facts", files[:1]
    for kind, run in groupby(files[1:-1], lambda file: "packed" if file.gzipped else "plain"):
        yield from ((kind, some) for some in _pieces(list(run), _GROUP_FILES[kind]))
    yield "facts", files[-1:]


def _pieces(files: Sequence[LogFile], size: int) -> Iterator[Sequence[LogFile]]:
    return (files[at : at + size] for at in range(0, len(files), size))
