"""What a store of audit logs can be asked, and what a place for an archive can do.

A new store is an adapter of `Store`; `logs.StoreLogs` makes of it what `who`, `events`, `top`, `stats` and `estimate`
ask. It may give too many lines, never too few: who asks looks at each line again. Counting is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from kaudit_setup.auditlog.event import Event
from kaudit_setup.auditlog.filters import AnyOf, Filter
from kaudit_setup.auditlog.literals import Sought
from kaudit_setup.auditlog.reports.estimate import Weight
from kaudit_setup.auditlog.reports.request_classes import Classifier, RequestClass
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.stores.records import Source


class StoredLine(NamedTuple):
    """A line: the text that it is of (`Source.text`), its number there, and its bytes."""

    source: str
    line: int
    raw: bytes


class Group(NamedTuple):
    """Events that have one value in each dimension: how many, and the bytes of their lines."""

    key: tuple[str, ...]
    events: int
    size: int


class Store(Protocol):
    """Where lines are kept and searched. Every method raises StoreError if it does not answer, or answers half."""

    @property
    def name(self) -> str:
        """As people call it; without any credentials."""
        ...

    def sources(self) -> Sequence[Source]:
        """The files that were packed into it, in the order of `records.in_order`."""
        ...

    def servers(self, cluster: str) -> Sequence[Event] | None:
        """For each node of a cluster on which an API server ran, requests as its kubelet sent them about it (without
        their moments); None if only the lines tell.
        """
        ...

    def find(self, sought: Sequence[Sought], window: Window, about: AnyOf | None = None) -> Iterator[StoredLine]:
        """The lines that hold one of `sought` (none: every line) and may lie in `window`, in the order of `sources`
        and of their lines. What `about` does not take may be left out, if it is an event.
        """
        ...

    def stream(self, wanted: Filter) -> Iterator[StoredLine]:
        """The lines of the events that fit `wanted`, in the same order."""
        ...

    def count(self, by: Sequence[str], wanted: Filter) -> Iterator[Group]:
        """The events that fit `wanted`, by the dimensions `by`; each group comes once."""
        ...

    def weigh(self, classifier: Classifier, wanted: Filter) -> Iterator[tuple[RequestClass, Weight]]:
        """The events that fit `wanted`, by all that some policies can tell apart; a class may come more than once."""
        ...


class Place(Protocol):
    """Where an archive lies: a folder, or a prefix in a bucket. Names are like relative paths, `/` between them."""

    @property
    def name(self) -> str:
        """As people call it; without any credentials."""
        ...

    def names(self, below: str) -> list[str]:
        """The objects whose names begin with `below`, a name that ends with `/`."""
        ...

    def read(self, name: str) -> bytes:
        """A whole object. Raises StoreError."""
        ...

    def open(self, name: str) -> BinaryIO:
        """An object to be read here and there, as its reader seeks. Raises StoreError if it is not there."""
        ...

    def put(self, name: str, file: Path) -> None:
        """Move `file` there: the object is there as a whole or not at all. Raises StoreError."""
        ...

    def remove(self, name: str) -> None:
        """Remove an object; none is fine, too."""
        ...

    def table(self, names: Sequence[str], structure: str) -> str:
        """A table function of ClickHouse over objects of Parquet, without any credentials in it."""
        ...


class Engine(Protocol):
    """What runs ClickHouse's SQL."""

    def query(self, sql: str) -> Iterator[bytes]:
        """The answer in the format TabSeparated, in pieces that may end anywhere. Raises StoreError."""
        ...
