"""One file of a log, and what time it may cover, judged by its name, its dates, and its first and last lines."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from kaudit_setup.auditlog.timestamps import ALWAYS, Window, stamp, stamp_or_nothing

STDIN = "-"
GZIP = b"\x1f\x8b"
"""How a gzip file begins."""
_LONGEST_REQUEST = timedelta(hours=4)
_LOOK_BYTES = 1 << 17  # bytes
_STAGE_TIME = re.compile(rb'"stageTimestamp": ?"([0-9TZ:.-]*)"')


class LogFile(msgspec.Struct, frozen=True):
    """One file of one node's log, as it was when it was found.

    `rotated`: the UTC moment in its name, in the log's spelling; empty for the file being written.
    `inode`: (device, inode), (0, 0) for standard input; how a file is found again after a rotation.
    `written`: when it was last written to, in the same spelling; empty if that is not known.
    `once`: standard input, a pipe or a device, which can be read only once. `copy`: where what came of that, of
    another machine, or out of an archive, is kept; `lost`: why its end is missing there. `cluster`: whose log it is,
    where there are logs of several clusters or it was named.
    `owner`: the user whose file it is, -1 if that is not known; `loose`: whether others than that user and root can
    write to it.
    """

    node: str
    path: str
    size: int = 0
    inode: tuple[int, int] = (0, 0)
    gzipped: bool = False
    rotated: str = ""
    written: str = ""
    once: bool = False
    copy: str = ""
    cluster: str = ""
    owner: int = -1
    loose: bool = False
    lost: str = ""

    @property
    def log(self) -> tuple[str, str]:
        """Which log it is a part of: the cluster and the node, for two clusters may call their nodes alike."""
        return self.cluster, self.node

    @property
    def key(self) -> str:
        """What tells files apart: two nodes may call theirs alike."""
        return self.copy or self.path


def within(files: Sequence[LogFile], window: Window) -> tuple[LogFile, ...]:
    """`files` without those that hold nothing of `window`: the times in their names say so, and what stands in them
    does not contradict. A name may be wrong: chosen by a person, from another clock, or in local time.
    """
    kept: list[LogFile] = []
    before, latest = "", latest_begin(window)
    for index, file in enumerate(files):
        if index and files[index - 1].log != file.log:
            before = ""
        early = bool(file.rotated) and file.rotated < window.since
        if not (early and _ended(files, index, window.since)) and not (before > latest and _begun(file) > latest):
            kept.append(file)
        before = file.rotated or before
    return tuple(kept)


def ended_before(file: LogFile, moment: str) -> bool:
    """Whether nothing in a file is as late as `moment`, as far as one can tell without reading it: a rotated one, by
    its name and by when it was last written to.
    """
    return "" < file.rotated < moment and "" < file.written < moment


def _ended(files: Sequence[LogFile], index: int, moment: str) -> bool:
    """Whether the last event of a file is earlier than `moment`; of a compressed one it is known where the next one
    begins.
    """
    file = files[index]
    if not file.gzipped:
        return "" < _moment(file, last=True) < moment
    after = files[index + 1] if index + 1 < len(files) and files[index + 1].log == file.log else None
    return after is not None and "" < _begun(file) < moment and "" < _begun(after) <= moment


def _begun(file: LogFile) -> str:
    return _moment(file, last=False)


def _moment(file: LogFile, *, last: bool) -> str:
    """The first or the last time in a file, in the log's spelling; empty if it cannot be seen with one look."""
    if file.once:
        return ""
    try:
        with Path(file.copy or file.path).open("rb") as stream:
            if last:
                stream.seek(max(0, file.size - _LOOK_BYTES))
            text = stream.read(_LOOK_BYTES)
        if text.startswith(GZIP) and not last:
            text = zlib.decompressobj(wbits=31).decompress(text, _LOOK_BYTES)
    except (OSError, zlib.error):
        return ""
    times = [time for one in _STAGE_TIME.findall(text) if (time := stamp_or_nothing(one.decode()))]
    return times[-1 if last else 0] if times else ""


def latest_begin(window: Window) -> str:
    """A file that was begun later than this moment holds nothing of `window`, as the log spells it.

    A long request is written when it ends but asked about by when it began: the longest watch is ten minutes,
    kubelet's limit for an exec four hours.
    """
    if window.until == ALWAYS.until:
        return window.until
    try:
        return stamp(datetime.fromisoformat(window.until) + _LONGEST_REQUEST)
    except OverflowError:
        return ALWAYS.until  # the end of the year 9999


def reopen_path(file: LogFile) -> str | None:
    """Where `file` is now, after a rotation while we were reading: the same inode under another name, or its
    compressed form. None if it is gone.
    """
    path = Path(file.path)
    try:
        with os.scandir(path.parent) as entries:
            for entry in entries:
                if (
                    entry.inode() == file.inode[1]
                    # an inode number is used again as soon as its file is deleted, perhaps for another file's .gz
                    and entry.name.endswith(".gz") == path.name.endswith(".gz")
                    and entry.stat().st_size >= file.size
                ):
                    return entry.path
    except OSError:
        return None
    packed = path.with_name(path.name + ".gz")
    return str(packed) if packed.exists() else None
