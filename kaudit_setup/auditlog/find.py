"""Which files hold the log: audit.log, its rotated and compressed companions, for one node or several."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from kaudit_setup.auditlog.archives.names import is_archive
from kaudit_setup.auditlog.file_names import (
    FileName,
    bare,
    host_names,
    is_archive_name,
    is_audit_log,
    is_copy,
    is_log,
    is_packed,
    is_packed_log,
    node_names,
)
from kaudit_setup.auditlog.files import STDIN, LogFile
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.shapes.events import SIGNS
from kaudit_setup.auditlog.timestamps import stamp
from kaudit_setup.auditlog.unpacking.compression import Unpacked
from kaudit_setup.errors import InputError

if TYPE_CHECKING:
    from kaudit_setup.auditlog.archives.extraction import ExtractionFolder

_MAY = "run as a user who may read it"
_MAGIC = frozenset("*?[")
_LOOK_BYTES = 1 << 16  # bytes in which an audit log says what it is
_SURE_SIGNS = (*SIGNS, b" AUDIT: id=", b"google.cloud.audit.AuditLog")
_SIGNS = (b"audit.k8s.io", *_SURE_SIGNS)
# a text about audit logs may name an ID, and has no times of events
_OF_EVENTS = rb"(?i)request_?received_?timestamp|stage_?timestamp|protopayload| audit: id="


class FoundLogs(msgspec.Struct, frozen=True):
    """The log files, node by node, oldest first; and a sentence for each entry of a folder that is called like a log
    but is left out.
    """

    files: tuple[LogFile, ...]
    left_out: tuple[str, ...] = ()


def find_logs(paths: Sequence[str], *, node: str = "", room: ExtractionFolder | None = None) -> FoundLogs:
    """Every log file below `paths` (files, folders, globs, `-`), each once, and with a `room` to unpack them those in
    archives: of all files, or of `ARCHIVE:PATH`.

    Files of one folder with one stem are one node's log. The node is `node` if given, else see `node_names`.
    Raises InputError for a path that does not exist or holds no log, and if none of the files can be read.
    """
    found = [one for path in paths if path != STDIN for one in _expand(path, room)]
    groups = _groups(one for one in found if isinstance(one, _Seen))
    files = _in_order(groups, dict.fromkeys(groups, node) if node else node_names(list(groups)))
    if STDIN in paths:
        files.append(LogFile(node or "stdin", STDIN, once=True))
    else:
        _check_readable(files)
    return FoundLogs(tuple(files), tuple(one for one in found if isinstance(one, str)))


def logs_there(found: Iterable[tuple[str, os.stat_result, bool]], host: str) -> tuple[LogFile, ...]:
    """The log files of the machine `host` by the same rules, from its listing: absolute path, status,
    whether it was only found in a folder by its name. For the nodes see `host_names`.
    """
    groups = _groups(
        _seen(path, info)
        for path, info, in_folder in found
        if stat.S_ISREG(info.st_mode) and (not in_folder or is_log(PurePath(path).name))
    )
    return tuple(_in_order(groups, host_names(list(groups), host)))


def own_logs(files: Iterable[LogFile], here: str) -> tuple[LogFile, ...]:
    """Of `files` those of the log at `here`: itself, and its rotated files beside it."""
    log = PurePath(here)
    beside = (f"{log.stem}-", f"{log.name}.")
    return tuple(
        file
        for file in files
        if file.path == here
        or (PurePath(file.path).parent == log.parent and PurePath(file.path).name.startswith(beside))
    )


class _Seen(msgspec.Struct, frozen=True):
    """A file as the file system has it, and what its name tells."""

    path: str
    folder: str
    name: str
    parsed: FileName
    size: int
    inode: tuple[int, int]
    mtime: float
    once: bool
    owner: int
    loose: bool
    copy: str = ""
    lost: str = ""

    @property
    def gzipped(self) -> bool:
        return is_packed(self.name)

    def age(self) -> tuple[tuple[int, str], bool, str, int, float, str]:
        """Sorts oldest first; the file being written has neither a time nor a number and comes last."""
        current = not self.parsed.rotated and not self.parsed.number
        return (
            self.parsed.order,
            current,
            self.parsed.rotated,
            -self.parsed.number,
            self.mtime if current else 0.0,
            self.name,
        )

    def as_log(self, node: str) -> LogFile:
        return LogFile(
            node,
            self.path,
            self.size,
            self.inode,
            self.gzipped,
            self.parsed.rotated,
            _written(self.mtime),
            self.once,
            owner=-1 if self.once else self.owner,
            loose=self.loose and not self.once,
            copy=self.copy,
            lost=self.lost,
        )


# files by folder and stem: one node's log each
_Groups = dict[tuple[str, str], list[_Seen]]


def _seen(path: str, info: os.stat_result) -> _Seen:
    whole = Path(path).absolute()
    inode, once = (info.st_dev, info.st_ino), not stat.S_ISREG(info.st_mode)
    parsed = FileName.of(whole.name, str(whole.parent))
    # a group that is not root's may have members
    loose = bool(info.st_mode & stat.S_IWOTH or (info.st_mode & stat.S_IWGRP and info.st_gid))
    return _Seen(
        path, str(whole.parent), whole.name, parsed, info.st_size, inode, info.st_mtime, once, info.st_uid, loose
    )


def _written(mtime: float) -> str:
    try:
        return stamp(datetime.fromtimestamp(mtime, UTC))
    except (OverflowError, ValueError, OSError):  # beyond the year 9999, or what a broken file system says
        return ""


def _groups(seen: Iterable[_Seen]) -> _Groups:
    """Files by folder and stem, each file once, however many links lead to it.

    A rotated file and its .gz stand side by side while it is being compressed: the plain one is whole.
    """
    files: dict[tuple[int, int], _Seen] = {}
    for one in seen:
        files.setdefault(one.inode, one)
    plain = {(one.folder, one.name) for one in files.values() if not one.gzipped}
    groups: _Groups = {}
    for one in files.values():
        if not one.gzipped or (one.folder, bare(one.name)) not in plain:
            groups.setdefault((one.folder, one.parsed.stem), []).append(one)
    return groups


def _in_order(groups: _Groups, names: dict[tuple[str, str], str]) -> list[LogFile]:
    return [
        seen.as_log(names[key])
        for key in sorted(groups, key=lambda key: (names[key], key))
        for seen in sorted(groups[key], key=_Seen.age)
    ]


def _check_readable(files: Sequence[LogFile]) -> None:
    """Raises InputError if there are files and none of them can be read."""
    if files and not any(os.access(file.copy or file.path, os.R_OK) for file in files):
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        raise InputError(f"cannot read {files[0].path}{more}: Permission denied", hint=_MAY)


def _expand(path: str, room: ExtractionFolder | None) -> list[_Seen | str]:
    """The files behind a path, and sentences about what is left out."""
    try:
        info = Path(path).stat()
    except FileNotFoundError:
        if room is not None and (inside := _inside(path, room)):
            return inside
        matches = _glob(path) if _is_pattern(path) else []
        if not matches:
            raise InputError(
                f"there is no log at {path}", hint="give a file, a folder, a glob in quotes, or - for standard input"
            ) from None
        return [one for match in matches for one in _expand(match, room)]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint=_MAY) from None
    if stat.S_ISREG(info.st_mode) and room is not None and is_archive(path):
        return _logs_of(f"the archive {path}", _archive(path, room))
    if not stat.S_ISDIR(info.st_mode):
        return [_seen(path, info)]
    return _logs_of(f"the folder {path}", _folder(path, room))


def _logs_of(place: str, entries: Iterable[_Seen | str]) -> list[_Seen | str]:
    """What was found there. Raises InputError if there is no log among it."""
    found = list(entries)
    if not any(isinstance(one, _Seen) for one in found):
        raise InputError(
            f"there is no audit log in {place}",
            hint="give the log files themselves",
            details="\n".join(one for one in found[:10] if isinstance(one, str)),
        )
    return found


def _inside(path: str, room: ExtractionFolder) -> list[_Seen | str]:
    """The logs behind `ARCHIVE:PATH`; none if it is not that. Raises InputError if there are none."""
    archive, colon, inner = path.partition(":")
    while colon and not Path(archive).is_file():
        more, colon, inner = inner.partition(":")
        archive += f":{more}"
    if not colon or not is_archive(archive):
        return []
    below = (inner, f"{inner.rstrip('/')}/")
    found = [one for one in _archive(archive, room) if isinstance(one, str) or _is_below(one, archive, below)]
    return _logs_of(path, found)


def _is_below(one: _Seen, archive: str, below: tuple[str, str]) -> bool:
    name = one.path.removeprefix(f"{archive}:")
    return name == below[0] or name.startswith(below[1])


def _archive(path: str, room: ExtractionFolder) -> Iterator[_Seen | str]:
    """The logs in an archive, as if it were a folder. Raises InputError, KauditError."""
    try:
        unpacked = room.unpack(path, _wanted)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint=_MAY) from None
    yield from unpacked.left_out
    base = PurePath(Path(path).absolute())
    for log in unpacked.logs:
        inner = PurePath(log.name.lstrip("/"))
        info = Path(log.copy).stat()
        yield _Seen(
            f"{path}:{log.name}",
            str(base / inner.parent),
            inner.name,
            FileName.of(inner.name, str(base / inner.parent)),
            info.st_size,
            (info.st_dev, info.st_ino),
            log.mtime,
            False,
            -1,
            False,
            log.copy,
            log.lost,
        )


def _is_pattern(path: str) -> bool:
    """Whether a shell would take it for several paths."""
    return not _MAGIC.isdisjoint(path)


def _glob(pattern: str) -> list[str]:
    absolute = pattern.startswith("/")
    return sorted(map(str, Path("/" if absolute else ".").glob(pattern.lstrip("/"))))


def _folder(path: str, room: ExtractionFolder | None) -> Iterator[_Seen | str]:
    closed: list[OSError] = []
    for here, folders, names in os.walk(path, onerror=closed.append):
        yield from _left_closed(closed, path)
        folders.sort()
        for name in sorted(names):
            whole = f"{here.rstrip('/')}/{name}"
            if room is not None and is_archive_name(name) and is_archive(whole):
                yield from _archive(whole, room)
            elif (one := _in_folder(whole, name)) is not None:
                yield one
    yield from _left_closed(closed, path)


def _left_closed(closed: list[OSError], path: str) -> Iterator[str]:
    """What to say of folders that could not be read, each once; raises InputError for `path` itself."""
    while closed:
        error = closed.pop(0)
        if error.filename == path:
            raise InputError(f"cannot read the folder {path}: {error.strerror}", hint=_MAY)
        yield f"the folder {error.filename} is left out: {error.strerror}"


def _in_folder(path: str, name: str) -> _Seen | str | None:
    """A file of a folder: a log, a sentence why it is left out, or None if it is not called like a log."""
    if not is_log(name):
        return _under_another_name(path, name)
    try:
        info = Path(path).stat()
    except OSError as error:
        if Path(path).is_symlink():  # else it was rotated away since the folder was listed
            return f"{path} is left out: broken link ({error.strerror})"
        return None
    if not stat.S_ISREG(info.st_mode):
        return f"{path} is left out: not a regular file; to read a pipe, give its path with --log"
    if is_audit_log(name) or _looks_like_one(path):
        return _seen(path, info)
    return None if os.access(path, os.R_OK) else f"{path} is left out: Permission denied"


def _under_another_name(path: str, name: str) -> _Seen | str | None:
    """As `_in_folder`: exports and shippers call files as they like. What is called a copy is not read twice."""
    if is_packed_log(name):
        return f"{path} is left out: only plain files, gzip, zstd, xz and bzip2 can be read"
    if is_copy(name):
        return None
    with suppress(OSError):
        info = Path(path).stat()
        if stat.S_ISREG(info.st_mode):
            with Path(path).open("rb") as stream:
                return _seen(path, info) if re.search(_OF_EVENTS, _head(stream)) else None
    return None


def _looks_like_one(path: str) -> bool:
    """Whether a file found in a folder, under a name of its own, may be an audit log."""
    try:
        with Path(path).open("rb") as stream:
            return _has_signs(stream, _SIGNS)
    except OSError:
        return False


def _wanted(name: str, head: bytes) -> bool:
    """Whether a file of an archive may be an audit log: people who pack logs call them as they like."""
    return is_audit_log(name) or _has_signs(BytesIO(head), _SIGNS if is_log(name) else _SURE_SIGNS)


def _has_signs(stream: BinaryIO, signs: Sequence[bytes]) -> bool:
    head = _head(stream)
    return any(sign in head for sign in signs)


def _head(stream: BinaryIO) -> bytes:
    return Unpacked(stream, Tally()).peek(_LOOK_BYTES)
