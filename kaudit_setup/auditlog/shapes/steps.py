"""Steps from a text to the event in it; a text in which a step finds nothing is searched from end to end."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import chain, repeat
from typing import Final

import msgspec

from kaudit_setup.auditlog.literals import OWN_ORDER
from kaudit_setup.auditlog.shapes.events import DAMAGED, ITEMS, REFUSED, STRING, another, events_in, fields_of, lost
from kaudit_setup.auditlog.shapes.forms import Strings, Values
from kaudit_setup.auditlog.shapes.origins import other_program, whose, whose_path
from kaudit_setup.auditlog.shapes.reading import Texts
from kaudit_setup.auditlog.shapes.recognition.line_kinds import CRI_LINE, Kind, kind_of
from kaudit_setup.auditlog.shapes.records import Records

# systemd/src/shared/logs-show.c:JSON_THRESHOLD
_NO_MESSAGE: Final = re.compile(rb'"MESSAGE" ?: ?null')
_TOO_LONG: Final = (
    "a message that journalctl left out, as it does above 4096 bytes: export it with `journalctl --all`"
)


class Cut:
    """What stands before the first brace is cut off: a syslog header, a time, the name of a node."""

    def __call__(self, found: Texts, /) -> Texts:
        if found.own:
            return found
        return found.become([text[begin_of(text) :] for text in found.texts])


def begin_of(text: bytes) -> int:
    """Where the event or the record begins; 0 for lines of other shapes, in which parts of one may stand."""
    begin = max(text.find(b"{"), 0)
    if not begin or text[:1] in _INSIDE_JSON or text.startswith(DAMAGED) or CRI_LINE.match(text):
        return 0
    labels = _LABELS.match(text, begin) if text[begin + 1 : begin + 2] != b'"' else None
    return max(text.find(b"{", labels.end()), 0) if labels else begin


# as logcli prints them before each line (pkg/logcli/output/default.go)
_LABELS: Final = re.compile(rb'\{(?:[a-zA-Z_][\w.]*="(?:[^"\\]|\\.)*"(?:, ?)?)*\}\S*\s+')
_INSIDE_JSON: Final = {b" ", b"\t", b'"', b"}", b"]"}


class Prefixed:
    """As `Cut`, where what stands before the event may say who wrote the line: a syslog header, a tag, labels."""

    def __init__(self, programs: Collection[bytes] = ()) -> None:
        """`programs`: of what name kube-apiserver's lines are, if it is none that it is known by."""
        self._programs = frozenset(programs)
        self._known: dict[bytes, str] = {}
        self._ours: set[bytes] = set()  # prefixes, with the time that they begin with made the same
        self._width = 0  # bytes of that time

    def __call__(self, found: Texts, /) -> Texts:
        width, ours = self._width or self._learn(found), self._ours
        if begun := self._all_ours(found, width):
            return begun
        made: list[bytes] = []
        for text in found.texts:
            begin = text.find(b'{"')
            if text[:width].translate(_SAME_DIGITS) + text[width:begin] in ours:
                made.append(text[begin:])
            else:
                made.append(self._one(text))
        return found.become(made)

    def _learn(self, found: Texts) -> int:
        """How many bytes the time has with which lines begin."""
        time = _MOMENT.match(found[0]) if found.count else None
        self._width = time.end() if time else 0
        return self._width

    def _all_ours(self, found: Texts, width: int) -> Texts | None:
        """What lines hold of which each begins as one that was looked at; None for others."""
        spans = found.spans
        if spans is None or not spans.starts or not self._ours:
            return None
        data, starts = spans.data, spans.starts
        times = spans.heads(width)
        time = times[0].translate(_SAME_DIGITS)
        if b"".join(times).translate(_SAME_DIGITS) != time * len(times):
            return None
        size = data.find(b'{"', starts[0], spans.ends[0]) - starts[0]
        if data.startswith(OWN_ORDER, starts[0] + size):
            rests = {data[start + width : start + size + len(OWN_ORDER)] for start in starts}
            if all(rest.endswith(OWN_ORDER) and time + rest.removesuffix(OWN_ORDER) in self._ours for rest in rests):
                return found.become_form(spans.begin_at([start + size for start in starts]))
        # of hosts and programs whose names are not all as long
        begins = [data.find(b'{"', start, end) for start, end in zip(starts, spans.ends, strict=True)]
        if -1 in begins:
            return None
        rests = {data[start + width : begin] for start, begin in zip(starts, begins, strict=True)}
        ours = all(time + rest in self._ours for rest in rests)
        return found.become_form(spans.begin_at(begins)) if ours else None

    def _one(self, text: bytes) -> bytes:
        begin = begin_of(text)
        other = self._other(text[:begin])
        if begin > self._width and not other and len(self._ours) < _MOST_KNOWN:
            time = _MOMENT.match(text, 0, begin)
            # nothing else in it may differ: the name of a program has digits, too
            if (time.end() if time else 0) == self._width:
                self._ours.add(text[: self._width].translate(_SAME_DIGITS) + text[self._width : begin])
        return another(text, other) if other else text[begin:]

    def _other(self, prefix: bytes) -> str:
        name = program_of(prefix)
        labels = b"" if name else _labels_of(prefix)
        told = name or labels
        if not told:
            return whose_path(prefix.decode("utf-8", "replace")) if _TAG.search(prefix) else ""
        if told in self._known:
            return self._known[told]
        text = told.decode("utf-8", "replace")
        if labels:
            found = whose({"labels": text})
        else:
            found = f"program {text}" if name not in self._programs and other_program(text) else ""
        if len(self._known) < _MOST_KNOWN:
            self._known[told] = found
        return found


