"""Container logs as containerd and CRI-O write them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import compress, repeat
from operator import add, le
from typing import Final, NamedTuple

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.literals import Find, finders
from kaudit_setup.auditlog.shapes.containers.parts import OTHERS, Joined, Pieces, behind_parts
from kaudit_setup.auditlog.shapes.forms import finder
from kaudit_setup.auditlog.shapes.lines import Lines
from kaudit_setup.auditlog.shapes.reading import Reading, Texts
from kaudit_setup.auditlog.shapes.recognition.line_kinds import Kind
from kaudit_setup.auditlog.shapes.recognition.names import CRI


class Cri:
    """Container logs as containerd and CRI-O write them: `TIME STREAM TAG TEXT`, the tag P for a part, F for the last
    (kubernetes/design-proposals, kubelet-cri-logging.md).
    """

    def __init__(self) -> None:
        self._joined = Joined()
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
        begins = [text.find(b" F ", 0, HEADER_BYTES) + 3 for text in texts]
        # where some are wanted, they are known to be whole
        if wanted is None:
            return self._joined.join(enumerate(map(cri_part, texts)), len(texts))
        return found.become([text[at:] if at > 2 else text for text, at in zip(texts, begins, strict=True)])

    def _quick(self, found: Texts) -> Texts | None:
        whole = None if self._joined.busy else _cri_whole(found)
        if whole or found.spans is None or not found.count:
            return whole
        data, starts = found.spans.data, found.spans.starts
        at = list(map(data.find, repeat(b" std"), starts, map(HEADER_BYTES.__add__, starts)))
        begins = list(map(len(OUT).__add__, at))
        if not all(map(le, begins, found.spans.ends)):  # what was found is in the next line
            return None
        tags = None if b"\r" in data else _Tags.of([data[begin:end] for begin, end in zip(at, begins, strict=True)])
        if tags is None:
            return None
        ends = map(add, found.spans.ends, tags.lasts)  # the newline is of the last part
        parts = [data[begin:end] for begin, end in zip(begins, ends, strict=True)]
        pieces = Pieces.by_stream(tags.streams, tags.lasts, lambda those: b"".join(compress(parts, those)))
        return self._joined.join_streams(pieces, found.count)

    @property
    def opened(self) -> Collection[str]:
        """The streams in which a text goes on in what comes."""
        return self._joined.opened

    def joined(self, block: Block, starts: Sequence[int]) -> Texts:
        """The texts of the lines that begin there."""
        view, numbers, done, line = block.view, list[int](), 0, 0
        for start in starts:
            line += len(finder(b"\n")(view[done:start]))
            done = start
            numbers.append(line)
        return self._joined.join(zip(numbers, cri_parts(block, starts), strict=True), block.height)

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
        tags, size = b"".join(each), len(OUT)
        if len(tags) != size * len(each):
            return None
        # what stands at the same place of all of them
        letters = [tags[at::size] for at in range(size)]
        out = letters[_STREAM_AT].translate(_ISOUT)
        lasts = letters[_TAG_AT].translate(_IS_LAST)
        for at, (one, other) in enumerate(zip(OUT, ERR, strict=True)):
            which = lasts if at == _TAG_AT else out
            if letters[at] != which.translate(bytes.maketrans(b"\1\0", bytes([one, other]))):
                return None
        both = {"stdout": out, "stderr": out.translate(OTHERS)}
        first_line = dict(sorted(both.items(), key=lambda one: one[1][0], reverse=True))
        return cls({name: those for name, those in first_line.items() if 1 in those}, lasts)


OUT: Final = b" stdout F "
ERR: Final = b" stderr P "
_STREAM_AT: Final = OUT.index(b"o")
_TAG_AT: Final = OUT.index(b"F")
_ISOUT: Final = bytes(letter == OUT[_STREAM_AT] for letter in range(256))
_IS_LAST: Final = bytes(letter == OUT[_TAG_AT] for letter in range(256))
HEADER_BYTES: Final = 64  # bytes of a time, a stream and a tag
_FEW: Final = 64  # lines, of which some are parts if most lines of the file are


def _cri_whole(found: Texts) -> Texts | None:
    """What lines hold of which none is a part; None for others."""
    spans = found.spans
    if spans is None:
        return None
    find = spans.data.find
    starts = [find(b" F ", start, start + HEADER_BYTES) + 3 for start in spans.starts[:_FEW]]
    if 2 in starts:
        return None
    starts += [find(b" F ", start, start + HEADER_BYTES) + 3 for start in spans.starts[_FEW:]]
    return found.become_form(spans.begin_at(starts)) if 2 not in starts and all(map(le, starts, spans.ends)) else None


def cri_part(line: bytes) -> tuple[str, bytes, bool]:
    """Of a line its stream, its text and whether it is the last part."""
    # spaces before a line are of whatever copied it
    _, _, rest = line.lstrip(b" \t").partition(b" ")
    stream, _, rest = rest.partition(b" ")
    tag, _, text = rest.partition(b" ")
    if stream not in {b"stdout", b"stderr"}:
        return "", line, True
    # a line end of Windows is not of the part
    return stream.decode(), text.removesuffix(b"\r"), not tag.startswith(b"P")


def cri_parts(block: Block, starts: Iterable[int]) -> Iterator[tuple[str, bytes, bool]]:
    """The same of the lines that begin there."""
    data = block.data
    return (cri_part(bytes(data[start : data.find(b"\n", start, block.size)])) for start in starts)


def _cri_border(window: bytes) -> int:
    lines = window.split(b"\n")[:-1]
    return behind_parts(list(map(cri_part, lines)), map(len, lines))


CRI_LINES: Final = Reading(CRI, Kind.cri, Cri, border=_cri_border)
