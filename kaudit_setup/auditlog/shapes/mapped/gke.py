"""Google Cloud's audit log entries for GKE → audit events. What is in an entry and in its event: `gke_entries`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from operator import attrgetter, gt
from typing import Any, Final

import msgspec

from kaudit_setup.auditlog.event import Decoder
from kaudit_setup.auditlog.shapes.events import FIELDS, REFUSED, STRING, damaged
from kaudit_setup.auditlog.shapes.forms import Decoded, Unwritten
from kaudit_setup.auditlog.shapes.mapped.gke_entries import (
    HEAD,
    HEADS,
    LONGEST_KNOWN,
    NAME,
    NAMESPACE,
    RECEIVED,
    STAMPED,
    Around,
    Asked,
    Head,
    contents,
    shortened,
)
from kaudit_setup.auditlog.shapes.mapped.projected import (
    MOST_KNOWN,
    Sized,
    are_bare,
    asks_for_kinds,
    learned,
    names_asked,
    said_times,
)
from kaudit_setup.auditlog.shapes.mapped.times import TIME_BYTES, are_times
from kaudit_setup.auditlog.shapes.reading import Step, Texts
from kaudit_setup.auditlog.timestamps import restamp, stamp_or_nothing
from kaudit_setup.errors import InputError

_SECOND: Final = len("2026-11-23T16:06:07.")
_MICROS: Final = 6
_IN_BIGQUERY: Final = "protopayload_auditlog"
_BIGQUERY_KEY: Final = _IN_BIGQUERY.encode()
_TEXT: Final = msgspec.json.Encoder()


class Gke:
    """Entries of the service k8s.io become events; those of other services stay as they are, and are none.

    Requests without bodies differ in time and ID alone from many others: what becomes of the rest is remembered.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Around | None] = {}

    def __call__(self, found: Texts, /) -> Texts:
        try:
            heads = HEAD.decode_lines(found.in_lines())
        except REFUSED:
            heads = []
        if len(heads) != found.count:  # some of them are no entries
            return found.become(list(map(_event, found.texts)))
        # the body of a request may have line breaks
        return found.become_lines(self._lines(heads, found)) or found.become(list(map(_event, found.texts)))

    def projected(self, decoder: Decoder, /) -> Step | None:
        """See `Projecting`."""
        return _Projected(self, decoder) if asks_for_kinds(decoder) else None

    def _lines(self, heads: Sequence[Head], found: Texts) -> bytes:
        """The events, each with a newline. Most of the time goes here: nothing is called for an entry as usual."""
        known, parts = self._known, list[bytes]()
        for at, (key, head) in enumerate(zip(_keys(heads), heads, strict=True)):
            around = known[key] if key in known else self._learn(key, head)
            time = _time(head.timestamp)
            if around is None or not time:
                parts += (_event(found[at]), b"\n")
            else:
                name = _TEXT.encode(head.name)
                parts += (
                    *(around.level, name, around.asked, around.bodies),
                    *(RECEIVED, time, STAMPED, time, around.labels),
                )
        return b"".join(parts)

    def _learn(self, key: bytes, head: Head) -> Around | None:
        """What stands around the ID and the times of an event; None if it is none, or too long to be remembered."""
        return learned(self._known, key, lambda: _around_of(head)) if len(key) <= LONGEST_KNOWN else None


class _Projected:
    """As `Gke`, for who asks the same few fields of all events: entries become what `decoder` fills of their events,
    which nobody writes. If that cannot be told of one of them, they are all written.

    What becomes of an entry is remembered twice: by all of it, and by what is asked of it.
    """

    def __init__(self, step: Gke, decoder: Decoder) -> None:
        self._step = step
        self._decoder = decoder
        asked = names_asked(decoder)
        self._dashes = [at for name, at in (("namespace", NAMESPACE), ("name", NAME)) if name not in asked]
        self._known: dict[bytes, Sized] = {}
        self._known_asked: dict[Asked, Sized] = {}
        self._indented = False  # entries, and the bodies in them

    def listed(self, array: bytes | memoryview, /) -> list[Any]:
        """See `Lister`."""
        self._indented = True
        return HEADS.decode(array)

    def __call__(self, found: Texts, /) -> Texts:
        with suppress(*REFUSED):
            return found.become_form(self._unwritten(found))
        return self._step(found)

    def _unwritten(self, found: Texts) -> Unwritten:
        """Raises one of `events.REFUSED`."""
        form = found.form
        heads = form.take(self) if isinstance(form, Decoded) else HEAD.decode_lines(found.in_lines())
        names = [head.operation.id or head.insert_id for head in heads]
        times = _stamps([head.timestamp for head in heads])
        if len(heads) != found.count or not are_bare(names):
            raise ValueError("something that is no entry, or an unusual one")
        known = self._known
        sized = [known.get(key) or self._learn(key, head) for key, head in zip(_keys(heads), heads, strict=True)]
        return Unwritten(
            [event for event, _ in sized],
            [size + len(name) for (_, size), name in zip(sized, names, strict=True)],
            said_times(times),
            lambda: self._step(found).in_lines(),
        )

    def _learn(self, key: bytes, head: Head) -> Sized:
        """Raises one of `events.REFUSED` if it is no entry of a cluster."""
        if len(key) > LONGEST_KNOWN:
            return self._sized(head)
        return learned(self._known, key, lambda: self._sized(head))

    def _sized(self, head: Head) -> Sized:
        found = contents(head, compacted=self._indented)
        if found is None:
            raise ValueError("an entry of another service")
        asked, longer = found.asked, len(found.bodies)
        if self._dashes:
            where, less = shortened(asked.where, self._dashes)
            asked, longer = msgspec.structs.replace(asked, where=where), longer + less
        event, size = self._known_asked.get(asked) or learned(
            self._known_asked, asked, lambda: self._decoded(asked, found.size)
        )
        return event, size + longer

    def _decoded(self, asked: Asked, size: int) -> Sized:
        text = asked.around(b"", size).event(b'""', b'""')
        return self._decoder.decode(text), len(text) + 2 * TIME_BYTES


