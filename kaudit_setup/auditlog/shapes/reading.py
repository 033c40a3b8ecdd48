"""How a file is read that is not JSON lines: a layout cuts it into texts, and steps lead from a text to its event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from itertools import compress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, overload, runtime_checkable

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.event import Decoder, Event
from kaudit_setup.auditlog.literals import OWN_ORDER, Find
from kaudit_setup.auditlog.shapes.forms import Decoded, Form, Spans, Strings, Unwritten
from kaudit_setup.auditlog.shapes.recognition.line_kinds import Kind

if TYPE_CHECKING:
    from kaudit_setup.auditlog.shapes.documents import Documents

Origins = list[int] | Callable[[], list[int]] | None
"""Of texts the line of each, counted from the block's first, which is 0; or what tells them when they are asked for,
which they seldom are. None: each line of the block became one text.
"""


class Texts:
    """Texts of a block, and where each is from.

    They are a list, or lines in one of two forms. To make one of the other takes about as long as to decode them, so
    whoever works on them takes the form in which they are, if it can.
    """

    __slots__ = ("_count", "_form", "_lines", "_origins", "_own", "_texts", "begins", "others")

    def __init__(
        self, texts: list[bytes], origins: Origins, others: int = 0, begins: Sequence[int] | None = None
    ) -> None:
        """`others`: how many more events there are that nobody wants. `begins`: at which byte each begins, counted as
        lines are, if that is known.
        """
        self.others = others
        self.begins = begins
        self._texts: list[bytes] | None = texts
        self._origins = origins
        self._form: Form | None = None
        self._lines: bytes | memoryview | None = None
        self._count = 0
        self._own: bool | None = None

    @classmethod
    def of_lines(cls, lines: bytes | memoryview, count: int, origins: Origins = None) -> Texts:
        """Of exactly `count` lines, each ended by a newline. They are copied if they are asked for."""
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
            self._texts = self._form.texts() if self._form is not None else (self.lines or b"").split(b"\n")[:-1]
        return self._texts

    @property
    def strings(self) -> Sequence[bytes | str]:
        """Each of them, as a string if it is one."""
        return self._form.strings if isinstance(self._form, Strings) and self._texts is None else self.texts

    @property
    def form(self) -> Form | None:
        """What they are in; None if they are a list."""
        if self._form is None and self._texts is None:
            self._form = Spans.of(self.lines or b"")
        return self._form if self._texts is None else None

    @property
    def decoded(self) -> Decoded | None:
        """Records that were decoded already, if they are."""
        return self._form if isinstance(self._form, Decoded) and self._texts is None else None

    @property
    def spans(self) -> Spans | None:
        """The bytes that they are in, and where; None if they are a list."""
        form = self.form
        if form is not None and not isinstance(form, Spans):
            lines = self.lines
            form = self._form = None if lines is None else Spans.of(lines)
        return form

    @property
    def _single(self) -> Spans | Strings | None:
        """The form in which single ones are reached; None if they are a list."""
        return self._form if isinstance(self._form, Strings) and self._texts is None else self.spans

    @property
    def lines(self) -> bytes | None:
        """In one piece, if they are one line each and not a list."""
        if self._lines is None and self._form is not None and self._texts is None:
            self._lines = self._form.joined()
            if self._lines is None:
                self._texts = self._form.texts()
        elif isinstance(self._lines, memoryview):
            self._lines = bytes(self._lines)
        return self._lines if self._texts is None else None

    def in_lines(self) -> bytes:
        """In one piece, each with a newline."""
        return self.lines or b"".join([text + b"\n" for text in self.texts])

    @property
    def encoded(self) -> bytes | memoryview:
        """All of them with a newline behind each, to be decoded at once."""
        return self._lines if isinstance(self._lines, memoryview) and self._texts is None else self.in_lines()

    def decode(self, decoder: Decoder | None) -> list[Event] | None:
        """Of events of kube-apiserver what is decoded of each, if they need not be in one piece for it."""
        return self._form.decode(decoder) if decoder and self.own and self._form is not None else None

    @property
    def sizes(self) -> list[int] | None:
        """How many bytes each has, with a newline, if that is known."""
        return self._form.sizes() if self._form is not None and self._texts is None else None

    @property
    def times(self) -> bytes:
        """When they were written, as events say it, where that is known without them."""
        return self._form.times if isinstance(self._form, Unwritten) else b""

    @property
    def few(self) -> list[bytes]:
        """Some of them, the first and the last among them; none if all are in one piece."""
        if not isinstance(self._form, Strings | Spans) or self._lines is not None or not self.count:
            return []
        return [self._form.text((self.count - 1) * part // _FEW) for part in range(_FEW + 1)]

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
        """Which of them do not begin and end so, or are several lines."""
        form = self._single
        if form is not None:
            return form.otherwise()
        return [
            at
            for at, text in enumerate(self.texts)
            if not text.startswith(OWN_ORDER) or not text.endswith(b"}") or b"\n" in text
        ]

    @property
    def places(self) -> Sequence[int] | None:
        """As `origins`, told when they are asked for; None if each line of the block became one text."""
        return None if self._origins is None else self._origins if isinstance(self._origins, list) else _Later(self)

    def __getitem__(self, index: int) -> bytes:
        """One of them."""
        return self.some([index])[0]

    def some(self, indexes: Sequence[int]) -> list[bytes]:
        """Those with these indexes."""
        form = self._single
        return list(map(self.texts.__getitem__ if form is None else form.text, indexes))

    def behind(self, lines: int, size: int) -> Texts:
        """The same, so many lines further on, and bytes."""
        made = copy(self)
        made._origins = lambda: [origin + lines for origin in self.origins]
        made.begins = None if self.begins is None else [begin + size for begin in self.begins]
        return made if size else self

    def become(self, texts: list[bytes]) -> Texts:
        """What each of them was made into."""
        return Texts(texts, self._origins, begins=self.begins)

    def become_lines(self, lines: bytes) -> Texts | None:
        """The same in one piece; None if they are not as many lines as they were."""
        made = Texts.of_lines(lines, self.count, self._origins)
        return made if made.spans and len(made.spans.ends) == self.count else None

    def become_form(self, form: Form) -> Texts:
        """What each of them was made into."""
        made = Texts.of(form, self._origins)
        made.begins = self.begins
        return made

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
        form = self._single
        if form is not None:
            return Texts.of(form.those(kept), lambda: list(compress(self.origins, kept)))
        return Texts(list(compress(self.texts, kept)), list(compress(self.origins, kept)))

    def in_order(self) -> Texts:
        """The same in the order of their lines."""
        order = sorted(range(self.count), key=self.origins.__getitem__)
        return Texts([self.texts[at] for at in order], [self.origins[at] for at in order])


_FEW: Final = 4


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


@runtime_checkable
class Lister(Protocol):
    """Reads elements of an array as records."""

    def listed(self, array: bytes | memoryview, /) -> list[Any]:
        """Raises one of `events.REFUSED` if they cannot be read so."""
        ...


@runtime_checkable
class Projecting(Protocol):
    """A step that makes events of records that are none."""

    def projected(self, decoder: Decoder, /) -> Step | None:
        """The same step for who decodes all events with `decoder`, if it can tell what that gives without writing
        them.
        """
        ...


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
    beginning, -1 if nowhere; None where no window tells it, so that the file is read from its own beginning.
    `seeming`: whether one may only seem to begin there: who reads up to it knows, if nothing goes on. `signs`: of
    records that become events, what stands once in each that is whole; none if that is not known. `tell`: of lines
    that become events, what their bytes tell. `documents`: for a stream of JSON without line breaks, which is not
    read by lines.
    """

    name: str
    kind: Kind
    layout: Callable[[], Layout]
    steps: tuple[Step, ...] = ()
    depth: int | None = 0
    stamp: bytes = b'"stageTimestamp":"'
    border: Callable[[bytes], int] | None = None
    seeming: bool = False
    signs: tuple[bytes, ...] = ()
    tell: Tell | None = None
    documents: Documents | None = None
