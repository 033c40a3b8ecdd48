"""Which files hold the log: audit.log, its rotated and compressed companions, for one node or several.

Rotation as kube-apiserver does it (vendor/gopkg.in/natefinch/lumberjack.v2/lumberjack.go:backupName): `audit.log`
becomes `audit-2026-11-23T16-20-54.099.log` (UTC, the time of the rotation, so no event in it is later), and
`.log.gz` a moment later if compression is on.
"""

from __future__ import annotations

import glob
import os
import re
import stat
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath

from kaudit_setup.auditlog.timestamps import ALWAYS, Window, seconds, stamp, stamp_or_nothing
from kaudit_setup.errors import InputError

STDIN = "-"
_HERE = "this machine"

_ROTATED = re.compile(r"(?P<stem>.+)-(?P<time>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3})(?P<ext>\.[^.]*)?\Z")
# What a folder is searched for: also the names that logrotate and people give.
_LOG_NAME = re.compile(r".+\.(?:log|jsonl|ndjson|json)(?:[.-]\d+)*(?:\.gz)?\Z")
_NUMBERED = re.compile(r"(?P<stem>.+?\.(?:log|jsonl|ndjson|json))[.-](?P<number>\d+)\Z")
# Folders that say nothing about whose log they hold.
_GENERIC = frozenset(
    {"", "/", "audit", "log", "logs", "var", "kubernetes", "kube-apiserver", "apiserver", "kube-audit"}
)
_PACKED = re.compile(r"\.(?:zst|xz|bz2|lz4|Z|zip)\Z")
_MAY = "run as a user who may read it"
_LATE = timedelta(hours=4)
_GZIP = b"\x1f\x8b"
_LOOK = 1 << 17
_STAGE_TIME = re.compile(rb'"stageTimestamp": ?"([0-9TZ:.-]*)"')


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of one node's log, as it was when it was found.

    `rotated`: the UTC moment in its name, in the log's spelling; empty for the file being written.
    `inode`: (device, inode), (0, 0) for standard input; how a file is found again after a rotation.
    `written`: when it was last written to, in the same spelling; empty if that is not known.
    `once`: standard input, a pipe or a device, which can be read only once. `copy`: where what came of that, or of
    another machine, is kept.
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

    @property
    def key(self) -> str:
        """What tells files apart: two nodes may call theirs alike."""
        return self.copy or self.path


def rotation_time(name: str) -> str:
    """The moment in a rotated file's name, in the log's spelling; empty if the name has none."""
    found = _ROTATED.match(name.removesuffix(".gz"))
    if not found:
        return ""
    date, clock = found["time"][:10], found["time"][11:]
    moment = f"{date}T{clock[:8].replace('-', ':')}{clock[8:]}000Z"
    try:
        seconds(moment)
    except ValueError:
        return ""
    return moment


def rotated_name(name: str, moment: str) -> str:
    """What a log file called `name` would be called if it had been rotated at `moment`, in the log's spelling."""
    plain = name.removesuffix(".gz")
    if found := _ROTATED.match(plain):
        stem = found["stem"] + (found["ext"] or "")
    elif found := _NUMBERED.match(plain):
        stem = found["stem"]
    else:
        stem = plain
    log = PurePath(stem)
    return f"{log.stem}-{moment[:23].replace(':', '-')}{log.suffix}{name[len(plain) :]}"


def find_logs(paths: Sequence[str], *, node: str = "", skipped: list[str] | None = None) -> tuple[LogFile, ...]:
    """Every log file below `paths` (files, folders, globs, `-`), each once, node by node, oldest first.

    Files of one folder with one stem are one node's log. The node is `node` if given, else it is named by the first
    folder name that says something, or by the stem where several stems share a folder. `skipped` is filled with a
    sentence for each thing in a folder that is called like a log and yet is left out.
    Raises InputError for a path that does not exist or holds no log, and if nothing of it all can be read.
    """
    left_out: list[str] = [] if skipped is None else skipped
    seen = [one for path in paths if path != STDIN for one in _expand(path, left_out)]
    groups = _groups(seen)
    files = _in_order(groups, {key: node or name for key, name in _names(list(groups)).items()})
    if files and STDIN not in paths and not any(os.access(file.path, os.R_OK) for file in files):
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        raise InputError(f"cannot read {files[0].path}{more}: Permission denied", hint=_MAY)
    if STDIN in paths:
        files.append(LogFile(node or "stdin", STDIN, once=True))
    return tuple(files)


