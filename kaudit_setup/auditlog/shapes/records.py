"""Records of a log shipper, a block at a time: the field that holds the event, and who wrote it.

All fields that records have are learned from the records themselves, so that one decoder reads the two things that
are wanted and nothing that says who wrote a record can be overlooked: a record with another field is not decoded
before that field is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from kaudit_setup.auditlog.shapes.events import another, fields_of
from kaudit_setup.auditlog.shapes.forms import Strings, Values
from kaudit_setup.auditlog.shapes.origins import speaks, whose_fields
from kaudit_setup.auditlog.shapes.reading import Texts

_MOST_KEYS: Final = 300
"""Names of fields that are learned; a file with more of them is taken apart record by record."""
_MOST_KNOWN: Final = 4096  # senders that are remembered

_FIRST_BYTES: Final = 1 << 13

_Values = Callable[[object], Any]


class Records:
    """Reads records with one field of interest."""

    def __init__(self, path: Sequence[str], *, string: bool) -> None:
        """See `steps.Field`."""
        self.path = tuple(path)
        self._string = string
        self._levels: list[set[str]] = [set() for _ in range(len(path) or 1)]
        self._known: dict[bytes, str] = {}
        self._make()

    @property
    def names(self) -> list[list[str]]:
        """Of the fields that are known, level by level."""
        return [sorted(level) for level in self._levels]

    @property
    def size(self) -> int:
        """How many there are."""
        return sum(map(len, self._levels))

    def read(self, found: Texts) -> Texts:
        """Of each record the field, or what says that somebody else wrote it; empty where it has none. Raises one of
        `events.REFUSED` if they cannot be read so.
        """
        records = self._decoded(found)
        if len(records) != found.count:
            raise ValueError("a text that is no record, or more than one")
        try:
            others = self.others(records)
            if not others:
                made = self._in_lines(records, found)
                if made is not None:
                    return made
            return found.become(self._one_by_one(records, found, others))
        except AttributeError as error:  # a level of the path is missing
            raise ValueError(str(error)) from error

    def _decoded(self, found: Texts) -> list[Any]:
        if found.decoded and (records := found.decoded.take(self)):
            return records
        lines = found.encoded
        try:
            return self._decoder.decode_lines(lines)
        except msgspec.ValidationError:
            # nearly all records have the fields of the first ones
            if self._learn(bytes(lines[:_FIRST_BYTES]).split(b"\n")[:-1]):
                return self._decoded(found)
            if not self._learn(found.texts):
                raise
            return self._decoder.decode_lines(lines)

    def _in_lines(self, records: Sequence[object], found: Texts) -> Texts | None:
        """The values of records that are all kube-apiserver's, in one piece; None if they are not one line each."""
        if not self.path:
            return found if found.lines else None  # a record that is an event is given as it is
        values = list(map(self.value, records))
        if not values or not all(values):
            return None
        if not self._string:
            lines = Values.of(values)
            return found.become_form(lines) if lines else None
        # journald's may be numbers
        return found.become_form(Strings(values)) if set(map(type, values)) == {str} else None

    def _one_by_one(self, records: Sequence[object], found: Texts, others: Sequence[str]) -> list[bytes]:
        # a record that is an event is given as it is
        values = [_bytes(value) for value in map(self.value, records)] if self.path else found.texts
        return list(map(_believed, values, others)) if others else list(values)

    def listed(self, array: bytes | memoryview) -> list[Any]:
        """The records in an array, for `read`. Raises one of `events.REFUSED` if they cannot be read so."""
        records = self._list_decoder.decode(array)
        # where it stands over several lines in the first, it does in others; read one by one they take much longer
        said = [self._put(self._claims(one)) for one in records[:1]] if self._claims else []
        if any(one.count(b"\n") >= len(self._speaking) for one in said):
            raise ValueError("what says who wrote a record, over several lines")
        return records

    def own_values(self, records: Sequence[object]) -> list[Any]:
        """The field of each record. Raises ValueError if somebody else than kube-apiserver wrote one of them."""
        if self.others(records):
            raise ValueError("a record that somebody else wrote")
        return list(map(self.value, records))

    def others(self, records: Sequence[object]) -> list[str]:
        """Who wrote each of the records, empty for kube-apiserver; nothing at all if it wrote all of them."""
        if self._claims is None or not records:
            return []
        claims = list(map(self._claims, records))
        alike = claims.count(claims[0]) == len(claims)  # which is quicker than to read each
        said = list(map(self._put, claims[:1] if alike else claims))
        known = {one: self._whose(one) for one in set(said)}
        others = list(map(known.__getitem__, said)) if any(known.values()) else []
        return others * len(records) if alike else others

    def _whose(self, said: bytes) -> str:
        found = self._known.get(said)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            pairs = zip(self._speaking, map(msgspec.Raw, said.split(b"\n")), strict=True)
            # of one name on two levels the outer one counts
            found = self._known[said] = whose_fields(dict([pair for pair in pairs if bytes(pair[1])][::-1]))
        return found

    def _learn(self, texts: Sequence[bytes]) -> bool:
        """Take in the names of fields; whether there was a new one."""
        before = sum(map(len, self._levels))
        for text in texts:
            fields = fields_of(text)
            for level, key in zip(self._levels, self.path or ("",), strict=True):
                level.update(fields.keys() - {key})
                fields = fields_of(bytes(fields.get(key, b"")))
        after = sum(map(len, self._levels))
        if before == after or after > _MOST_KEYS:
            return False
        self._make()
        return True

    def _make(self) -> None:
        """The decoder for the fields that are known."""
        names = self.names
        # journalctl gives text that is not UTF-8 as numbers (systemd/src/shared/logs-show.c)
        kinds: tuple[Any, Any] = (str | list[int] | None, None) if self._string else (msgspec.Raw, _NONE)
        kind: Any = record_type(self.path, names, *kinds)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
        listed: Any = list[kind]
        self._list_decoder: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(listed)
        self.value: _Values = attrgetter(".".join(["value"] * len(self.path) or ["__class__"]))
        self._speaking, ways = _speaking(names)
        self._claims: _Values | None = attrgetter(*ways) if ways else None
        self._put: Callable[[Any], bytes] = b"\n".join if len(ways) > 1 else bytes
        """Makes one text of what a record says, with a line for each place."""
        self._known = {}


