"""Layouts of lines: one text for each line, or the parts of several lines joined."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress, repeat
from operator import add, le
from typing import Final, NamedTuple

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.event import Decoder
from kaudit_setup.auditlog.literals import OWN_ORDER, Find, finders, lines_with
from kaudit_setup.auditlog.shapes.documents import LONGEST_BYTES, Documents
from kaudit_setup.auditlog.shapes.events import REFUSED, another, damaged, fields_of
from kaudit_setup.auditlog.shapes.forms import Spans, Strings
from kaudit_setup.auditlog.shapes.line_kinds import Kind
from kaudit_setup.auditlog.shapes.mapped.flat import flat_prefix
from kaudit_setup.auditlog.shapes.names import CRI, DOCKER, PLAIN
from kaudit_setup.auditlog.shapes.origins import speaks, whose_fields
from kaudit_setup.auditlog.shapes.reading import Reading, Texts

_NOTHING: Final = Texts([], [])
_SAMPLE_BYTES: Final = 1 << 10
_PART_BYTES: Final = 16 << 10
_LONGEST_BYTES: Final = 16 << 20
"""Of an event that was cut into parts; kube-apiserver itself refuses bodies above 3 MB."""


class Lines:
    """A text for each line."""

    busy = False

    def separate(self, block: Block) -> bool:
        del block
        return True

    def cut(self, block: Block, wanted: Sequence[Find] | None) -> Texts:
        if wanted is not None:
            return _holding(block, wanted)
        return Texts.of_lines(bytes(block.view), block.height)

    def rest(self) -> Texts:
        return _NOTHING


class _Pieces(NamedTuple):
    """What the lines of one stream hold in a block: the numbers of the lines, whether each has the last part of a
    text, and the parts, with a newline behind each last one.
    """

    numbers: list[int]
    lasts: bytes
    data: bytes

    @classmethod
    def by_stream(
        cls, streams: Mapping[str, bytes], lasts: bytes, join: Callable[[bytes], bytes]
    ) -> dict[str, _Pieces]:
        """`streams`: of each stream which lines are of it; `lasts`: which have the last part of a text. A byte for
        each line, 1 or 0, so that all of them are taken at once. `join`: the parts of the lines that it is given so.
        """
        return {
            name: cls(list(compress(range(len(those)), those)), bytes(compress(lasts, those)), join(those))
            for name, those in streams.items()
        }


class _Joined:
    """Lines of two streams, of which long ones were cut into parts; each stream goes on by itself."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[int, list[bytes]]] = {}

    @property
    def busy(self) -> bool:
        """Whether some text goes on in what comes."""
        return bool(self._open)

    def join(self, parts: Iterable[tuple[str, bytes, bool]], height: int) -> Texts:
        """`parts`: of each line its stream, its text and whether it is the last part. An origin may be negative: it
        began in an earlier block.
        """
        texts: list[bytes] = []
        origins: list[int] = []
        for line, (stream, text, last) in enumerate(parts):
            begun, pieces = self._open.setdefault(stream, (line, []))
            pieces.append(text)
            if last or sum(map(len, pieces)) > _LONGEST_BYTES:
                del self._open[stream]
                texts.append(b"".join(pieces))
                origins.append(begun)
        self._open = {stream: (begun - height, pieces) for stream, (begun, pieces) in self._open.items()}
        return Texts(texts, origins)

    def join_streams(self, streams: Mapping[str, _Pieces], height: int) -> Texts | None:
        """As `join`, of all parts of each stream at once; None if a part has line breaks of its own."""
        opened = {name: self._open.get(name, (pieces.numbers[0], [])) for name, pieces in streams.items()}
        if any(sum(map(len, held)) + len(streams[name].data) > _LONGEST_BYTES for name, (_, held) in opened.items()):
            return None
        still = {name: held for name, held in self._open.items() if name not in streams}
        done: list[bytes] = []
        size = 0
        starts: list[int] = []
        ends: list[int] = []
        begun: list[int] = []
        last: list[int] = []
        for name, pieces in streams.items():
            first, held = opened[name]
            cut = pieces.data.rfind(b"\n") + 1
            whole = b"".join([*held, pieces.data[:cut]]) if cut else b""
            spans = Spans.of(whole)
            lasts = list(compress(pieces.numbers, pieces.lasts))
            if len(spans.ends) != len(lasts):
                return None
            begins = [first, *compress(pieces.numbers[1:], pieces.lasts)]
            starts += [size + at for at in spans.starts] if size else spans.starts
            ends += [size + at for at in spans.ends] if size else spans.ends
            begun += begins[: len(lasts)]
            last += lasts
            done.append(whole)
            size += len(whole)
            if not pieces.lasts[-1]:
                still[name] = (begins[len(lasts)], [*([] if cut else held), pieces.data[cut:]])
        self._open = {name: (begin - height, held) for name, (begin, held) in still.items()}
        if len(streams) == 1:
            return Texts.of(Spans(done[0], starts, ends, whole=True), begun)
        order = sorted(range(len(last)), key=last.__getitem__)
        spans = Spans(b"".join(done), [starts[at] for at in order], [ends[at] for at in order])
        return Texts.of(spans, [begun[at] for at in order])

    def rest(self) -> Texts:
        """What never came to its end."""
        found = [(b"".join(pieces), begun) for begun, pieces in self._open.values()]
        self._open = {}
        return Texts([text for text, _ in found], [begun for _, begun in found])