def logs_there(found: Iterable[tuple[str, os.stat_result, bool]], host: str) -> tuple[LogFile, ...]:
    """The log files of the machine `host` by the same rules, of what it says that it has: absolute path, status,
    whether it was only found in a folder.

    The node is `host`; of several logs that it has, as a machine with copies of others' has, each is `host/NAME`.
    """
    groups = _groups(
        _seen(path, info)
        for path, info, in_folder in found
        if stat.S_ISREG(info.st_mode) and (not in_folder or _LOG_NAME.match(PurePath(path).name))
    )
    names = {key: host if len(groups) == 1 or name == _HERE else name for key, name in _names(list(groups)).items()}
    return tuple(_in_order(groups, {key: f"{host}/{n.lstrip('/')}" if n != host else n for key, n in names.items()}))


def own_logs(files: Iterable[LogFile], here: str) -> tuple[LogFile, ...]:
    """Of `files` those of the log at `here`: itself, and its rotated files beside it."""
    log = PurePath(here)
    return tuple(
        file
        for file in files
        if file.path == here
        or (
            PurePath(file.path).parent == log.parent
            and PurePath(file.path).name.startswith((f"{log.stem}-", f"{log.name}."))
        )
    )


def _groups(seen: Iterable[_Seen]) -> dict[tuple[str, str], list[_Seen]]:
    """Files by folder and stem, each file once, whatever links lead to it."""
    found: dict[tuple[int, int], _Seen] = {}
    for one in seen:
        found.setdefault(one.inode, one)
    groups: dict[tuple[str, str], list[_Seen]] = {}
    for one in _without_twins(found.values()):
        groups.setdefault((one.folder, one.stem), []).append(one)
    return groups


def _in_order(groups: dict[tuple[str, str], list[_Seen]], names: dict[tuple[str, str], str]) -> list[LogFile]:
    return [
        LogFile(
            names[key],
            seen.path,
            seen.size,
            seen.inode,
            seen.name.endswith(".gz"),
            seen.rotated,
            _written(seen.mtime),
            seen.once,
        )
        for key in sorted(groups, key=lambda key: (names[key], key))
        for seen in sorted(groups[key], key=_Seen.age)
    ]


def within(files: Sequence[LogFile], window: Window) -> tuple[LogFile, ...]:
    """`files` without those that hold nothing of `window`: the times in their names say so, and what stands in them
    does not contradict. A name may be wrong: given by hand, by another clock, or in local time.
    """
    kept: list[LogFile] = []
    before, latest = "", latest_begin(window)
    for index, file in enumerate(files):
        if index and files[index - 1].node != file.node:
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


def _written(mtime: float) -> str:
    try:
        return stamp(datetime.fromtimestamp(mtime, UTC))
    except (OverflowError, ValueError, OSError):  # beyond the year 9999, or what a broken file system says
        return ""


def _ended(files: Sequence[LogFile], index: int, moment: str) -> bool:
    """Whether the last event of a file is earlier than `moment`; of a compressed one it is known where the next one
    begins.
    """
    file = files[index]
    if not file.gzipped:
        return "" < _moment(file, last=True) < moment
    after = files[index + 1] if index + 1 < len(files) and files[index + 1].node == file.node else None
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
                stream.seek(max(0, file.size - _LOOK))
            text = stream.read(_LOOK)
        if text.startswith(_GZIP) and not last:
            text = zlib.decompressobj(wbits=31).decompress(text, _LOOK)
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
        return stamp(datetime.fromisoformat(window.until) + _LATE)
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


@dataclass(frozen=True, slots=True)
class _Seen:
    path: str
    folder: str
    name: str
    stem: str
    rotated: str
    number: int
    size: int
    inode: tuple[int, int]
    mtime: float
    once: bool

    def age(self) -> tuple[bool, str, int, float, str]:
        """Sorts oldest first; the file being written has neither a time nor a number and comes last."""
        current = not self.rotated and not self.number
        return (current, self.rotated, -self.number, self.mtime if current else 0.0, self.name)


