"""The logs in archives, each copied into a private folder while it is asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import FileIO
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import msgspec

from kaudit_setup.auditlog.archives.member import BrokenArchiveError, Contents, Member
from kaudit_setup.auditlog.archives.names import ZIP_MAGICS
from kaudit_setup.auditlog.file_names import is_archive_name
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.meter import Length, Meter, metered
from kaudit_setup.auditlog.unpacking.compression import Unpacked
from kaudit_setup.errors import KauditError
from kaudit_setup.temporary import LazyFolder

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_LOOK_BYTES: Final = 1 << 18
_PIECE_BYTES: Final = 1 << 16
_MAGIC_BYTES: Final = 4
_MOST_FILES: Final = 100_000
_MOST_SAID: Final = 20
_MOST_GROWTH: Final = 500
_HARMLESS_BYTES: Final = 64 << 20
_MORE: Final = f"it has more than {_MOST_FILES} files"
_BOMB: Final = f"it grows more than {_MOST_GROWTH} times when it is unpacked"


class Copied(msgspec.Struct, frozen=True):
    """A log of an archive. `name`: its path there; `copy`: where its bytes are now. `lost`: why its end is missing;
    empty if it is not.
    """

    name: str
    mtime: float
    copy: str
    lost: str = ""


class Unpacking(msgspec.Struct, frozen=True):
    """What was found in an archive: its logs; and a sentence for each file that looks like one and cannot be read,
    and for what is wrong with the archive.
    """

    logs: tuple[Copied, ...]
    left_out: tuple[str, ...] = ()


class ExtractionFolder:
    """Where the logs of archives are kept; an archive that is named twice is unpacked once."""

    def __init__(self) -> None:
        self._folder = LazyFolder()
        self._known: dict[tuple[int, int], Unpacking] = {}

    def close(self) -> None:
        """Throw away what is in it."""
        self._folder.close()

    def unpack(self, path: str, wanted: Callable[[str, bytes], bool]) -> Unpacking:
        """The logs in the archive at `path`: the files for which, by name and beginning, `wanted` says so.

        Raises OSError if the archive cannot be read, KauditError if a copy cannot be made.
        """
        info = Path(path).stat()
        inode = (info.st_dev, info.st_ino)
        if inode not in self._known:
            self._known[inode] = self._unpack(path, max(_HARMLESS_BYTES, info.st_size * _MOST_GROWTH), wanted)
        return self._known[inode]

    def _unpack(self, path: str, room: int, wanted: Callable[[str, bytes], bool]) -> Unpacking:
        logs: list[Copied] = []
        said: list[str] = []
        tally = Tally()
        why = ""
        try:
            found = _members(path, tally)
            for member in islice(found, _MOST_FILES):
                copied = self._copied(path, member, wanted, room)
                if isinstance(copied, Copied):
                    logs.append(copied)
                    room -= Path(copied.copy).stat().st_size
                elif copied:
                    said.append(copied)
            why = _MORE if next(found, None) else ""
        except BrokenArchiveError as error:
            why = str(error)
        if why := next(iter(tally.notes), why):
            said.append(f"{path} is not read to its end: {why}")
            logs[-1:] = [msgspec.structs.replace(log, lost=log.lost or why) for log in logs[-1:]]
        more = [f"and {len(said) - _MOST_SAID} more in {path} are left out"] if len(said) > _MOST_SAID else []
        return Unpacking(tuple(logs), (*said[:_MOST_SAID], *more))

    def _copied(self, path: str, member: Member, wanted: Callable[[str, bytes], bool], room: int) -> Copied | str:
        """A copy of a file that is wanted, of at most `room` bytes; a sentence if it cannot be read, empty if it is
        not wanted. Raises KauditError.
        """
        name = PurePosixPath(member.name).name
        if is_archive_name(name):
            return f"{path}:{member.name} is left out: it is an archive in an archive; unpack it"
        if member.why_not:
            return f"{path}:{member.name} is left out: {member.why_not}" if wanted(name, b"") else ""
        try:
            contents = member.open()
            head = _up_to(contents, _LOOK_BYTES)
        except BrokenArchiveError as error:
            return f"{path}:{member.name} is left out: {error}" if wanted(name, b"") else ""
        if not wanted(name, head):
            return ""
        try:
            copy = self._folder.new_place()
            lost = _copy(head, contents, copy, room)
        except OSError as error:
            raise KauditError(
                f"{path}:{member.name} cannot be kept here, to be searched: {error.strerror or error}",
                hint="make room there, or name another place for it with TMPDIR",
            ) from error
        return Copied(member.name, member.mtime, str(copy), lost)


def _members(path: str, tally: Tally) -> Iterator[Member]:
    # most questions are not about archives
    from kaudit_setup.auditlog.archives import tarred, zipped

    with metered([Length(path, Path(path).stat().st_size)]) as meter, _Watched(path, meter) as stream:
        is_zip = stream.read(_MAGIC_BYTES).startswith(ZIP_MAGICS)
        stream.seek(0)
        # the libraries of both take as long to load as a small log to read
        if is_zip:
            from kaudit_setup.auditlog.archives import zipped

            yield from zipped.members(stream)
        else:
            from kaudit_setup.auditlog.archives import tarred

            yield from tarred.members(Unpacked(cast(BinaryIO, stream), tally))


class _Watched(FileIO):
    """A file whose reading whoever watches can follow."""

    def __init__(self, path: str, meter: Meter | None) -> None:
        super().__init__(path)
        self._meter = meter

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size) or b""
        self._tick()
        return data

    def readinto(self, into: WriteableBuffer, /) -> int:
        got = super().readinto(into) or 0
        self._tick()
        return got

    def _tick(self) -> None:
        if self._meter is not None:
            self._meter.read(0, self.tell())


def _up_to(contents: Contents, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := contents.read(size - len(data))):
        data += part
    return data


def _copy(head: bytes, contents: Contents, copy: Path, room: int) -> str:
    """Why it is not whole; empty if it is. Raises OSError."""
    copy.touch(mode=0o600)
    with copy.open("wb") as out:
        out.write(head)
        room -= len(head)
        try:
            while room > 0 and (piece := contents.read(_PIECE_BYTES)):
                out.write(piece)
                room -= len(piece)
        except BrokenArchiveError as error:
            return str(error)
    return "" if room > 0 else _BOMB
