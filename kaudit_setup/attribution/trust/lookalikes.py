"""Names of users that look like others: `\u0430lice` begins with a Cyrillic letter, and is not alice.

Kubernetes compares names of users byte by byte, and takes any text for one: from a certificate, from an identity
provider, or from whoever may impersonate (AS/pkg/endpoints/filters/impersonation.go).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from kaudit_setup.attribution.evidence.requests import Request
from kaudit_setup.attribution.phrases import spoken

_SHOWN: Final = 3
_WORDS: Final = re.compile(r"[^\W\d_]+")
_ALIKE: Final = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"})
"""Scripts with letters that look like Latin ones (Unicode Technical Standard 39, confusables.txt)."""


def lookalikes(shown: Iterable[Request]) -> list[str]:
    """A sentence for each of the first users in `shown` whose name has letters that pass for others."""
    names = dict.fromkeys(name for request in shown for name in (request.user, request.impersonator))
    odd = ((name, list(_odd_letters(name))) for name in names if not name.isascii())
    return [_describe(name, letters) for name, letters in odd if letters][:_SHOWN]


def _odd_letters(name: str) -> Iterator[str]:
    """The letters that are not what they seem: in a word with Latin ones, or a variant of a plain character."""
    mixed = {char for word in _WORDS.findall(name) for char in _foreign(word)}
    for char in dict.fromkeys(name):
        if char in mixed or unicodedata.normalize("NFKC", char).isascii() is not char.isascii():
            yield char


def _foreign(word: str) -> set[str]:
    """The letters of a word that pass for the Latin ones beside them."""
    scripts = {char: _script(char) for char in word}
    return {char for char, script in scripts.items() if script in _ALIKE} if "LATIN" in scripts.values() else set()


def _script(char: str) -> str:
    """The script of a letter, as the first word of its name in Unicode."""
    return unicodedata.name(char, "").partition(" ")[0]


def _describe(name: str, letters: list[str]) -> str:
    listed = ", ".join(f"U+{ord(char):04X} {unicodedata.name(char, '')}".strip() for char in letters[:_SHOWN])
    return f"the name {spoken(name)} has letters that look like others ({listed}): it is not the name that it seems"
