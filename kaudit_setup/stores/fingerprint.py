"""Which file is a copy of one that was packed, and which one begins with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.meter import Length, metered
from kaudit_setup.auditlog.sources.copies import sha256
from kaudit_setup.auditlog.unpacking.compression import Unpacked
from kaudit_setup.errors import KauditError
from kaudit_setup.stores.records import Source

_HEAD_BYTES = 4096
_PIECE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Of one file. `text`: the SHA-256 of its text, unpacked, of so many `bytes`, which begins as `head` says;
    `sha256`: of the file as it lies there. `known`: a packed source with this text, or one that begins with it;
    `begun`: the longest packed source that this one begins with.
    """

    text: str
    sha256: str
    bytes: int
    head: str
    whole: bool
    known: Source | None = None
    begun: Source | None = None


def fingerprint(file: LogFile, packed: Iterable[Source]) -> Fingerprint:
    """Read the whole of `file`. `packed`: the sources that are there already. Raises KauditError."""
    path = Path(file.copy or file.path)
    try:
        return _fingerprint(path, file, packed)
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or error
        raise KauditError(f"{file.path} cannot be packed: {why}", hint="is it still there, and whole?") from error


def _fingerprint(path: Path, file: LogFile, packed: Iterable[Source]) -> Fingerprint:
    digest, size, head, last = hashlib.sha256(), 0, b"", b""
    marks: dict[int, list[Source]] = {}
    begun: Source | None = None
    text = _Text(path, file)
    for piece in text:
        if not size:
            head = piece[:_HEAD_BYTES]
            marks = _marks(head, packed)
        for at in sorted(mark for mark in marks if size < mark <= size + len(piece)):
            so_far = digest.copy()
            so_far.update(piece[: at - size])
            begun = next((one for one in marks[at] if one.text == so_far.hexdigest()), begun)
        digest.update(piece)
        size += len(piece)
        last = piece[-1:]
    found = digest.hexdigest()
    same = begun if begun is not None and begun.text == found else None
    as_it_is = sha256(path) if text.packed else found
    return Fingerprint(found, as_it_is, size, _short(head), last in {b"\n", b""}, same, begun)


class _Text:
    """The text of a file in pieces, the first of at least _HEAD_BYTES if there are so many: unpacked as the readers
    of logs unpack it, whatever its name says, so that a log is the same one in every compression.
    """

    def __init__(self, path: Path, file: LogFile) -> None:
        self._path = path
        self._length = Length(file.key, path.stat().st_size)
        self.packed = False
        """Whether it was compressed; known once it was read."""

    def __iter__(self) -> Iterator[bytes]:
        """Raises OSError, also for a file that ends in the midst of its compression: the rest may still come."""
        tally = Tally()
        with self._path.open("rb", buffering=0) as stream, metered([self._length]) as meter:
            unpacked = Unpacked(cast(BinaryIO, stream), tally)
            self.packed = unpacked.packed
            unpacked.peek(_HEAD_BYTES)
            while piece := unpacked.read(_PIECE_BYTES):
                if meter is not None:
                    meter.read(0, stream.tell())
                yield piece
        if tally.losses:
            raise EOFError(tally.losses[0].what)


def _marks(head: bytes, packed: Iterable[Source]) -> dict[int, list[Source]]:
    """By size: the sources that begin as `head` does, as far as both have so much."""
    marks: dict[int, list[Source]] = {}
    for source in packed:
        if source.head == _short(head[: min(source.bytes, len(head))]):
            marks.setdefault(source.bytes, []).append(source)
    return marks


def _short(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()[:16]
