"""How a file is read that is not JSON lines: a layout cuts it into texts, and steps lead from a text to its event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.literals import Find
from kaudit_setup.auditlog.shapes.documents import Documents
from kaudit_setup.auditlog.shapes.line_kinds import Kind


class Texts(NamedTuple):
    """Texts of a block; `origins`: the line of each, counted from the block's first, which is 0."""

    texts: list[bytes]
    origins: list[int]

    def add(self, text: bytes, origin: int) -> None:
        """One more."""
        self.texts.append(text)
        self.origins.append(origin)

    def extend(self, texts: Sequence[bytes], origins: Sequence[int]) -> None:
        """Several more."""
        self.texts.extend(texts)
        self.origins.extend(origins)

    def in_order(self) -> Texts:
        """The same in the order of their lines."""
        order = sorted(range(len(self.origins)), key=self.origins.__getitem__)
        return Texts([self.texts[at] for at in order], [self.origins[at] for at in order])


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


class Reading(msgspec.Struct, frozen=True):
    """How one file is read. `name`: what its shape is called.

    `depth`: in how many JSON strings the event is, each of which escapes it; None if what is looked for may be
    spelled otherwise, so that only single words of it can be found. `stamp`: what stands before each event's time;
    empty if that is not sure. `splittable`: whether one may begin to read at any line. `documents`: for a stream of
    JSON without line breaks, which is not read by lines.
    """

    name: str
    kind: Kind
    layout: Callable[[], Layout]
    steps: tuple[Step, ...] = ()
    depth: int | None = 0
    stamp: bytes = b'"stageTimestamp":"'
    splittable: bool = False
    documents: Documents | None = None
