"""The files in a tar archive, one after the other, as a stream: POSIX (pax), GNU and old tar.

Sources: POSIX pax, "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from functools import partial
from typing import Final

from kaudit_setup.auditlog.archives.member import BrokenArchiveError, Member
from kaudit_setup.auditlog.unpacking.encodings import Source

BLOCK: Final = tarfile.BLOCKSIZE
_MOST_HEADER_BYTES: Final = 1 << 20  # of a long name and the like
_SKIP_BYTES: Final = 1 << 18
_CUT: Final = "the archive is cut short"
_SPARSE: Final = "it is kept with holes (a sparse file)"
_LINK: Final = "it is a link"
# of a pax header: the length of the record, a blank, the key, and what it is
_RECORD: Final = re.compile(rb"(\d{1,20}) ([^=\n]+)=")


def is_tar(head: bytes) -> bool:
    """Whether something that begins so is a tar archive: the sum in its first header is right."""
    return len(head) >= BLOCK and head[0] != 0 and _header(head[:BLOCK]) is not None


def members(source: Source) -> Iterator[Member]:
    """The files in the archive. Raises BrokenArchiveError."""
    said: dict[str, str] = {}
    while (block := _exactly(source, BLOCK)).strip(b"\0"):
        header = _header(block)
        if header is None or header.size < 0:
            raise BrokenArchiveError("the archive is damaged")
        if header.type in _ABOUT_THE_NEXT:
            said |= _about_the_next(header.type, _bounded(source, header.size))
        elif header.type == tarfile.XGLTYPE:
            _bounded(source, header.size)
        else:
            body = _Body(source, _size(said, header))
            if not header.isdir():
                name = said.get("path", header.name)
                yield Member(name, header.mtime, partial(_opened, body), _why_not(header, said))
            body.skip()
            said = {}


_PAX: Final = frozenset({tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE})
_ABOUT_THE_NEXT: Final = _PAX | {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}


def _header(block: bytes) -> tarfile.TarInfo | None:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return None


def _about_the_next(kind: bytes, data: bytes) -> dict[str, str]:
    """What a header says of the file that follows: by the keys of pax."""
    if kind == tarfile.GNUTYPE_LONGNAME:
        return {"path": data.partition(b"\0")[0].decode("utf-8", "surrogateescape")}
    found: dict[str, str] = {}
    at = 0
    while kind in _PAX and (record := _RECORD.match(data, at)):
        end = at + int(record[1])
        value = data[record.end() : end - 1]
        found[record[2].decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        if end <= record.end():
            break
        at = end
    return found


def _size(said: dict[str, str], header: tarfile.TarInfo) -> int:
    if header.type in {tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE}:
        return 0
    size = said.get("size", "")
    return int(size) if size.isdecimal() and len(size) < 20 else header.size


def _why_not(header: tarfile.TarInfo, said: dict[str, str]) -> str:
    if header.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse.") for key in said):
        return _SPARSE
    if header.issym() or header.islnk():
        return _LINK
    return "" if header.isreg() else "it is not a file"


class _Body:
    """The bytes of one file, and what fills its last block."""

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._left = size
        self._padding = -size % BLOCK
        self._cut = False

    def read(self, size: int, /) -> bytes:
        """See `Contents`."""
        if not self._left or self._cut:
            return b""
        data = self._source.read(min(size, self._left)) or b""
        if not data:
            self._cut = True
            raise BrokenArchiveError(_CUT)
        self._left -= len(data)
        return data

    def skip(self) -> None:
        """Go on behind it. Raises BrokenArchiveError."""
        while self.read(_SKIP_BYTES):
            pass
        if self._cut:
            raise BrokenArchiveError(_CUT)
        _up_to(self._source, self._padding)


def _opened(body: _Body) -> _Body:
    return body


def _bounded(source: Source, size: int) -> bytes:
    if size > _MOST_HEADER_BYTES:
        raise BrokenArchiveError("the archive has a name that is longer than 1 MiB")
    data = _exactly(source, size)
    _up_to(source, -size % BLOCK)
    return data


def _exactly(source: Source, size: int) -> bytes:
    """So many bytes. Raises BrokenArchiveError; an archive ends with blocks of NUL bytes, never before them."""
    data = _up_to(source, size)
    if len(data) < size:
        raise BrokenArchiveError(_CUT)
    return data


def _up_to(source: Source, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := source.read(size - len(data))):
        data += part
    return data