def _seen(path: str, info: os.stat_result) -> _Seen:
    whole = Path(path).absolute()
    folder, name = str(whole.parent), whole.name
    plain = name.removesuffix(".gz")
    rotated = rotation_time(name)
    number = 0
    stem = plain
    if rotated and (found := _ROTATED.match(plain)):
        stem = found["stem"] + (found["ext"] or "")
    elif found := _NUMBERED.match(plain):
        stem, number = found["stem"], int(found["number"])
        # logrotate's dateext counts up with time, its plain numbers count down
        number = -number if len(found["number"]) >= 8 else number
    inode, once = (info.st_dev, info.st_ino), not stat.S_ISREG(info.st_mode)
    return _Seen(path, folder, name, stem, rotated, number, info.st_size, inode, info.st_mtime, once)


def _expand(path: str, skipped: list[str]) -> list[_Seen]:
    try:
        info = Path(path).stat()
    except FileNotFoundError:
        matches = _glob(path) if glob.has_magic(path) else []
        if not matches:
            raise InputError(
                f"there is no log at {path}", hint="give a file, a folder, a glob in quotes, or - for standard input"
            ) from None
        return [seen for match in matches for seen in _expand(match, skipped)]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint=_MAY) from None
    if stat.S_ISDIR(info.st_mode):
        inside = _folder(path, skipped)
        if not inside:
            raise InputError(
                f"there is no audit log in the folder {path}",
                hint="give the log files themselves",
                details="\n".join(skipped[:10]),
            )
        return inside
    return [_seen(path, info)]


def _glob(pattern: str) -> list[str]:
    absolute = pattern.startswith("/")
    return sorted(map(str, Path("/" if absolute else ".").glob(pattern.lstrip("/"))))


def _folder(path: str, skipped: list[str]) -> list[_Seen]:
    found: list[_Seen] = []

    def closed(error: OSError) -> None:
        if error.filename == path:
            raise InputError(f"cannot read the folder {path}: {error.strerror}", hint=_MAY)
        skipped.append(f"the folder {error.filename} is left out: {error.strerror}")

    for here, folders, names in os.walk(path, onerror=closed):
        folders.sort()
        for name in sorted(names):
            whole = f"{here.rstrip('/')}/{name}"
            if not _LOG_NAME.match(name):
                if _LOG_NAME.match(_PACKED.sub("", name)):
                    skipped.append(f"{whole} is left out: only plain files and gzip can be read")
                continue
            try:
                info = Path(whole).stat()
            except OSError as error:
                if Path(whole).is_symlink():  # else it was rotated away since the folder was listed
                    skipped.append(f"{whole} is left out: it is a link that leads nowhere ({error.strerror})")
                continue
            if not stat.S_ISREG(info.st_mode):
                skipped.append(f"{whole} is left out: it is no file; --log with its own path reads a pipe")
            elif _called_audit(name) or _sniff(whole):
                found.append(_seen(whole, info))
            elif not os.access(whole, os.R_OK):
                skipped.append(f"{whole} is left out: Permission denied")
    return found


def _called_audit(name: str) -> bool:
    return bool(rotation_time(name)) or name.startswith("audit.log")


def _sniff(path: str) -> bool:
    """Whether a file found in a folder, under a name of its own, may be an audit log."""
    try:
        with Path(path).open("rb") as stream:
            head = stream.read(65536)
    except OSError:
        return False
    return head.startswith(_GZIP) or b"audit.k8s.io/" in head


def _without_twins(seen: Iterable[_Seen]) -> list[_Seen]:
    """A rotated file and its .gz stand side by side while it is being compressed: the plain one is whole."""
    files = list(seen)
    plain = {(s.folder, s.name) for s in files if not s.name.endswith(".gz")}
    return [s for s in files if not (s.name.endswith(".gz") and (s.folder, s.name.removesuffix(".gz")) in plain)]


def _names(groups: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
    stems: dict[str, int] = {}
    for folder, _ in groups:
        stems[folder] = stems.get(folder, 0) + 1
    names = {key: _short(key[1]) if stems[key[0]] > 1 else _telling(key[0]) or _HERE for key in groups}
    clashes = (
        {name for name in names.values() if list(names.values()).count(name) > 1} if len(groups) < 1000 else set()
    )
    return {key: f"{key[0]}/{key[1]}" if name in clashes else name for key, name in names.items()}


def _telling(folder: str) -> str:
    return next((part for part in reversed(PurePath(folder).parts) if part not in _GENERIC), "")


def _short(stem: str) -> str:
    short = re.sub(r"\.(?:log|jsonl|ndjson|json)\Z", "", stem)
    return re.sub(r"(?:^audit[-_.]|[-_.]audit\Z)", "", short) or short
