"""The server's command line, as kubelet expands it and as kube-apiserver's flag parser (pflag) reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
_KNOWN = frozenset(table())


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
            elif name in _KNOWN or not words[at].startswith("--"):
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
