"""How a file is read that is not JSON lines: a layout cuts it into texts, and steps lead from a text to its event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from functools import cache
from io import BytesIO
from itertools import compress, repeat
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, Protocol, overload

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.literals import OWN_ORDER, Find, finders
from kaudit_setup.auditlog.shapes.line_kinds import Kind

if TYPE_CHECKING:
    from kaudit_setup.auditlog.shapes.documents import Documents

Origins = list[int] | Callable[[], list[int]] | None
"""Of texts the line of each, counted from the block's first, which is 0; or what tells them when they are asked for,
which they seldom are. None: each line of the block became one text.
"""


@cache
def _newlines() -> Find:
    return finders([b"\n"])[0]


def count_lines(data: bytes | bytearray, size: int | None = None) -> int:
    """How many lines end in `data[:size]`: long lines in half the time that `count` takes."""
    end = len(data) if size is None else size
    look = min(end, _LOOK_BYTES)
    if data.count(b"\n", 0, look) * _SHORT_LINE > look:
        return data.count(b"\n", 0, end)
    return len(_newlines()(memoryview(data)[:end]))


_SHORT_LINE: Final = 200  # bytes
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

    def joined(self) -> bytes:
        """All of them in one piece, each with a newline."""
        ...

    def sizes(self, joined: bytes) -> list[int]:
        """How many bytes each has, with a newline. `joined`: all of them in one piece."""
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
        found = _newlines()(memoryview(lines))
        starts = [0, *(behind for _, _, behind in found)]
        starts.pop()
        return cls(lines, starts, [at for _, at, _ in found], whole=True)

    def __len__(self) -> int:
        return len(self.ends)

    def begin_at(self, starts: list[int]) -> Spans:
        """The same lines from these places on."""
        return Spans(self.data, starts, self.ends)

    def sizes(self, joined: bytes) -> list[int]:
        """See `Form`."""
        del joined
        return [end - start + 1 for start, end in zip(self.starts, self.ends, strict=True)]

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
        if b"".join(self.heads(len(OWN_ORDER))) != OWN_ORDER * count:
            return False
        return bytes([data[end - 1] for end in self.ends]) == b"}" * count

    def otherwise(self) -> list[int]:
        """Which of them do not."""
        data, pairs = self.data, zip(self.heads(len(OWN_ORDER)), self.ends, strict=True)
        return [at for at, (head, end) in enumerate(pairs) if head != OWN_ORDER or data[end - 1] != _BRACE]

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


_BRACE: Final = ord("}")


class Strings(msgspec.Struct, frozen=True):
    """Lines that were in JSON strings: each is a string, and each of them has its newline, or none has."""

    strings: list[str]
    end: str

    @classmethod
    def of(cls, strings: list[str]) -> Strings | None:
        """None if some of them are not one line each, or are empty. Raises TypeError if one is no string."""
        count, found = len(strings), sum(map(str.find, strings, repeat("\n")))
        if not all(strings):
            return None
        # -1 where there is none, and at most the place of the last letter
        if found == -count:
            return cls(strings, "")
        return cls(strings, "\n") if found == sum(map(len, strings)) - count else None

    def __len__(self) -> int:
        return len(self.strings)

    def all_own(self) -> bool:
        """See `Form`."""
        begin, end = OWN_ORDER.decode(), "}" + self.end
        size, last = len(begin), -len(end)
        return {one[:size] for one in self.strings} == {begin} and {one[last:] for one in self.strings} == {end}

    def texts(self) -> list[bytes]:
        """See `Form`."""
        return self.joined().split(b"\n")[:-1]

    def joined(self) -> bytes:
        """See `Form`."""
        strings, between = (self.strings, "") if self.end else ([*self.strings, ""], "\n")
        joined = between.join(strings)
        # of many strings one with a wide letter makes all of them wide
        return joined.encode() if joined.isascii() else between.encode().join(map(str.encode, strings))

    def sizes(self, joined: bytes) -> list[int]:
        """See `Form`."""
        if not joined.isascii():
            return list(map(len, BytesIO(joined)))
        more = 1 - len(self.end)
        return [len(one) + more for one in self.strings]


class Values(msgspec.Struct, frozen=True):
    """Lines that were JSON values."""

    lines: bytes
    known: list[int]

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
        lines = self.lines
        own = lines.startswith(OWN_ORDER) and lines.endswith(b"}\n")
        return own and lines.count(b"}\n" + OWN_ORDER) == len(self.known) - 1

    def texts(self) -> list[bytes]:
        """See `Form`."""
        return self.lines.split(b"\n")[:-1]

    def joined(self) -> bytes:
        """See `Form`."""
        return self.lines

    def sizes(self, joined: bytes) -> list[int]:
        """See `Form`."""
        del joined
        return self.known


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

    def sizes(self, joined: bytes) -> list[int]:
        """See `Form`."""
        return list(map(len, BytesIO(joined)))


class Texts:
    """Texts of a block, and where each is from.

    They are a list, or lines in one of two forms. To make one of the other takes about as long as to decode them, so
    whoever works on them takes the form in which they are, if it can.
    """

    __slots__ = ("_count", "_form", "_lines", "_origins", "_own", "_texts", "others")

    def __init__(self, texts: list[bytes], origins: Origins, others: int = 0) -> None:
        """`others`: how many more events there are that nobody wants."""
        self.others = others
        self._texts: list[bytes] | None = texts
        self._origins = origins
        self._form: Form | None = None
        self._lines: bytes | None = None
        self._count = 0
        self._own: bool | None = None

    @classmethod
    def of_lines(cls, lines: bytes, count: int, origins: Origins = None) -> Texts:
        """Of exactly `count` lines, each ended by a newline."""
        made = cls([], origins)
        made._texts, made._lines, made._count = None, lines, count
        return made

    @classmethod
    def of(cls, form: Form, origins: Origins = None) -> Texts:
        """Of what is lines, one for each of them."""
        made = cls([], origins)
        made._texts, made._form, made._count = None, form, len(form)
        return made

    @property
    def count(self) -> int:
        """How many they are."""
        return self._count if self._texts is None else len(self._texts)

    @property
    def texts(self) -> list[bytes]:
        """As a list."""
        if self._texts is None:
            self._texts = self._form.texts() if self._form is not None else (self._lines or b"").split(b"\n")[:-1]
        return self._texts

    @property
    def strings(self) -> Sequence[bytes | str]:
        """Each of them, as a string if it is one."""
        form = self.form
        return form.strings if isinstance(form, Strings) and not form.end else self.texts

    @property
    def form(self) -> Form | None:
        """What they are in; None if they are a list."""
        if self._form is None and self._texts is None:
            self._form = Spans.of(self._lines or b"")
        return self._form if self._texts is None else None

    @property
    def spans(self) -> Spans | None:
        """The bytes that they are in, and where; None if they are a list."""
        form = self.form
        if form is not None and not isinstance(form, Spans):
            form = self._form = Spans.of(self.lines or b"")
        return form

    @property
    def lines(self) -> bytes | None:
        """In one piece, if they are lines already."""
        if self._lines is None and self._form is not None and self._texts is None:
            self._lines = self._form.joined()
        return self._lines if self._texts is None else None

    @property
    def sizes(self) -> list[int] | None:
        """How many bytes each has, with a newline, if they are lines."""
        form, lines = self.form, self.lines
        return None if form is None or lines is None else form.sizes(lines)

    @property
    def origins(self) -> list[int]:
        """The line of each."""
        if not isinstance(self._origins, list):
            self._origins = list(range(self.count)) if self._origins is None else self._origins()
        return self._origins

    @property
    def one_each(self) -> bool:
        """Whether each line of the block became one text."""
        return self._origins is None

    @property
    def own(self) -> bool:
        """Whether each begins and ends like an event of kube-apiserver, and they are lines."""
        if self._own is None:
            self._own = self.form is not None and self.count > 0 and self.form.all_own()
        return self._own

    def otherwise(self) -> list[int]:
        """Which of them do not begin and end so."""
        if self.spans is not None:
            return self.spans.otherwise()
        pairs = enumerate(self.texts)
        return [at for at, text in pairs if not text.startswith(OWN_ORDER) or not text.endswith(b"}")]

    @property
    def places(self) -> Sequence[int] | None:
        """As `origins`, told when they are asked for; None if each line of the block became one text."""
        return None if self._origins is None else self._origins if isinstance(self._origins, list) else _Later(self)

    def __getitem__(self, index: int) -> bytes:
        """One of them."""
        spans = self.spans
        return self.texts[index] if spans is None else spans.data[spans.starts[index] : spans.ends[index]]

    def behind(self, lines: int) -> Texts:
        """The same, so many lines further on."""
        made = copy(self)
        made._origins = lambda: [origin + lines for origin in self.origins]
        return made if lines else self

    def become(self, texts: list[bytes]) -> Texts:
        """What each of them was made into."""
        return Texts(texts, self._origins)

    def become_lines(self, lines: bytes) -> Texts | None:
        """The same in one piece; None if they are not as many lines as they were."""
        made = Texts.of_lines(lines, self.count, self._origins)
        return made if made.spans and len(made.spans.ends) == self.count else None

    def become_form(self, form: Form) -> Texts:
        """What each of them was made into."""
        return Texts.of(form, self._origins)

    def add(self, text: bytes, origin: int) -> None:
        """One more."""
        self.texts.append(text)
        self.origins.append(origin)

    def extend(self, texts: Sequence[bytes], origins: Sequence[int]) -> None:
        """Several more."""
        self.texts.extend(texts)
        self.origins.extend(origins)

    def without(self, gone: Iterable[int]) -> Texts:
        """All but those with these indexes."""
        kept = bytearray(b"\1") * self.count
        for at in gone:
            kept[at] = 0
        spans = self.spans
        if spans is not None:
            return Texts.of(spans.those(kept), lambda: list(compress(self.origins, kept)))
        return Texts(list(compress(self.texts, kept)), list(compress(self.origins, kept)))

    def in_order(self) -> Texts:
        """The same in the order of their lines."""
        order = sorted(range(self.count), key=self.origins.__getitem__)
        return Texts([self.texts[at] for at in order], [self.origins[at] for at in order])


class _Later(Sequence[int]):
    """The origins of texts."""

    def __init__(self, found: Texts) -> None:
        self._found = found

    def __len__(self) -> int:
        return self._found.count

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return self._found.origins[index]


class Layout(Protocol):
    """Cuts blocks into texts; it may remember what goes on in the next block, so each reader has one of its own."""

    @property
    def busy(self) -> bool:
        """Whether some text goes on in what comes."""
        ...

    def separate(self, block: Block) -> bool:
        """Whether each text of `block` is in a line of its own, so that what is in a text is found in its line."""
        ...

    def cut(self, block: Block, wanted: Sequence[Find] | None) -> Texts:
        """The texts that begin in `block`. With `wanted`, which separate lines may have: at least those in which one
        of them finds something.
        """
        ...

    def rest(self) -> Texts:
        """What is left behind the last block, counted from the line behind it."""
        ...


class Step(Protocol):
    """What is in each text; a text in which it is not found stays as it is."""

    def __call__(self, found: Texts, /) -> Texts: ...


class Told(NamedTuple):
    """What the bytes of a block of lines tell. `odd`: the lines that are not surely one event each, or may spell
    words otherwise than their events do, as a `Find` gives them. `times`: when all were written, as events say it.
    """

    odd: list[tuple[int, int, int]]
    times: bytes


class Tell(Protocol):
    """Tells it. `controls`: whether lines are odd that have control characters."""

    def __call__(self, block: Block, /, *, controls: bool) -> Told: ...


class Reading(msgspec.Struct, frozen=True):
    """How one file is read. `name`: what its shape is called.

    `depth`: in how many JSON strings the event is, each of which escapes it; None if what is looked for may be
    spelled otherwise, so that only single words of it can be found. `stamp`: what stands before each event's time;
    empty if that is not sure. `border`: where one may begin to read in a window of whole lines, counted from its
    beginning, -1 if nowhere; None where no window tells it. `borders`: tells the same of a whole file, from its
    beginning; a file with neither is read from its own beginning. `signs`: of records that become
    events, what stands once in each that is whole; none if that is not known. `tell`: of lines that become events,
    what their bytes tell. `documents`: for a stream of JSON without line breaks, which is not read by lines.
    """

    name: str
    kind: Kind
    layout: Callable[[], Layout]
    steps: tuple[Step, ...] = ()
    depth: int | None = 0
    stamp: bytes = b'"stageTimestamp":"'
    border: Callable[[bytes], int] | None = None
    borders: Callable[[BinaryIO, Iterable[int]], list[int]] | None = None
    signs: tuple[bytes, ...] = ()
    tell: Tell | None = None
    documents: Documents | None = None
