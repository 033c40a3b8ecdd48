"""Lines of which a container's runtime cut long ones into parts: the parts of each stream joined."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import compress
from typing import Final, NamedTuple

from kaudit_setup.auditlog.shapes.forms import Spans
from kaudit_setup.auditlog.shapes.reading import Texts

_LONGEST_BYTES: Final = 16 << 20
"""Of an event that was cut into parts; kube-apiserver itself refuses bodies above 3 MB."""
OTHERS: Final = bytes.maketrans(b"\1\0", b"\0\1")
"""Of bytes that say which lines are meant (1), those which are not."""


class Pieces(NamedTuple):
    """What the lines of one stream hold in a block: the numbers of the lines, whether each has the last part of a
    text, and the parts, with a newline behind each last one.
    """

    numbers: list[int]
    lasts: bytes
    data: bytes

    @classmethod
    def by_stream(
        cls, streams: Mapping[str, bytes], lasts: bytes, join: Callable[[bytes], bytes]
    ) -> dict[str, Pieces]:
        """`streams`: of each stream which lines are of it; `lasts`: which have the last part of a text. A byte for
        each line, 1 or 0, so that all of them are taken at once. `join`: the parts of the lines that it is given so.
        """
        return {
            name: cls(list(compress(range(len(those)), those)), bytes(compress(lasts, those)), join(those))
            for name, those in streams.items()
        }

    def joined(self, begun: int, held: Sequence[bytes]) -> _Texts | None:
        """Their texts. `held`: the parts that stand before them, from line `begun` on. None if a part has line
        breaks of its own.
        """
        cut = self.data.rfind(b"\n") + 1
        spans = Spans.of(b"".join([*held, self.data[:cut]]) if cut else b"")
        lasts = list(compress(self.numbers, self.lasts))
        if len(spans.ends) != len(lasts):
            return None
        begins = [begun, *compress(self.numbers[1:], self.lasts)]
        rest = [] if self.lasts[-1] else [*([] if cut else held), self.data[cut:]]
        return _Texts(spans, begins, lasts, rest)


class _Texts(NamedTuple):
    """Texts of one stream: the line in which each begins and the line in which it ends. `rest`: the parts of the one
    that goes on, whose beginning is known as well.
    """

    spans: Spans
    begins: list[int]
    lasts: list[int]
    rest: list[bytes]


class Joined:
    """Lines of two streams, of which long ones were cut into parts; each stream goes on by itself."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[int, list[bytes]]] = {}

    @property
    def busy(self) -> bool:
        """Whether some text goes on in what comes."""
        return bool(self._open)

    @property
    def opened(self) -> Collection[str]:
        """The streams in which one does."""
        return self._open.keys()

    def join(self, parts: Iterable[tuple[int, tuple[str, bytes, bool]]], height: int) -> Texts:
        """`parts`: of each line its number, its stream, its text and whether it is the last part; of a block of so
        many lines. An origin may be negative: it began in an earlier block.
        """
        texts: list[bytes] = []
        origins: list[int] = []
        for line, (stream, text, last) in parts:
            begun, pieces = self._open.setdefault(stream, (line, []))
            pieces.append(text)
            if last or sum(map(len, pieces)) > _LONGEST_BYTES:
                del self._open[stream]
                texts.append(b"".join(pieces))
                origins.append(begun)
        self._open = {stream: (begun - height, pieces) for stream, (begun, pieces) in self._open.items()}
        return Texts(texts, origins)

    def join_streams(self, streams: Mapping[str, Pieces], height: int) -> Texts | None:
        """As `join`, of all parts of each stream at once; None if a part has line breaks of its own."""
        opened = {name: self._open.get(name, (pieces.numbers[0], [])) for name, pieces in streams.items()}
        if any(sum(map(len, held)) + len(streams[name].data) > _LONGEST_BYTES for name, (_, held) in opened.items()):
            return None
        still = {name: held for name, held in self._open.items() if name not in streams}
        done: list[_Texts] = []
        for name, pieces in streams.items():
            texts = pieces.joined(*opened[name])
            if texts is None:
                return None
            done.append(texts)
            if texts.rest:
                still[name] = (texts.begins[-1], texts.rest)
        self._open = {name: (begin - height, held) for name, (begin, held) in still.items()}
        return _in_order(done)

    def rest(self) -> Texts:
        """What never came to its end."""
        found = [(b"".join(pieces), begun) for begun, pieces in self._open.values()]
        self._open = {}
        return Texts([text for text, _ in found], [begun for _, begun in found])


def _in_order(streams: Sequence[_Texts]) -> Texts:
    """The texts of all streams as they end."""
    if len(streams) == 1:
        (spans, begins, lasts, _) = streams[0]
        return Texts.of(spans, begins[: len(lasts)])
    starts: list[int] = []
    ends: list[int] = []
    size = 0
    for spans, *_ in streams:
        starts += map(size.__add__, spans.starts)
        ends += map(size.__add__, spans.ends)
        size += len(spans.data)
    begun = [begin for one in streams for begin in one.begins[: len(one.lasts)]]
    last = [line for one in streams for line in one.lasts]
    order = sorted(range(len(last)), key=last.__getitem__)
    joined = Spans(
        b"".join(one.spans.data for one in streams), [starts[at] for at in order], [ends[at] for at in order]
    )
    return Texts.of(joined, [begun[at] for at in order])


def behind_parts(parts: Sequence[tuple[str, bytes, bool]], sizes: Iterable[int]) -> int:
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