def _keys(heads: Sequence[Head]) -> list[bytes]:
    """Of each entry all that its event is made of, but its ID and its time."""
    begun = map(gt, map(_IS_FIRST, heads), map(_IS_LAST, heads))
    return [
        b"".join((head.proto_payload, head.labels, _GOES_ON[goes_on]))
        for head, goes_on in zip(heads, begun, strict=True)
    ]


_IS_FIRST: Final = attrgetter("operation.first")
_IS_LAST: Final = attrgetter("operation.last")
_GOES_ON: Final = {False: b"", True: b"..."}


def _stamps(texts: Sequence[str]) -> list[bytes]:
    """Times as events have them. Raises ValueError if one of them is spelled in an unusual way, or is none."""
    stamps = list(texts)
    if max(map(len, stamps), default=0) > TIME_BYTES:
        digits = "".join([text[TIME_BYTES - 1 : -1] for text in texts])
        stamps = [f"{text[: TIME_BYTES - 1]}{text[-1:]}" for text in texts]
        if not (digits.isdigit() and digits.isascii()):
            raise ValueError("a time with something else than digits at its end")
    joined = "".join(stamps).encode()
    if len(joined) != TIME_BYTES * len(stamps) or not are_times(joined):
        raise ValueError("a time in another spelling")
    return [joined[at : at + TIME_BYTES] for at in range(0, len(joined), TIME_BYTES)]


def is_entry(fields: Mapping[str, msgspec.Raw]) -> bool:
    """Whether these are the fields of an audit log entry of a GKE cluster."""
    payload = bytes(fields.get("protoPayload") or fields.get(_IN_BIGQUERY) or b"")
    return b'"k8s.io"' in payload


def _of_bigquery(row: Mapping[str, msgspec.Raw]) -> bytes:
    """The entry of a row of a BigQuery export, which has bodies as strings and times in its own spelling."""
    payload = FIELDS.decode(row[_IN_BIGQUERY])
    for column, field in (("requestJson", "request"), ("responseJson", "response")):
        if bytes(payload.get(column, b"null")) != b"null":
            payload[field] = msgspec.Raw(STRING.decode(payload[column]).encode())
    at = STRING.decode(row["timestamp"]).removesuffix(" UTC").replace(" ", "T")
    entry = {key: row[key] for key in ("insertId", "operation") if bytes(row.get(key, b"null")) != b"null"}
    stamped = at if at.endswith("Z") else f"{at}Z"
    return msgspec.json.encode({**entry, "protoPayload": payload, "timestamp": stamped})


def _event(text: bytes) -> bytes:
    try:
        fields = FIELDS.decode(text) if _BIGQUERY_KEY in text else {}
        head = HEAD.decode(_of_bigquery(fields) if _IN_BIGQUERY in fields else text)
        found = contents(head, compacted=False)
        if found is None:
            return b""
        return found.around.event(_TEXT.encode(head.name), _TEXT.encode(restamp(head.timestamp))).rstrip(b"\n")
    except (*REFUSED, InputError, KeyError):
        return damaged(text) if b"protoPayload" in text or _BIGQUERY_KEY in text else text


def _around_of(head: Head) -> Around | None:
    """What becomes of an entry; None if that cannot be, or it is another service's."""
    with suppress(*REFUSED):
        found = contents(head, compacted=False)
        return found.around if found else None
    return None


def _time(text: str) -> bytes:
    """A time as an event has it, in quotes; empty if it is not written as usual."""
    fraction = text[_SECOND:-1]
    if len(fraction) < _MICROS or not fraction.isdigit() or not text.isascii() or text[-1] != "Z":
        return b""
    return f'"{text[: _SECOND + _MICROS]}Z"'.encode() if _is_second(text[:_SECOND]) else b""


@lru_cache(maxsize=MOST_KNOWN)
def _is_second(text: str) -> bool:
    """Whether there is that second in a calendar; it ends with a point."""
    return text.endswith(".") and bool(stamp_or_nothing(f"{text[:-1]}Z"))
