"""Where libyaml reads a text differently from go-yaml v2, which was ported from an older libyaml.

What libyaml has learned to read since is refused here (`refuse_newer_grammar`). What it no longer reads is shown to
it with another character in its place (`Disguise`). Three things stay different, all refused here and read by
go-yaml: a word that begins with `?` in a flow collection, a second byte-order mark at the start (go-yaml then drops
the first character of some lines), and more than 1,000 levels of nesting (libyaml 0.2.6).
"""

from __future__ import annotations

import re
from typing import Final

from kaudit_setup.kubeyaml.reader import decode, encoding, error_at

BOM: Final = "\ufeff"
_PRIVATE_USE: Final = tuple(map(chr, range(0xE000, 0xF8FF)))
_MOST_HIDDEN: Final = 100
_TAG_PROBLEMS: Final = frozenset(("did not find expected whitespace or line break", "did not find expected tag URI"))
# properties of a node up to the comma behind its tag; a tag in `<>` may hold commas
_TAG_WITH_COMMA: Final = re.compile(r"(?:&[\w-]+(?:\s|#.*)*)?![^\s<,]*,")
_ESCAPED_SLASH: Final = re.compile(r"(?<!\\)(?:\\\\)*\\/")


class HiddenError(Exception):
    """libyaml stops at this offset, where go-yaml reads on."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class Disguise:
    """A text as it is shown to libyaml: as long, with other characters where libyaml would misread the real ones."""

    def __init__(self, data: bytes) -> None:
        self.text = decode(data)
        self._data = data
        unused = iter(char for char in _PRIVATE_USE if char not in self.text)
        # libyaml drops a byte-order mark at the start of any line, to go-yaml it is a letter
        self._bom, self._colon = next(unused), next(unused)
        self._shown = self.text.replace(BOM, self._bom)
        self._hidden = 0

    @property
    def data(self) -> bytes:
        """The bytes to show."""
        name, start = encoding(self._data)
        end = start + len(self.text.encode(name))
        return self._data[:start] + self._shown.encode(name) + self._data[end:]

    def hide(self, offset: int) -> None:
        """Puts another character in the place of this one: a colon in a word, or `,`, `[` or `]` in a tag."""
        self._hidden += 1
        if self._hidden > _MOST_HIDDEN:
            raise error_at("found too many brackets and commas in tags, or colons in words", self.text, offset)
        other = self._colon if self.text[offset] == ":" else "~"
        self._shown = self._shown[:offset] + other + self._shown[offset + 1 :]

    def restore(self, value: str) -> str:
        """The scalar as it really is."""
        return value.replace(self._bom, BOM).replace(self._colon, ":")

    def find_hidden(self, problem: str, offset: int) -> None:
        """Raises HiddenError if go-yaml has no problem here."""
        char = self._shown[offset : offset + 1]
        if (problem == "found unexpected ':'" and char == ":") or (problem in _TAG_PROBLEMS and char in {*",[]"}):
            raise HiddenError(offset)

    def find_comma(self, start: int) -> None:
        """Raises HiddenError if the tag of the node that starts here ends at a comma, where go-yaml's goes on."""
        found = _TAG_WITH_COMMA.match(self._shown, start)
        if found:
            raise HiddenError(found.end() - 1)


def refuse_version(version: str, text: str, start: int) -> None:
    """Raises for a document that asks for another version of YAML than 1.1."""
    if version not in {"", "1.1"}:
        raise error_at("found incompatible YAML document", text, start)


def refuse_newer_scalar(text: str, start: int, end: int, style: str, in_flow: bool) -> None:
    r"""Raises for a `\/` in double quotes and for a question mark in a plain scalar of a flow collection."""
    if style == '"' and (found := _ESCAPED_SLASH.search(text, start, end)):
        raise error_at("found unknown escape character", text, found.end() - 2)
    if style == "" and in_flow and (at := text.find("?", start, end)) >= 0:
        raise error_at("found a question mark in a word of a flow collection", text, at)