class Cri:
    """Container logs as containerd and CRI-O write them: `TIME STREAM TAG TEXT`, the tag P for a part, F for the last
    (kubernetes/design-proposals, kubelet-cri-logging.md).
    """

    def __init__(self) -> None:
        self._joined = _Joined()
        self._partial = finders([b" stdout P", b" stderr P"])

    @property
    def busy(self) -> bool:
        return self._joined.busy

    def separate(self, block: Block) -> bool:
        return not self._joined.busy and not any(find(block.view) for find in self._partial)

    def cut(self, block: Block, wanted: Sequence[Find] | None) -> Texts:
        found = Lines().cut(block, wanted)
        if wanted is None and (quick := self._quick(found)):
            return quick
        texts = found.texts
        begins = [text.find(b" F ", 0, _HEADER_BYTES) + 3 for text in texts]
        # where some are wanted, they are known to be whole
        if wanted is None:
            return self._joined.join(map(_cri_part, texts), len(texts))
        return found.become([text[at:] if at > 2 else text for text, at in zip(texts, begins, strict=True)])

    def _quick(self, found: Texts) -> Texts | None:
        whole = None if self._joined.busy else _cri_whole(found)
        if whole or found.spans is None or not found.count:
            return whole
        data, starts = found.spans.data, found.spans.starts
        at = list(map(data.find, repeat(b" std"), starts, map(_HEADER_BYTES.__add__, starts)))
        begins = list(map(len(_OUT).__add__, at))
        tags = None if b"\r" in data else _Tags.of([data[begin:end] for begin, end in zip(at, begins, strict=True)])
        if tags is None:
            return None
        ends = map(add, found.spans.ends, tags.lasts)  # the newline is of the last part
        parts = [data[begin:end] for begin, end in zip(begins, ends, strict=True)]
        pieces = _Pieces.by_stream(tags.streams, tags.lasts, lambda those: b"".join(compress(parts, those)))
        return self._joined.join_streams(pieces, found.count)

    def rest(self) -> Texts:
        return self._joined.rest()


class _Tags(NamedTuple):
    """What stands between the time and the text of lines: with a byte for each line, 1 or 0, which lines are of each
    stream and which have a last part.
    """

    streams: dict[str, bytes]
    lasts: bytes

    @classmethod
    def of(cls, each: list[bytes]) -> _Tags | None:
        """None if some are others."""
        tags, size = b"".join(each), len(_OUT)
        if len(tags) != size * len(each):
            return None
        # what stands at the same place of all of them
        letters = [tags[at::size] for at in range(size)]
        out = letters[_STREAM_AT].translate(_IS_OUT)
        lasts = letters[_TAG_AT].translate(_IS_LAST)
        for at, (one, other) in enumerate(zip(_OUT, _ERR, strict=True)):
            which = lasts if at == _TAG_AT else out
            if letters[at] != which.translate(bytes.maketrans(b"\1\0", bytes([one, other]))):
                return None
        both = {"stdout": out, "stderr": out.translate(_OTHERS)}
        first_line = dict(sorted(both.items(), key=lambda one: one[1][0], reverse=True))
        return cls({name: those for name, those in first_line.items() if 1 in those}, lasts)


_OTHERS: Final = bytes.maketrans(b"\1\0", b"\0\1")
_OUT: Final = b" stdout F "
_ERR: Final = b" stderr P "
_STREAM_AT: Final = _OUT.index(b"o")
_TAG_AT: Final = _OUT.index(b"F")
_IS_OUT: Final = bytes(letter == _OUT[_STREAM_AT] for letter in range(256))
_IS_LAST: Final = bytes(letter == _OUT[_TAG_AT] for letter in range(256))
_HEADER_BYTES: Final = 64  # bytes of a time, a stream and a tag
_FEW: Final = 64  # lines, of which some are parts if most lines of the file are