def _speaking(levels: Sequence[Sequence[str]]) -> tuple[list[str], list[str]]:
    """The names of the fields that may say who wrote a record, and how they are reached in what is decoded."""
    found = [
        (key, f"{'value.' * depth}c{at}")
        for depth, names in enumerate(levels)
        for at, key in enumerate(names)
        if speaks(key)
    ]
    return [key for key, _ in found], [way for _, way in found]


def record_type(path: Sequence[str], levels: Sequence[Sequence[str]], kind: object, default: object = ...) -> object:
    """A type with one field for each of the names of each level, and with `value` for what is under `path`, which is
    of this kind; it must be there if there is no default.
    """
    for depth in reversed(range(len(levels))):
        fields: list[tuple[str, Any, Any]] = [
            (f"c{at}", msgspec.Raw, msgspec.field(name=key, default=_NONE)) for at, key in enumerate(levels[depth])
        ]
        if path:
            given = {} if default is ... else {"default": default}
            fields.append(("value", kind, msgspec.field(name=path[depth], **given)))
        kind = msgspec.defstruct("Record", fields, gc=False, forbid_unknown_fields=True, kw_only=True)
        if default is not ...:
            kind, default = kind | None, None
    return kind


_NONE: Final = msgspec.Raw()


def _believed(value: bytes, other: str) -> bytes:
    return (another(value, other) or value) if other else value


def _bytes(value: str | list[int] | msgspec.Raw | None) -> bytes:
    """Raises ValueError for numbers that are not bytes."""
    if isinstance(value, str):
        return value.rstrip("\n").encode()
    return bytes(value or b"")
