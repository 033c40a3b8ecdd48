"""Steps from a text to the event in it; a text in which a step finds nothing is searched from end to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter

import msgspec

from kaudit_setup.auditlog.shapes.events import ITEMS, REFUSED, STRING, events_in
from kaudit_setup.auditlog.shapes.reading import Texts


class Cut:
    """What stands before the first brace is cut off: a syslog header, a time, the name of a node."""

    def __call__(self, found: Texts, /) -> Texts:
        return Texts([text[max(text.find(b"{"), 0) :] for text in found.texts], found.origins)


class Field:
    """A field of each record, under `path`: a string (with JSON in it), or the JSON of an object or an array."""

    def __init__(self, path: Sequence[str], *, string: bool) -> None:
        """`path`: at least one key."""
        self.path = tuple(path)
        self.string = string
        *outer, last = path
        leaf = msgspec.field(name=last, default="" if string else msgspec.Raw())
        kind = msgspec.defstruct("Record", [("value", str if string else msgspec.Raw, leaf)], gc=False)
        for key in reversed(outer):
            field = msgspec.field(name=key, default=None)
            kind = msgspec.defstruct("Record", [("value", kind | None, field)], gc=False)
        self._decoder = msgspec.json.Decoder(kind)
        self._get: Callable[[object], str | msgspec.Raw] = attrgetter(".".join(["value"] * len(path)))

    def __call__(self, found: Texts, /) -> Texts:
        try:
            records = self._decoder.decode_lines(b"\n".join(found.texts))
            texts = [_bytes(value) for value in map(self._get, records)]
        except (*REFUSED, AttributeError):
            texts = []
        if len(texts) != len(found.texts) or not all(texts):
            texts = [self._one(text) for text in found.texts]
        return Texts(texts, found.origins)

    def _one(self, text: bytes) -> bytes:
        try:
            value = _bytes(self._get(self._decoder.decode(text)))
        except (*REFUSED, AttributeError):
            value = b""
        # a record of another kind in the same file: its event, or the record itself, which is none
        return value or next(events_in(text), text)


def _bytes(value: str | msgspec.Raw) -> bytes:
    return value.rstrip("\n").encode() if isinstance(value, str) else bytes(value)


class Each:
    """The items of an array, each a text of its own."""

    def __call__(self, found: Texts, /) -> Texts:
        texts: list[bytes] = []
        origins: list[int] = []
        for text, origin in zip(found.texts, found.origins, strict=True):
            try:
                items = list(map(bytes, ITEMS.decode(text)))
            except REFUSED:
                items = list(events_in(text)) or [text]
            texts += items
            origins += [origin] * len(items)
        return Texts(texts, origins)


class Decoded:
    """JSON in a string."""

    def __call__(self, found: Texts, /) -> Texts:
        return Texts([self._one(text) for text in found.texts], found.origins)

    def _one(self, text: bytes) -> bytes:
        try:
            return STRING.decode(text).encode()
        except REFUSED:
            return next(events_in(text), text)


class Item:
    """One item of an array, with JSON in a string: Loki keeps `[TIME, LINE]`."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __call__(self, found: Texts, /) -> Texts:
        return Texts([self._one(text) for text in found.texts], found.origins)

    def _one(self, text: bytes) -> bytes:
        try:
            return STRING.decode(ITEMS.decode(text)[self._index]).encode()
        except (*REFUSED, IndexError):
            return next(events_in(text), text)
