"""Raw logs in a bucket, as log shippers leave them: listed, pruned by the dates in their keys, and brought here.

They are brought, not searched there: shippers wrap events in records of their own, which only the readers of
`auditlog` know. For logs that are asked often, `pack` makes an archive of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.files import GZIP, LogFile
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.errors import KauditError, StoreError
from kaudit_setup.stores.s3 import Bucket, Stored

Progress = Callable[[str, str, int, int], None]

_DATE = re.compile(
    r"(?<!\d)(20\d\d)(?:[-/_.]?|/month=|/m=|/)(?:month=|mm=|m=)?(0[1-9]|1[0-2])"
    r"(?:[-/_.]?|/day=|/d=)(?:day=|dd=|d=)?(0[1-9]|[12]\d|3[01])(?!\d)"
)
_DATED = re.compile(r"(?:[a-z_]+=)?[\dT:._-]+Z?", re.IGNORECASE)  # a folder that is only a date, or a part of one
_DAY = len("2026-11-23")
_LATE = timedelta(days=1)
"""How much later than its events an object may be named and written: shippers wait until they have enough."""
_OTHER = (".parquet", ".json.md5", ".sha256", "_SUCCESS")


def day_of(key: str) -> date | None:
    """The day that a key names; None for none."""
    for found in _DATE.finditer(key):
        try:
            return date(*map(int, found.groups()))
        except ValueError:  # the 31st of a shorter month
            continue
    return None


def pruned(objects: Iterable[Stored], window: Window) -> list[Stored]:
    """The objects that may hold something of `window`, by the day in their keys and by when they were written."""
    return [one for one in objects if one.size and not one.key.endswith(_OTHER) and _touches(one, window)]


def _touches(one: Stored, window: Window) -> bool:
    if one.written < window.since:
        return False
    day = day_of(one.key)
    if day is None:
        return True
    if window.since and day < date.fromisoformat(window.since[:_DAY]) - _LATE:
        return False
    return window.until == ALWAYS.until or day <= date.fromisoformat(window.until[:_DAY]) + _LATE


def node_of(bucket: str, key: str) -> str:
    """What to call the log that an object is a piece of: its folder without those that are dates."""
    folders = [one for one in PurePosixPath(key).parent.parts if not _DATED.fullmatch(one)]
    return "/".join([bucket, *folders])


def bring(bucket: Bucket, prefix: str, window: Window, folder: Path, progress: Progress) -> tuple[LogFile, ...]:
    """The objects below `prefix` that may hold something of `window`, each with a private copy in `folder`.

    Raises StoreError, and KauditError if the folder cannot be written.
    """
    below = f"{prefix}/" if prefix else ""
    found = pruned((one for one in bucket.list(prefix) if one.key == prefix or one.key.startswith(below)), window)
    if not found:
        raise StoreError(f"s3://{bucket.bucket}/{prefix}: there is no log of that time", hint="is the prefix right?")
    total, done = sum(one.size for one in found), 0
    files: list[LogFile] = []
    by_node = sorted(found, key=lambda one: (node_of(bucket.bucket, one.key), one.key))
    try:
        for node, objects in groupby(by_node, lambda one: node_of(bucket.bucket, one.key)):
            for one in objects:
                copy = folder / str(len(files))
                bucket.download(one, copy, lambda _: None)
                done += one.size
                progress(bucket.bucket, one.key, done, total)
                files.append(_file(node, f"s3://{bucket.bucket}/{one.key}", one, copy))
    except OSError as error:
        raise KauditError(
            f"the logs in s3://{bucket.bucket} cannot be kept in {folder}: {error.strerror or error}",
            hint="make room there, name another place with TMPDIR, or narrow the time with --since and --until",
        ) from error
    return tuple(files)


def _file(node: str, path: str, one: Stored, copy: Path) -> LogFile:
    info = copy.stat()
    with copy.open("rb") as stream:
        gzipped = stream.read(len(GZIP)) == GZIP
    return LogFile(node, path, info.st_size, (info.st_dev, info.st_ino), gzipped, "", one.written, False, str(copy))


class RawBucket:
    """Raw logs in a bucket as a source: what the time that is asked for needs is brought here, once, and removed by
    `close`.
    """

    def __init__(self, bucket: Bucket, prefix: str, progress: Progress) -> None:
        """Nothing is asked yet."""
        self.name = f"s3://{bucket.bucket}/{prefix}".rstrip("/")
        self._bucket = bucket
        self._prefix = prefix
        self._progress = progress
        self._folder: TemporaryDirectory[str] | None = None
        self._logs: LocalLogs | None = None

    def clusters(self) -> list[str]:
        """See `LogSource.clusters`; the objects of a bucket are taken for the logs of one."""
        return [""]

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """See `LogSource.candidates`. Raises StoreError."""
        if self._logs is None:
            self._folder = TemporaryDirectory(prefix="kaudit-setup-", ignore_cleanup_errors=True)
            files = bring(self._bucket, self._prefix, window, Path(self._folder.name), self._progress)
            self._logs = LocalLogs(files)
        return self._logs.candidates(literals, window, patterns)

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """See `LogSource.numbered`."""
        return self._logs.numbered(hits) if self._logs is not None else list(hits)

    def damaged(self, hit: Hit, what: str) -> None:
        """See `LogSource.damaged`."""
        if self._logs is not None:
            self._logs.damaged(hit, what)

    def coverage(self) -> tuple[Coverage, ...]:
        """See `LogSource.coverage`."""
        return self._logs.coverage() if self._logs is not None else ()

    def fetch(self, wanted: Filter, folder: Path) -> tuple[LogFile, ...]:
        """The objects that may hold something of the time, as files in the new folder `folder`. Raises StoreError."""
        folder.mkdir(mode=0o700)
        return bring(self._bucket, self._prefix, wanted.window, folder, self._progress)

    def close(self) -> None:
        """Remove what was brought here."""
        if self._folder is not None:
            self._folder.cleanup()
