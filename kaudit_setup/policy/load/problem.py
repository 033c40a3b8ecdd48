"""What is wrong with a policy file, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong at one place of a policy file.

    `path`: e.g. `rules[0].resources.group`, empty where the file as a whole is meant. `line`, `column`: 1-based,
    0 if unknown. `fix`: what to write instead, empty if that is not known. `code`: for what kube-apiserver only logs,
    the one of `policy lint`. `meant`: the field that an unknown one was meant to be, empty if that is not known.
    """

    path: str
    message: str
    line: int = 0
    column: int = 0
    fix: str = ""
    code: str = ""
    meant: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message
