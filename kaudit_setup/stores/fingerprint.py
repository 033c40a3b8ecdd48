"""Which file is a copy of one that was packed, and which one begins with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.sources.copies import sha256, unpacked
from kaudit_setup.errors import KauditError
from kaudit_setup.stores.records import Source

_HEAD_BYTES = 4096


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
    first = True
    for piece in unpacked(path):
        if first:
            first, head = False, piece[:_HEAD_BYTES]
            marks = _marks(head, packed)
        for at in sorted(mark for mark in marks if size < mark <= size + len(piece)):
            so_far = digest.copy()
            so_far.update(piece[: at - size])
            begun = next((one for one in marks[at] if one.text == so_far.hexdigest()), begun)
        digest.update(piece)
        size += len(piece)
        last = piece[-1:]
    text = digest.hexdigest()
    same = begun if begun is not None and begun.text == text else None
    as_it_is = sha256(path) if file.gzipped else text
    return Fingerprint(text, as_it_is, size, _short(head), last in {b"\n", b""}, same, begun)


def _marks(head: bytes, packed: Iterable[Source]) -> dict[int, list[Source]]:
    """By size: the sources that begin as `head` does, as far as both have so much."""
    marks: dict[int, list[Source]] = {}
    for source in packed:
        if source.head == _short(head[: min(source.bytes, len(head))]):
            marks.setdefault(source.bytes, []).append(source)
    return marks


def _short(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()[:16]
