"""Copies of logs held against one another: which begins with which, packed or not; and when one ends."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from pathlib import Path

from kaudit_setup.auditlog.files import GZIP
from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.reader import Unit, blocks
from kaudit_setup.auditlog.scan_statistics import Tally

_PIECE_BYTES = 1 << 18


def last_moment(path: Path) -> datetime:
    """Of the last event in a log, rounded up to what a name can tell; without any, when the file was written."""
    tally = Tally()
    for _ in blocks(Unit(0, find_logs([str(path)]).files[0]), tally):
        pass
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    try:
        last = datetime.fromisoformat(tally.last) + timedelta(microseconds=999)
    except (ValueError, OverflowError):
        return written
    # a node's clock may be off; what claims to be of another day is something else with the name of a timestamp
    return min(last, written + timedelta(days=1))


def sha256(path: Path) -> str:
    """Of the whole file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def raw(path: Path) -> Iterator[bytes]:
    """The bytes of a file, in pieces of one size but for the last."""
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE_BYTES):
            yield piece


def unpacked(path: Path) -> Iterator[bytes]:
    """The text of a log, in pieces of one size but for the last. What is being fetched has no name yet that tells."""
    with path.open("rb") as stream:
        packed = stream.read(len(GZIP)) == GZIP
    if not packed:
        yield from raw(path)
        return
    with gzip.open(path) as stream:
        while piece := stream.read(_PIECE_BYTES):
            yield piece


def began_as(whole: Path, size: int, sha256: str, *, packed: bool) -> bool:
    """Whether a log, unpacked unless the other one was `packed`, begins with one of that size and SHA-256."""
    digest, left = hashlib.sha256(), size
    try:
        for piece in raw(whole) if packed else unpacked(whole):
            digest.update(piece[:left])
            left -= min(left, len(piece))
            if not left:
                break
    except (OSError, EOFError, zlib.error):
        return False
    return not left and digest.hexdigest() == sha256


def begins_with(whole: Path, part: Path, read: Callable[[Path], Iterator[bytes]] = unpacked) -> bool:
    """Whether the one log, read so, begins with the other; a broken one begins with nothing."""
    left, right = read(whole), read(part)
    try:
        for wanted in right:
            if next(left, b"")[: len(wanted)] != wanted:
                return False
    except (OSError, EOFError, zlib.error):
        return False
    return True


def free(path: Path) -> Path:
    """`path`, or with a number if there is such a file."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(one for one in chain([path], numbered) if not one.exists())