_SAME_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")


def _labels_of(prefix: bytes) -> bytes:
    """What logcli says of the stream; nothing if `prefix` is not of it."""
    begin = prefix.find(b"{")
    labels = _LABELS.match(prefix, begin) if begin >= 0 else None
    return labels[0] if labels else b""


def program_of(prefix: bytes) -> bytes:
    """The program that a syslog header names; nothing if `prefix` is not one."""
    found = _RFC_5424.match(prefix) or _RFC_3164.match(prefix)
    return found[1] if found else b""


_TAG: Final = re.compile(rb"containers[./]|pods?[./]")
_MOST_KNOWN: Final = 4096
_STAMP: Final = rb"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+)"
_MOMENT: Final = re.compile(rb"(?:<\d{1,3}>(?:1 )?)?" + _STAMP)
_RFC_3164: Final = re.compile(rb"\A(?:<\d{1,3}>)?" + _STAMP + rb" \S+ ([^\s\[\]:{]+)(?:\[[^\]]*\])?:")
_RFC_5424: Final = re.compile(rb"\A<\d{1,3}>\d \S+ \S+ (\S+) ")


class Field:
    """A field of each record, under `path`: a string (with JSON in it), or the JSON of an object or an array. Of a
    record that somebody else than kube-apiserver wrote there is only what says so.
    """

    def __init__(self, path: Sequence[str], *, string: bool) -> None:
        """`path`: the keys that lead there; none if the record is an event itself."""
        self.path = tuple(path)
        self.string = string
        self.records = Records(path, string=string)

    def __call__(self, found: Texts, /) -> Texts:
        try:
            read = self.records.read(found)
        except REFUSED:
            read = found.become([b""] * found.count)
        # Docker's lines have that field, too, and parts of events in it
        parts = self.path == ("log",) and self.string and not read.own
        if parts and found.lines is not None:
            parts = b'"stream"' in found.lines
        if read.form is not None and not parts:
            return read
        records = read.texts
        if parts:
            pairs = zip(records, found.texts, strict=True)
            records = [text if _is_part(value) and _is_docker(text) else value for value, text in pairs]
        if all(records):
            return found.become(records)
        made = Texts([], [])
        for value, text, origin in zip(records, found.texts, found.origins, strict=True):
            # a record of another kind in the same file: its events, or the record itself, which is none
            for one in [value] if value else _otherwise(text):
                if one or not text:  # a blank line may part what is in another shape
                    made.add(one, origin)
        return made


def _is_part(value: bytes) -> bool:
    return not (value.startswith(b"{") and value.endswith(b"}"))


def _is_docker(text: bytes) -> bool:
    return b'"stream"' in text and kind_of(text) is Kind.docker


def _otherwise(record: bytes) -> list[bytes]:
    return list(events_in(record)) or [lost(_TOO_LONG) if _NO_MESSAGE.search(record) else record]


class Each:
    """The items of an array, each a text of its own."""

    def __call__(self, found: Texts, /) -> Texts:
        arrays = self._arrays(found)
        items = list(chain.from_iterable(arrays))

        def origins() -> list[int]:
            return list(chain.from_iterable(map(repeat, found.origins, map(len, arrays))))

        lines = Values.of(items)
        return Texts.of(lines, origins) if lines is not None else Texts(list(map(bytes, items)), origins)

    def _arrays(self, found: Texts) -> Sequence[Sequence[bytes | msgspec.Raw]]:
        with suppress(*REFUSED):
            arrays = ITEMS.decode_lines(found.encoded)
            if len(arrays) == found.count:
                return arrays
        return [self._one(text) for text in found.texts]

    def _one(self, text: bytes) -> Sequence[bytes | msgspec.Raw]:
        try:
            return ITEMS.decode(text)
        except REFUSED:
            return list(events_in(text)) or [text]


class Decoded:
    """JSON in a string."""

    def __call__(self, found: Texts, /) -> Texts:
        with suppress(*REFUSED):
            return found.become_form(Strings(list(map(STRING.decode, found.strings))))
        return found.become([self._one(text) for text in found.texts])

    def _one(self, text: bytes) -> bytes:
        try:
            return STRING.decode(text).encode()
        except REFUSED:
            return text


class Split:
    """The lines of each text: some programs keep a whole output in one string. A JSON value stays one."""

    def __call__(self, found: Texts, /) -> Texts:
        made = Texts([], [])
        for text, origin in zip(found.texts, found.origins, strict=True):
            lines = text.splitlines() if b"\n" in text.strip() and not fields_of(text) else [text]
            made.extend(lines, [origin] * len(lines))
        return made


class Quoted(Decoded):
    """A JSON string in a line, as an element of an array or alone: `jq .message`, `--query` of the AWS CLI."""

    def _one(self, text: bytes) -> bytes:
        return super()._one(quoted_in(text))


def quoted_in(line: bytes) -> bytes:
    """The JSON string that a line is, without what belongs to an array around it; empty if it is none."""
    text = line.strip().lstrip(b"[ \t").rstrip(b"], \t\r")
    return text if len(text) > 1 and text[:1] == text[-1:] == b'"' else b""


class Item:
    """One item of an array, with JSON in a string: Loki keeps `[TIME, LINE]`."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __call__(self, found: Texts, /) -> Texts:
        return found.become([self._one(text) for text in found.texts])

    def _one(self, text: bytes) -> bytes:
        try:
            return STRING.decode(ITEMS.decode(text)[self.index]).encode()
        except (*REFUSED, IndexError):
            return text
