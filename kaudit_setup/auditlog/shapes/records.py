"""Records of a log shipper, a block at a time: the field that holds the event, and who wrote it.

All fields that records have are learned from the records themselves, so that one decoder reads the two things that
are wanted and nothing that says who wrote a record can be overlooked: a record with another field is not decoded
before that field is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from kaudit_setup.auditlog.shapes.events import another, fields_of
from kaudit_setup.auditlog.shapes.origins import speaks, whose_fields

_MOST_KEYS: Final = 300
"""Names of fields that are learned; a file with more of them is taken apart record by record."""
_MOST_KNOWN: Final = 4096  # senders that are remembered

_Values = Callable[[object], Any]


class Records:
    """Reads records with one field of interest."""

    def __init__(self, path: Sequence[str], *, string: bool) -> None:
        """See `steps.Field`."""
        self._path = tuple(path)
        self._string = string
        self._levels: list[set[str]] = [set() for _ in range(len(path) or 1)]
        self._known: dict[bytes, str] = {}
        self._make()

    def read(self, texts: Sequence[bytes]) -> list[bytes]:
        """Of each record the field, or what says that somebody else wrote it; empty where it has none. Raises one of
        `events.REFUSED` if they cannot be read so.
        """
        lines = b"\n".join(texts)
        try:
            records = self._decoder.decode_lines(lines)
        except msgspec.ValidationError:
            if not self._learn(texts):
                raise
            records = self._decoder.decode_lines(lines)
        try:
            return self._believed(records, texts)
        except AttributeError as error:  # a level of the path is missing
            raise ValueError(str(error)) from error

    def _believed(self, records: Sequence[object], texts: Sequence[bytes]) -> list[bytes]:
        # a record that is an event is given as it is
        values = [_bytes(value) for value in map(self._value, records)] if self._path else list(texts)
        if self._claims is None or len(values) != len(texts):
            return values
        said = list(map(b"\n".join, map(self._claims, records)))
        others = {one: other for one in set(said) if (other := self._whose(one))}
        if not others:
            return values
        return [
            another(text, others[one]) or value if one in others else value
            for one, value, text in zip(said, values, texts, strict=True)
        ]

    def _whose(self, said: bytes) -> str:
        found = self._known.get(said)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            fields: dict[str, msgspec.Raw] = {}
            for key, value in zip(self._speaking, said.split(b"\n"), strict=True):
                if value:
                    fields.setdefault(key, msgspec.Raw(value))
            found = self._known[said] = whose_fields(fields)
        return found

    def _learn(self, texts: Sequence[bytes]) -> bool:
        """Take in the names of fields; whether there was a new one."""
        before = sum(map(len, self._levels))
        for text in texts:
            fields: Mapping[str, msgspec.Raw] = fields_of(text)
            for depth, level in enumerate(self._levels):
                level.update(fields)
                if depth < len(self._path):
                    level.discard(self._path[depth])
                    fields = fields_of(bytes(fields.get(self._path[depth], b"")))
        after = sum(map(len, self._levels))
        if before == after or after > _MOST_KEYS:
            return False
        self._make()
        return True

    def _make(self) -> None:
        """The decoder for the fields that are known."""
        # of the values: where they are in a record
        spoken: list[tuple[str, str]] = []
        leaf: Any = str if self._string else msgspec.Raw
        kind: Any = None
        for depth in reversed(range(len(self._levels))):
            names = sorted(self._levels[depth])
            fields = [(f"c{n}", msgspec.Raw, msgspec.field(name=key, default=_NONE)) for n, key in enumerate(names)]
            way = "".join("value." for _ in range(depth))
            spoken += [(key, f"{way}c{n}") for n, key in enumerate(names) if speaks(key)]
            if depth < len(self._path):
                default: Any = ("" if self._string else _NONE) if kind is None else None
                own = leaf if kind is None else kind | None
                fields.append(("value", own, msgspec.field(name=self._path[depth], default=default)))
            kind = msgspec.defstruct("Record", fields, gc=False, forbid_unknown_fields=True)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
        self._value: _Values = attrgetter(".".join(["value"] * len(self._path) or ["__class__"]))
        self._speaking = tuple(key for key, _ in spoken)
        self._claims = _several([way for _, way in spoken]) if spoken else None
        self._known = {}


_NONE: Final = msgspec.Raw()


def _several(ways: Sequence[str]) -> _Values:
    """All of the values, always as a tuple."""
    get = attrgetter(*ways)
    return get if len(ways) > 1 else lambda record: (get(record),)


def _bytes(value: str | msgspec.Raw) -> bytes:
    return value.rstrip("\n").encode() if isinstance(value, str) else bytes(value)
