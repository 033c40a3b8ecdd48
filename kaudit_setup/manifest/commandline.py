"""The server's command line, as kubelet expands it and as kube-apiserver's flag parser (pflag) reads it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kaudit_setup.manifest.flagtable import table

# The boolean flags among --audit-*: they take no value from the next word (pflag NoOptDefVal).
AUDIT_BOOLS = frozenset(
    {
        "audit-log-batch-throttle-enable",
        "audit-log-compress",
        "audit-log-truncate-enabled",
        "audit-webhook-batch-throttle-enable",
        "audit-webhook-truncate-enabled",
    }
)
AUDIT = "audit-"
KNOWN = frozenset(table())
_SECOND_FLAG: Final = re.compile(r"(?<=\S)\s+(--[a-z][a-z0-9-]*)(?=[=\s]|\Z)")
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*\Z", re.ASCII)
# the only flags that a single dash begins: -v LEVEL and -h
_SHORT: Final = re.compile(r"-(v(=?[0-9]+)?|h)\Z")


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag as it was given: its name with dashes, its value, and the words [first, last] it takes."""

    name: str
    value: str
    first: int
    last: int

    @property
    def is_audit(self) -> bool:
        """Whether it belongs to auditing."""
        return self.name.startswith(AUDIT)


def parse(words: Sequence[str]) -> tuple[Flag, ...]:
    """The flags among `words`, in order. Words are taken as pflag does: `--a=b`, `--a b`, `--bool`; `--` ends them.

    Which flags outside the known --audit-* are boolean is not known here: for them a next word that starts with
    `--` is the next flag. Underscores in names become dashes (component-base cli/flag/flags.go:WordSepNormalizeFunc).
    """
    flags: list[Flag] = []
    at = 0
    while at < len(words) and words[at] != "--":
        word = words[at]
        first = at
        at += 1
        if not word.startswith("--"):
            continue
        name, inline, value = word[2:].partition("=")
        name = name.replace("_", "-")
        if not inline:
            if name in AUDIT_BOOLS or at >= len(words):
                value = "true"
            elif name in KNOWN or not words[at].startswith("--"):
                value = words[at]
                at += 1
            else:
                value = "true"
        flags.append(Flag(name, value, first, at - 1))
    return tuple(flags)


def expand(text: str, env: Mapping[str, str]) -> str:
    """`text` with `$(NAME)` replaced by the container's variables and `$$` by `$`; unknown names stay.

    third_party/forked/golang/expansion/expand.go:Expand, which kubelet runs over command and args.
    """
    parts: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char != "$" or at + 1 == len(text):
            parts.append(char)
            at += 1
        elif text[at + 1] == "$":
            parts.append("$")
            at += 2
        elif text[at + 1] == "(" and (close := text.find(")", at + 2)) >= 0:
            name = text[at + 2 : close]
            parts.append(env.get(name, f"$({name})"))
            at = close + 1
        else:
            parts.append(text[at : at + 2])
            at += 2
    return "".join(parts)


def escape(text: str) -> str:
    """`text` so that expand gives it back whatever the variables are."""
    return text.replace("$", "$$") if "$$" in text or "$(" in text else text


def problems(words: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Each word with which kube-apiserver does not start, by its index, and what is wrong with it.

    Behind a word `--` nothing is looked at. Sources: github.com/spf13/pflag/flag.go:parseArgs,
    cmd/kube-apiserver/app/server.go (`does not take any arguments`).
    """
    flags = parse(words)
    first = {flag.first: flag for flag in flags}
    values = {index for flag in flags for index in range(flag.first + 1, flag.last + 1)}
    values |= {index + 1 for index, word in enumerate(words) if word == "-v"}
    end = words.index("--") if "--" in words else len(words)
    for index, word in enumerate(words[:end]):
        problem = _several(word)
        if not problem and index in first:
            problem = _misspelled(word) or _valueless(first[index], word)
        elif not problem and index not in values:
            problem = _operand(word)
        if problem:
            yield index, problem


def _several(word: str) -> str:
    found = _SECOND_FLAG.search(word)
    return f"{word!r} holds {found[1]} besides: give each flag an item of its own" if found else ""


def _misspelled(word: str) -> str:
    name = word[2:].partition("=")[0]
    if _NAME.match(name):
        return ""
    if re.search(r"\s", name):
        return f"{word!r} is one item: write a = between the flag and its value"
    strange = re.search(r"^-|[^\w.-]", name, re.ASCII)
    return f"{word!r} is not a flag" + (f": {_called(strange[0])} is in its name" if strange else "")


def _valueless(flag: Flag, word: str) -> str:
    alone = flag.first == flag.last and "=" not in word
    return f"--{flag.name} needs a value" if alone and flag.name in KNOWN - AUDIT_BOOLS else ""


def _operand(word: str) -> str:
    # a variable that is not in the manifest may be a flag
    if not word or _SHORT.match(word) or word.startswith("$("):
        return ""
    if strange := re.match(r"-?([^\x21-\x7e])", word):
        return f"{word!r} begins with {_called(strange[1])}, not with --"
    if re.match("-.", word):
        return f"{word!r} begins with one dash, the flags of kube-apiserver with two"
    return f"{word!r} belongs to no flag"


def _called(char: str) -> str:
    return f"U+{ord(char):04X} ({unicodedata.name(char, 'no name')})"
