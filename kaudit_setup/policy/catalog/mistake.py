"""A word that can match nothing, and what was probably meant."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mistake:
    """`code` is that of the finding of `policy lint`."""

    code: str
    message: str
    fix: str
