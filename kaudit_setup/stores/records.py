"""What a store knows of the files that were packed into it: enough to say what they cover without reading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Annotated

import msgspec

from kaudit_setup.auditlog.clusters.tell_apart import Uids
from kaudit_setup.auditlog.event import Event, ObjectReference, ResponseStatus, UserInfo
from kaudit_setup.auditlog.files import LogFile, latest_begin
from kaudit_setup.auditlog.reports.stats import Count
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.errors import StoreError
from kaudit_setup.stores.schema import UNNAMED, VERSION
from kaudit_setup.values import replace

RECORDS = "batches/"
"""Where an archive keeps its records."""
POD = "kube-apiserver-"
"""Before the name of a node: the name of its API server's static Pod."""
NODE = "system:node:"
"""Before the name of a node: the user that its kubelet is."""
_TEXT_BYTES = 1 << 16  # of a path or a name


class Counted(msgspec.Struct, frozen=True):
    """`stats.Count`, as it is stored."""

    levels: dict[str, int]
    stages: dict[str, int]
    versions: dict[str, int]
    sizes: dict[int, int]
    largest: int
    total: int

    @classmethod
    def of(cls, count: Count) -> Counted:
        """`count`, to be stored."""
        return cls(
            dict(count.levels),
            dict(count.stages),
            dict(count.versions),
            dict(count.sizes),
            count.largest,
            count.total,
        )

    def count(self) -> Count:
        """What was stored."""
        return Count(
            Counter(self.levels),
            Counter(self.stages),
            Counter(self.versions),
            Counter(self.sizes),
            self.largest,
            self.total,
        )


class Source(msgspec.Struct, frozen=True):
    """One file that was packed.

    `text`: the SHA-256 of its text, unpacked; `sha256`: of the file as it lay there. `bytes`: of the text. `after`:
    the text of an earlier source that this one begins with, whose lines are not packed again; `instead`: of one whose
    lines are left out because this one has them whole. `tally` and `count` are of the whole file. `uids`: what tells
    its cluster.
    """

    text: str
    sha256: str
    bytes: int
    head: str
    cluster: str
    node: Annotated[str, msgspec.Meta(max_length=_TEXT_BYTES)]
    path: Annotated[str, msgspec.Meta(max_length=_TEXT_BYTES)]
    size: int
    gzipped: bool
    rotated: str
    written: str
    whole: bool
    """Whether its last line had an end."""
    tally: Tally
    count: Counted
    after: str = ""
    instead: str = ""
    uids: Uids = msgspec.field(default_factory=dict)

    def file(self) -> LogFile:
        """The file as it was found. Its key is the text that it held: two nodes may call theirs alike."""
        return LogFile(
            self.node,
            self.path,
            self.size,
            gzipped=self.gzipped,
            rotated=self.rotated,
            written=self.written,
            copy=self.text,
            cluster="" if self.cluster == UNNAMED else self.cluster,
        )

    def of(self, cluster: str) -> bool:
        """Whether it is of this cluster; of one that nobody named, if that is empty."""
        return self.cluster == (cluster or UNNAMED)

    def touches(self, window: Window) -> bool:
        """Whether some line of it may lie in `window`."""
        first, last = self.tally.first, self.tally.last
        return window.open or not first or (last >= window.since and first <= latest_begin(window))


class Part(msgspec.Struct, frozen=True):
    """Lines of one day: as Parquet, the index of their words, and their counts. `block`: the number of its first
    block; the others follow. `first`, `last`: the moments of its lines, by when their requests were received.
    """

    lines: str
    index: str
    counts: str
    day: str
    rows: int
    bytes: int
    block: int
    first: str
    last: str

    @property
    def objects(self) -> tuple[str, str, str]:
        """The names of all that belongs to it."""
        return self.lines, self.index, self.counts

    def inside(self, window: Window) -> bool:
        """Whether all of its lines are in `window`."""
        return window.open or (window.since <= self.first and self.last <= window.until)


class ServerSeen(msgspec.Struct, frozen=True, array_like=True):
    """Requests of a node's user, `user`, on the Pod of that node's API server: what they have in common."""

    user: str
    groups: tuple[str, ...]
    impersonator: str
    agent: str
    stage: str
    code: int

    def event(self) -> Event:
        """A request like these."""
        sender = UserInfo(self.impersonator or self.user, () if self.impersonator else self.groups)
        return Event(
            self.stage,
            verb="get",
            user=sender,
            impersonated_user=UserInfo(self.user) if self.impersonator else None,
            user_agent=self.agent,
            object_ref=ObjectReference("pods", "kube-system", POD + self.user.removeprefix(NODE)),
            response_status=ResponseStatus(self.code),
        )


class Batch(msgspec.Struct, frozen=True):
    """What one commit brought: it is there as a whole once this record is, and not at all before. All of it is of one
    cluster. `servers`: what kubelets said of API servers; None if only the lines tell.
    """

    id: str
    version: int
    sources: tuple[Source, ...]
    parts: tuple[Part, ...] = ()
    servers: tuple[ServerSeen, ...] | None = None
    check: str = ""
    """The SHA-256 of the record without it; empty in those of earlier versions."""


_BATCH = msgspec.json.Decoder(Batch)


def encode(batch: Batch) -> bytes:
    """`batch` as JSON, with its checksum."""
    return msgspec.json.encode(replace(batch, check=_checksum(batch)))


def _checksum(batch: Batch) -> str:
    return sha256(msgspec.json.encode(replace(batch, check=""))).hexdigest()


def decode(data: bytes, place: str) -> Batch:
    """The batch that `encode` wrote. Raises StoreError; `place` is where it lay."""
    try:
        batch = _BATCH.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _damaged(place, str(error)) from None
    if batch.version != VERSION:
        which = "a later" if batch.version > VERSION else "an earlier"
        raise StoreError(
            f"{place} was written by {which} version of kaudit-setup (layout {batch.version}, known: {VERSION})",
            hint="use that version, or a later one" if batch.version > VERSION else "pack the same logs again",
        )
    if batch.check and batch.check != _checksum(batch):
        raise _damaged(place, "it was changed since it was written")
    return batch


def _damaged(place: str, why: str) -> StoreError:
    return StoreError(f"{place} is damaged: {why}", hint="remove it and pack the same logs again")


def live(batches: Iterable[Batch]) -> dict[str, tuple[str, Source]]:
    """By text: the batch that counts for it, and its source. Of a text that two batches have (two that packed at the
    same time) the first batch counts; one that another has `instead` counts no more.
    """
    found: dict[str, tuple[str, Source]] = {}
    for batch in sorted(batches, key=lambda one: one.id):
        for source in batch.sources:
            found.setdefault(source.text, (batch.id, source))
    for _, source in list(found.values()):
        if source.instead:
            found.pop(source.instead, None)
    return found


def shown(sources: Iterable[Source]) -> dict[str, Source]:
    """By text: the source by whose name its lines are known, which is the longest that begins with it."""
    by_text = {source.text: source for source in sources}
    known: dict[str, Source] = {}
    later: dict[str, Source] = {}
    for source in sorted(by_text.values(), key=lambda one: one.bytes):
        if source.after in by_text:
            later[source.after] = source
    for source in by_text.values():
        last = source
        while last.text in later:
            last = later[last.text]
        known[source.text] = last
    return known


def in_order(sources: Sequence[Source]) -> list[Source]:
    """By cluster and node, oldest first, like the files of a folder."""
    return sorted(sources, key=lambda one: (one.cluster, one.node, one.tally.first or one.written, one.path))
