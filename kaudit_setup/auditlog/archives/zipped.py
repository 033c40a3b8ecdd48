"""The files in a zip archive."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from io import BufferedReader, RawIOBase
from lzma import LZMAError
from typing import IO, Final

from kaudit_setup.auditlog.archives.member import BrokenArchiveError, Contents, Member

_MOST_LISTED_BYTES: Final = 64 << 20  # of the list of files, which is read at once
_ERRORS: Final = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, ValueError)
_ENCRYPTED: Final = 1
_LOCKED: Final = "it is encrypted"


def members(stream: RawIOBase) -> Iterator[Member]:
    """The files in the archive. Raises BrokenArchiveError."""
    try:
        with _Careful(stream) as careful, zipfile.ZipFile(careful) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    why_not = _LOCKED if info.flag_bits & _ENCRYPTED else ""
                    yield Member(info.filename, _mtime(info), partial(_open, archive, info), why_not)
    except _ERRORS as error:
        raise BrokenArchiveError(f"the archive is damaged: {error}") from error


class _Careful(BufferedReader):
    """A file of which nobody reads more at once than a list of files takes."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MOST_LISTED_BYTES:
            raise zipfile.BadZipFile("its list of files is longer than 64 MiB")
        return super().read(_MOST_LISTED_BYTES if size is None or size < 0 else size)


def _mtime(info: zipfile.ZipInfo) -> float:
    """In local time of whoever made it, which nobody knows: as UTC."""
    try:
        return datetime(*info.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _open(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Contents:
    try:
        return _Opened(archive.open(info))
    except (*_ERRORS, NotImplementedError, RuntimeError) as error:
        raise BrokenArchiveError(str(error)) from error


class _Opened:
    """See `Contents`."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        try:
            return self._stream.read(size)
        except _ERRORS as error:
            raise BrokenArchiveError(str(error) or "it is cut short") from error
