"""How far the files of one log were read, and what is to be read next. Pure.

kube-apiserver rotates by renaming its file (lumberjack): the inode stays, the name changes, and with
--audit-log-compress the renamed file is packed into another one, and removed once that is complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from kaudit_setup.auditlog.files import LogFile

Inode = tuple[int, int]
_PACKED = ".gz"


class Stretch(msgspec.Struct, frozen=True):
    """What to read of one file: from byte `begin` to `end`; of a packed one all but the first `begin` bytes that it
    unpacks to (`end` is its size as it is).
    """

    file: LogFile
    begin: int
    end: int


class Known(msgspec.Struct, frozen=True):
    """A file as it was last seen, and how many of its bytes were read (a packed one is read as a whole)."""

    file: LogFile
    read: int


class Positions(msgspec.Struct, frozen=True):
    """How far each file was read, by inode."""

    known: Mapping[Inode, Known] = msgspec.field(default_factory=dict)

    @classmethod
    def at_end(cls, files: Sequence[LogFile]) -> Positions:
        """Where only what is written from now on is wanted."""
        return cls({file.inode: Known(file, file.size) for file in files})

    def next(self, files: Sequence[LogFile]) -> list[Stretch]:
        """What is new in `files`, the oldest first."""
        same = self._same(files)
        packed = [file for file in files if file.gzipped and file.inode not in same and _is_complete(file, files)]
        gone = [known for inode, known in self.known.items() if inode not in same and not known.file.gzipped]
        begins = {inode: known.read for inode, known in same.items()} | _unpacked_before(packed, gone)
        stretches = (Stretch(one, begins.get(one.inode, 0), one.size) for one in files)
        return [one for one in stretches if _has_news(one, packed)]

    def after(self, files: Sequence[LogFile], done: Mapping[Inode, int]) -> Positions:
        """The positions when so much of some files was read; of what is gone nothing is kept."""
        same = self._same(files)
        met = [file for file in files if not file.gzipped or file.inode in same or file.inode in done]
        before = {inode: known.read for inode, known in same.items()}
        return Positions({file.inode: Known(file, done.get(file.inode, before.get(file.inode, 0))) for file in met})

    def _same(self, files: Sequence[LogFile]) -> dict[Inode, Known]:
        """What is known of those of `files` that are the ones of before: an inode is used again once it is free."""
        turned = {file.node for file in files if file.rotated and file.inode not in self.known}
        pairs = ((file, known) for file in files if (known := self.known.get(file.inode)) is not None)
        return {file.inode: known for file, known in pairs if _is_same(file, known, file.node in turned)}


def _is_same(file: LogFile, known: Known, turned: bool) -> bool:
    """Whether a file is the one that is known. `turned`: a rotated file is there that was not before.

    A smaller one was truncated. A rotated one keeps its name. The one that is written is another one if there was a
    rotation meanwhile and it still has its name.
    """
    if file.size < known.read or file.gzipped != known.file.gzipped:
        return False
    if known.file.rotated:
        return file.path == known.file.path
    return bool(file.rotated) or not turned


def _is_complete(file: LogFile, files: Sequence[LogFile]) -> bool:
    """Whether a packed file is complete: what it is made from is removed then."""
    plain = file.path.removesuffix(_PACKED)
    return not any(one.path == plain for one in files if one.node == file.node)


def _has_news(stretch: Stretch, packed: Sequence[LogFile]) -> bool:
    return stretch.file in packed if stretch.file.gzipped else stretch.end > stretch.begin


def _unpacked_before(packed: Sequence[LogFile], gone: Sequence[Known]) -> dict[Inode, int]:
    """How much of what is in each packed file was read before it was packed."""
    found: dict[Inode, int] = {}
    left = list(gone)
    for file in packed:
        source = _packed_from(file, left)
        if source is not None:
            left.remove(source)
            found[file.inode] = source.read
    return found


def _packed_from(file: LogFile, gone: Sequence[Known]) -> Known | None:
    """Of the files that are gone the one that was packed into `file`: that of its name, else the one that was still
    being written when it was last seen.
    """
    plain = file.path.removesuffix(_PACKED)
    same = (known for known in gone if known.file.path == plain)
    current = (known for known in gone if not known.file.rotated and known.file.node == file.node)
    return next(same, None) or next(current, None)