def _cri_whole(found: Texts) -> Texts | None:
    """What lines hold of which none is a part; None for others."""
    spans = found.spans
    if spans is None:
        return None
    find = spans.data.find
    starts = [find(b" F ", start, start + _HEADER_BYTES) + 3 for start in spans.starts[:_FEW]]
    if 2 in starts:
        return None
    starts += [find(b" F ", start, start + _HEADER_BYTES) + 3 for start in spans.starts[_FEW:]]
    return found.become_form(spans.begin_at(starts)) if 2 not in starts and all(map(le, starts, spans.ends)) else None


def _cri_part(line: bytes) -> tuple[str, bytes, bool]:
    _, _, rest = line.partition(b" ")
    stream, _, rest = rest.partition(b" ")
    tag, _, text = rest.partition(b" ")
    if stream not in {b"stdout", b"stderr"}:
        return "", line, True
    # a line end of Windows is not of the part
    return stream.decode(), text.removesuffix(b"\r"), not tag.startswith(b"P")


class _Unlabelled(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    log: str
    stream: str = ""
    time: msgspec.Raw = msgspec.Raw()


class _Logged(_Unlabelled, gc=False, forbid_unknown_fields=True):
    attrs: msgspec.Raw = msgspec.Raw()


_UNLABELLED: Final = msgspec.json.Decoder(_Unlabelled)
_LOGGED: Final = msgspec.json.Decoder(_Logged)


def _logged(line: bytes) -> _Logged | bytes:
    try:
        return _LOGGED.decode(line)
    except REFUSED:
        return line


class Docker:
    """Docker's json-file (moby, daemon/logger/jsonfilelog/jsonlog): a text that ends without a newline goes on in the
    next line of its stream.
    """

    def __init__(self) -> None:
        self._joined = _Joined()
        (self._find_whole,) = finders([b'\\n","stream"'])

    @property
    def busy(self) -> bool:
        return self._joined.busy

    def separate(self, block: Block) -> bool:
        return not self._joined.busy and len(self._find_whole(block.view)) >= block.height

    def cut(self, block: Block, wanted: Sequence[Find] | None) -> Texts:
        found = Lines().cut(block, wanted)
        if wanted is None and (quick := self._quick(found)):
            return quick
        records = self._records(found.texts)
        if any(isinstance(one, _Logged) and one.attrs for one in records):
            records = [self._believed(one) for one in records]
        # where some are wanted, they are known to be whole
        if wanted is None and (self._joined.busy or not all(map(_whole, records))):
            joined = self._joined.join([_docker_part(one) for one in records], len(records))
            return joined.become([text.rstrip(b"\n") for text in joined.texts])
        return found.become([one.log.rstrip("\n").encode() if isinstance(one, _Logged) else one for one in records])

    def rest(self) -> Texts:
        return self._joined.rest()

    def _quick(self, found: Texts) -> Texts | None:
        """Of a container without labels, if all lines are records."""
        try:
            records = _UNLABELLED.decode_lines(found.lines or b"")
        except REFUSED:
            return None
        logs = [one.log for one in records]
        if len(logs) != found.count:
            return None
        whole = None if self._joined.busy else Strings.of(logs)
        if whole and whole.end:
            return found.become_form(whole)
        lasts = bytes(map(str.endswith, logs, repeat("\n")))
        unfinished = compress(logs, lasts.translate(_OTHERS))
        if not logs or any(log.endswith("}") and _ends(log) for log in unfinished):
            return None
        names = [one.stream for one in records]
        streams = {name: bytes(map(name.__eq__, names)) for name in dict.fromkeys(names)}
        pieces = _Pieces.by_stream(streams, lasts, lambda those: "".join(compress(logs, those)).encode())
        return self._joined.join_streams(pieces, found.count)

    def _records(self, texts: list[bytes]) -> list[_Logged | bytes]:
        try:
            found: list[_Logged | bytes] = [*_LOGGED.decode_lines(b"\n".join(texts))]
        except REFUSED:
            found = []
        return found if len(found) == len(texts) else [_logged(text) for text in texts]

    def _believed(self, one: _Logged | bytes) -> _Logged | bytes:
        """Without what another container wrote, where labels are logged (`--log-opt labels=…`)."""
        if isinstance(one, bytes) or not one.attrs:
            return one
        other = whose_fields({"attrs": one.attrs})
        return another(one.log.encode("utf-8", "replace"), other) if other else one


def _whole(one: _Logged | bytes) -> bool:
    return isinstance(one, bytes) or _ends(one.log)


def _ends(text: str) -> bool:
    """Whether a text does not go on: it ends its line or, from a shipper that took the newline away, is an
    object that is smaller than a part is (moby, daemon/logger/copier.go:defaultBufSize).
    """
    if text.endswith("\n"):
        return True
    like_one = len(text) < _PART_BYTES and text[:1] == "{" and text[-1:] == "}"
    # a part may end behind some brace
    return like_one and bool(fields_of(text.encode("utf-8", "replace")))


def _docker_part(one: _Logged | bytes) -> tuple[str, bytes, bool]:
    if isinstance(one, bytes):
        return "", one, True
    text = one.log.encode("utf-8", "replace")
    return one.stream, text, _ends(one.log)


class Spread:
    """Elements of JSON over several lines."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self.decoder: Decoder | None = None
        """See `Documents.take`."""
        self._data = bytearray()
        self._used = 0  # bytes that became elements

    @property
    def busy(self) -> bool:
        return bool(self._data[self._used :].strip())

    def separate(self, block: Block) -> bool:
        """It looks for what is wanted itself, element by element."""
        del block
        return True

    def cut(self, block: Block, wanted: Sequence[Find] | None) -> Texts:
        first = self._forget()
        self._data += block.view
        found, self._used = self._documents.take(self._data, last=False, finders=wanted, decoder=self.decoder)
        found = found.behind(first)
        if len(self._data) - self._used >= 2 * LONGEST_BYTES:
            found.add(damaged(bytes(self._data[self._used :][:_SAMPLE_BYTES])), first)
            self._used = len(self._data)
        return found

    def rest(self) -> Texts:
        first = self._forget()
        found, self._used = self._documents.take(self._data, last=True, finders=None)
        return found.behind(first)

    def _forget(self) -> int:
        """Of what is left of earlier blocks the line in which it begins."""
        del self._data[: self._used]
        self._used = 0
        return -self._data.count(b"\n")


def _holding(block: Block, wanted: Sequence[Find]) -> Texts:
    spans = lines_with(block, wanted)
    starts = sorted(spans)
    texts = [bytes(block.data[start : spans[start]]) for start in starts]
    return Texts(texts, [number - 1 for number in block.numbers(starts, 1)])


def any_line(window: bytes) -> int:
    """The border of a shape in which each line stands for itself."""
    del window
    return 0


def _behind_parts(parts: Sequence[tuple[str, bytes, bool]], sizes: Iterable[int]) -> int:
    """Behind the first line at which no text of any stream goes on."""
    streams = {stream for stream, _, _ in parts} - {""}
    ended: set[str] = set()
    at = 0
    for (stream, _, last), size in zip(parts, sizes, strict=True):
        at += size + 1
        (ended.add if last else ended.discard)(stream)
        if streams and ended >= streams:
            return at
    return -1


def _cri_border(window: bytes) -> int:
    lines = window.split(b"\n")[:-1]
    return _behind_parts(list(map(_cri_part, lines)), map(len, lines))


def _docker_border(window: bytes) -> int:
    lines = window.split(b"\n")[:-1]
    return _behind_parts([_docker_part(_logged(line)) for line in lines], map(len, lines))


PLAIN_LINES: Final = Reading(PLAIN, Kind.plain, Lines, border=any_line)
"""What kube-apiserver writes."""
CRI_LINES: Final = Reading(CRI, Kind.cri, Cri, border=_cri_border)
DOCKER_LINES: Final = Reading(
    DOCKER, Kind.docker, Docker, depth=1, stamp=rb"\"stageTimestamp\":\"", border=_docker_border
)
"""What container runtimes make of it."""


SEVERAL: Final = re.compile(rb"\}\s*" + re.escape(OWN_ORDER))
"""Where an event follows another in one line: in JSON an object never follows another without a comma."""


def plain(head: bytes) -> bool:
    """Whether the first line of `head` is an event as kube-apiserver writes it."""
    line = head.partition(b"\n")[0].rstrip(b"\r")
    if not line.startswith(OWN_ORDER):
        return False
    if fields := fields_of(line):
        return not any(map(speaks, fields)) and flat_prefix(fields) is None
    return not line.endswith(b"},") and not SEVERAL.search(line)
