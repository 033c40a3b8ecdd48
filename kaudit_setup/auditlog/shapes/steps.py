"""Steps from a text to the event in it; a text in which a step finds nothing is searched from end to end."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.auditlog.shapes.events import ITEMS, REFUSED, STRING, events_in
from kaudit_setup.auditlog.shapes.reading import Texts
from kaudit_setup.auditlog.shapes.records import Records


class Cut:
    """What stands before the first brace is cut off: a syslog header, a time, the name of a node."""

    def __call__(self, found: Texts, /) -> Texts:
        return Texts([text[max(text.find(b"{"), 0) :] for text in found.texts], found.origins)


class Field:
    """A field of each record, under `path`: a string (with JSON in it), or the JSON of an object or an array. Of a
    record that somebody else than kube-apiserver wrote there is only what says so.
    """

    def __init__(self, path: Sequence[str], *, string: bool) -> None:
        """`path`: the keys that lead there; none if the record is an event itself."""
        self.path = tuple(path)
        self.string = string
        self._records = Records(path, string=string)

    def __call__(self, found: Texts, /) -> Texts:
        try:
            records = self._records.read(found.texts)
        except REFUSED:
            records = []
        if len(records) != len(found.texts):
            records = [b""] * len(found.texts)
        pairs = zip(records, found.texts, strict=True)
        # a record of another kind in the same file: its event, or the record itself, which is none
        texts = [value or next(events_in(text), text) for value, text in pairs]
        if all(texts):
            return Texts(texts, found.origins)
        kept = [(text, origin) for text, origin in zip(texts, found.origins, strict=True) if text]
        return Texts([text for text, _ in kept], [origin for _, origin in kept])


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
