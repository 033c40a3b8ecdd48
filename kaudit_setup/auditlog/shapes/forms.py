"""The forms in which lines are kept before they are made into one piece: places in a block, strings, values, records.

What is asked of many lines is asked of the form as a whole: to ask each of them takes as long as to decode it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import compress, repeat
from operator import itemgetter, or_
from typing import Any, Final, Protocol

import msgspec

from kaudit_setup.auditlog.event import REFUSED, Decoder, Event
from kaudit_setup.auditlog.literals import OWN_ORDER, Find, finders


@lru_cache(64)
def finder(literal: bytes) -> Find:
    """Finds one literal; `count` takes ten times as long where what begins it is common. To make one takes time, so
    it is for literals that are the same for all of a file.
    """
    return finders([literal])[0]


def count_lines(data: bytes | bytearray, size: int | None = None, start: int = 0) -> int:
    """How many lines end in `data[start:size]`: long lines in a third of the time that `count` takes."""
    end = len(data) if size is None else size
    look = min(end, start + _LOOK_BYTES)
    if data.count(b"\n", start, look) * _SHORT_LINE > look - start:
        return data.count(b"\n", start, end)
    return len(finder(b"\n")(memoryview(data)[start:end]))


_SHORT_LINE: Final = 350  # bytes
_LOOK_BYTES: Final = 4096


class Form(Protocol):
    """Lines, from which events are decoded, before they are made into one piece."""

    def __len__(self) -> int: ...

    def all_own(self) -> bool:
        """Whether each begins and ends like an event of kube-apiserver."""
        ...

    def texts(self) -> list[bytes]:
        """Each of them, without its newline."""
        ...

    def joined(self) -> bytes | None:
        """All of them in one piece, each with a newline; None if some have line breaks of their own."""
        ...

    def sizes(self) -> list[int] | None:
        """How many bytes each has, with a newline; None if that is not known before they are joined."""
        ...

    def decode(self, decoder: Decoder) -> list[Event] | None:
        """What is decoded of each; None if they have to be joined first, or one is no event. For those of
        kube-apiserver only.
        """
        ...


class Spans(msgspec.Struct, frozen=True):
    """Lines, or what each of them ends with, where they are in `data`: from a start to the newline at its end.

    What is asked of all of them is asked of one piece of bytes: a question to each of them takes as long as to decode
    a part of it.
    """

    data: bytes
    starts: list[int]
    ends: list[int]
    whole: bool = False
    """Whether they are all of `data`."""

    @classmethod
    def of(cls, lines: bytes) -> Spans:
        """All lines, each ended by a newline."""
        found = finder(b"\n")(memoryview(lines))
        starts = [0, *map(itemgetter(2), found)]
        starts.pop()
        return cls(lines, starts, list(map(itemgetter(1), found)), whole=True)

    def __len__(self) -> int:
        return len(self.ends)

    def begin_at(self, starts: list[int]) -> Spans:
        """The same lines from these places on."""
        return Spans(self.data, starts, self.ends)

    def sizes(self) -> list[int]:
        """See `Form`."""
        return [end - start + 1 for start, end in zip(self.starts, self.ends, strict=True)]

    def decode(self, decoder: Decoder) -> list[Event] | None:
        """See `Form`."""
        if self.whole:
            return None
        view = memoryview(self.data)
        try:
            return list(map(decoder.decode, map(view.__getitem__, map(slice, self.starts, self.ends))))
        except REFUSED:
            return None

    def text(self, at: int) -> bytes:
        """One of them."""
        return self.data[self.starts[at] : self.ends[at]]

    def those(self, kept: Iterable[int]) -> Spans:
        """Those of which `kept` is not 0."""
        return Spans(self.data, list(compress(self.starts, kept)), list(compress(self.ends, kept)))

    def heads(self, size: int) -> list[bytes]:
        """The first bytes of each; of a shorter one also what follows it."""
        data = self.data
        return [data[start : start + size] for start in self.starts]

    def all_own(self) -> bool:
        """See `Form`."""
        data, count = self.data, len(self.ends)
        if not all(data.startswith(OWN_ORDER, start) for start in self.starts[:_FEW]):
            return False
        if b"".join(self.heads(len(OWN_ORDER))) != OWN_ORDER * count:
            return False
        return bytes([data[end - 1] for end in self.ends]) == b"}" * count

    def otherwise(self) -> list[int]:
        """Which of them do not."""
        data = self.data
        begun = map(OWN_ORDER.__ne__, self.heads(len(OWN_ORDER)))
        ended = bytes([data[end - 1] for end in self.ends]).translate(_NOT_BRACE)
        return list(compress(range(len(ended)), map(or_, begun, ended)))

    def texts(self) -> list[bytes]:
        """See `Form`."""
        data = self.data
        return [data[start:end] for start, end in zip(self.starts, self.ends, strict=True)]

    def joined(self) -> bytes:
        """See `Form`."""
        if self.whole:
            return self.data
        view = memoryview(self.data)
        return b"".join([view[start : end + 1] for start, end in zip(self.starts, self.ends, strict=True)])


_NOT_BRACE: Final = bytes(byte != ord("}") for byte in range(256))
_FEW: Final = 32


class Strings(msgspec.Struct, frozen=True):
    """Texts that were in JSON strings. A newline at its end is no part of a text."""

    strings: list[str]

    def __len__(self) -> int:
        return len(self.strings)

    @property
    def _end(self) -> str:
        """What each of them ends with, if it is the same for all."""
        return "\n" if self.strings and self.strings[0].endswith("\n") else ""

    def all_own(self) -> bool:
        """See `Form`."""
        return all(map(str.startswith, self.strings, repeat(_OWN))) and all(
            map(str.endswith, self.strings, repeat("}" + self._end))
        )

    def decode(self, decoder: Decoder) -> list[Event] | None:
        """See `Form`."""
        try:
            return list(map(decoder.decode, self.strings))
        except REFUSED:
            return None

    def text(self, at: int) -> bytes:
        """One of them."""
        return self.strings[at].rstrip("\n").encode()

    def those(self, kept: Iterable[int]) -> Strings:
        """Those of which `kept` is not 0."""
        return Strings(list(compress(self.strings, kept)))

    def otherwise(self) -> list[int]:
        """Which of them are not one line that begins and ends like an event of kube-apiserver."""
        end = "}" + self._end
        return [
            at
            for at, one in enumerate(self.strings)
            if not one.startswith(_OWN) or not one.endswith(end) or one.find("\n", 0, -1) >= 0
        ]

    def texts(self) -> list[bytes]:
        """See `Form`."""
        return list(map(self.text, range(len(self.strings))))

    def joined(self) -> bytes | None:
        """See `Form`."""
        count, found = len(self.strings), sum(map(str.find, self.strings, repeat("\n")))
        # -1 where there is none, and at most the place of the last letter
        if found != (sum(map(len, self.strings)) - count if self._end else -count):
            return None
        strings, between = (self.strings, "") if self._end else ([*self.strings, ""], "\n")
        joined = between.join(strings)
        # of many strings one with a wide letter makes all of them wide
        return joined.encode() if joined.isascii() else between.encode().join(map(str.encode, strings))

    def sizes(self) -> list[int]:
        """See `Form`."""
        more = 1 - len(self._end)
        if all(map(str.isascii, self.strings)):
            return [len(one) + more for one in self.strings] if more else list(map(len, self.strings))
        return [len(one.encode()) + more for one in self.strings]


_OWN: Final = OWN_ORDER.decode()


class Values(msgspec.Struct, frozen=True):
    """Lines that were JSON values. `events`: of events of kube-apiserver, what was decoded of each, if it was."""

    lines: bytes
    known: list[int]
    events: list[Event] | None = None

    def decode(self, decoder: Decoder) -> list[Event] | None:
        """See `Form`."""
        del decoder
        return self.events

    @classmethod
    def decoded(cls, text: bytes | memoryview, glue: bytes, decoder: Decoder) -> Values | None:
        """Events of kube-apiserver, each in one line, of which `glue` stands between two; None if other things are
        there. Raises what decoding does.

        To cut where an event seems to begin is quicker than to find the elements. Behind a cut in an array inside of
        an element, nothing decodes; where a cut is missing, too few lines do.
        """
        view = memoryview(text)
        if view[: len(OWN_ORDER)] != OWN_ORDER:
            return None
        ends = [at + 1 for _, at, _ in finder(b"}" + glue + OWN_ORDER)(view)]
        begins = [0, *[end + len(glue) for end in ends]]
        ends.append(len(view))
        if len(glue) == 1:
            lines = _in_place(view, ends)
        else:
            lines = b"\n".join([*map(view.__getitem__, map(slice, begins, ends)), b""])
        events = decoder.decode_lines(lines)
        sizes = [end - begin + 1 for begin, end in zip(begins, ends, strict=True)]
        return cls(lines, sizes, events) if len(events) == len(sizes) else None

    @classmethod
    def of(cls, values: Sequence[bytes | msgspec.Raw]) -> Values | None:
        """None if some of them are not one line each."""
        lines = b"\n".join([*values, b""])
        sizes = [size + 1 for size in map(len, values)]
        return cls(lines, sizes) if count_lines(lines) == len(values) else None

    def __len__(self) -> int:
        return len(self.known)

    def all_own(self) -> bool:
        """See `Form`."""
        if self.events is not None:
            return True
        lines = self.lines
        own = lines.startswith(OWN_ORDER) and lines.endswith(b"}\n")
        return own and len(finder(b"}\n" + OWN_ORDER)(memoryview(lines))) == len(self.known) - 1

    def texts(self) -> list[bytes]:
        """See `Form`."""
        return self.lines.split(b"\n")[:-1]

    def joined(self) -> bytes:
        """See `Form`."""
        return self.lines

    def sizes(self) -> list[int]:
        """See `Form`."""
        return self.known


def _in_place(view: memoryview, ends: Sequence[int]) -> bytes:
    """Lines that end there, where a byte stands that is none of theirs; a newline is added to the last one."""
    lines = bytearray(view)
    lines += b"\n"
    for end in ends:
        lines[end] = _NEWLINE
    return bytes(lines)


_NEWLINE: Final = ord("\n")


class Decoded:
    """Elements of an array that were decoded already, as records. Their texts are read if they are asked for."""

    def __init__(self, records: list[Any], by: object, lines: Callable[[], Values]) -> None:
        """`by`: who decoded them, and knows what they are."""
        self._records = records
        self._count = len(records)
        self._by = by
        self._lines = lines

    def __len__(self) -> int:
        return self._count

    def take(self, by: object) -> list[Any]:
        """The records, once, for whom decoded them: they keep the memory that they were read from."""
        if by is not self._by:
            return []
        records, self._records = self._records, []
        return records

    def all_own(self) -> bool:
        """See `Form`."""
        return False

    def texts(self) -> list[bytes]:
        """See `Form`."""
        return self._lines().texts()

    def joined(self) -> bytes:
        """See `Form`."""
        return self._lines().joined()

    def sizes(self) -> None:
        """See `Form`."""

    def decode(self, decoder: Decoder) -> None:
        """See `Form`."""


class Unwritten(msgspec.Struct, frozen=True):
    """Events that somebody knows without having written them as JSON. `known`: how many bytes each would have, with a
    newline; `times`: when they were written, as events say it; `write`: makes the lines if they are asked for.
    """

    events: list[Event]
    known: list[int]
    times: bytes
    write: Callable[[], bytes]

    def __len__(self) -> int:
        return len(self.events)

    def all_own(self) -> bool:
        """See `Form`."""
        return True

    def texts(self) -> list[bytes]:
        """See `Form`."""
        return self.joined().split(b"\n")[:-1]

    def joined(self) -> bytes:
        """See `Form`."""
        return self.write()

    def sizes(self) -> list[int]:
        """See `Form`."""
        return self.known

    def decode(self, decoder: Decoder) -> list[Event]:
        """See `Form`."""
        del decoder
        return self.events
