"""Raw logs in a bucket, as log shippers leave them: listed, pruned by the dates in their keys, and brought here.

They are brought, not searched there: shippers wrap events in records of their own, which only the readers of
`auditlog` know. For logs that are asked often, `pack` makes an archive of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

from kaudit_setup.auditlog.archives.extraction import ExtractionFolder
from kaudit_setup.auditlog.archives.names import is_archive
from kaudit_setup.auditlog.clusters.tell_apart import find_different_clusters
from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.files import GZIP, LogFile
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.errors import InputError, KauditError, StoredObjectError, StoreError
from kaudit_setup.stores.raw.dates import may_be_a_log, pruned
from kaudit_setup.stores.s3 import Bucket, Stored
from kaudit_setup.temporary import LazyFolder
from kaudit_setup.units import counted
from kaudit_setup.values import replace

Progress = Callable[[str, str, int, int], None]

_CLUSTER = re.compile(r"(?:^|/)cluster=([^/]+)/")  # a folder that names the cluster, as Hive writes partitions
_DATED = re.compile(r"(?:[a-z_]+=)?[\dT:._-]+Z?", re.IGNORECASE)  # a folder that is only a date, or a part of one


def node_of(bucket: str, key: str) -> str:
    """What to call the log that an object is a piece of: its folder without those that are dates."""
    folders = [one for one in PurePosixPath(key).parent.parts if not _DATED.fullmatch(one)]
    return "/".join([bucket, *folders])


def cluster_in(key: str) -> str:
    """The cluster that a folder in a key names; empty if none does."""
    found = _CLUSTER.search(key)
    return unquote(found[1]) if found else ""


class Brought(NamedTuple):
    """Logs that were brought here, and a sentence for each that cannot be read. `lost`: the addresses of objects that
    cannot.
    """

    files: tuple[LogFile, ...]
    left_out: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def bring(
    bucket: Bucket, prefix: str, window: Window, room: ExtractionFolder, folder: Path, progress: Progress
) -> Brought:
    """The objects below `prefix` that may hold something of `window`, each with a private copy in `folder`; of a tar
    or zip archive its logs, unpacked into `room`.

    An object that cannot be read is left out, as long as another one can. Raises StoreError, KauditError if the
    folder cannot be written, and InputError if they are evidently logs of several clusters.
    """
    below = f"{prefix}/" if prefix else ""
    there = [one for one in bucket.list(prefix) if one.key == prefix or one.key.startswith(below)]
    found = pruned(there, window)
    if not found:
        raise _nothing(f"s3://{bucket.bucket}/{prefix}", there)
    total, done = sum(one.size for one in found), 0
    files: list[LogFile] = []
    left_out: list[str] = []
    lost: dict[str, StoredObjectError] = {}
    found.sort(key=lambda one: (node_of(bucket.bucket, one.key), one.key))
    try:
        for number, one in enumerate(found):
            copy = folder / str(number)
            node, url = node_of(bucket.bucket, one.key), f"s3://{bucket.bucket}/{one.key}"
            done += one.size
            try:
                bucket.download(one, copy, lambda _: None)
            except StoredObjectError as error:
                lost[url] = error
                copy.unlink(missing_ok=True)
                continue
            progress(bucket.bucket, one.key, done, total)
            if is_archive(str(copy)):
                inside = _unpacked(copy, node, url, room)
                files += inside.files
                left_out += inside.left_out
            else:
                files.append(_file(node, url, one, copy))
    except OSError as error:
        raise KauditError(
            f"the logs in s3://{bucket.bucket} cannot be kept in {folder}: {error.strerror or error}",
            hint="make room there, name another place with TMPDIR, or narrow the time with --since and --until",
        ) from error
    if lost and not files:
        raise next(iter(lost.values()))
    for name in dict.fromkeys(file.cluster for file in files):
        _check_one_cluster([file for file in files if file.cluster == name])
    left_out += [f"{url} is left out: {error}" for url, error in lost.items()]
    return Brought(tuple(files), tuple(left_out), tuple(lost))


def _check_one_cluster(files: Sequence[LogFile]) -> None:
    """Raises InputError if objects of one name would be taken for one."""
    apart = find_different_clusters(files)
    if apart is not None:
        raise InputError(
            f"{apart.one.path} and {apart.other.path} are logs of different clusters: {apart.why}",
            hint="ask the prefix of one, or pack each under its name: pack --log PREFIX --cluster NAME --to ARCHIVE",
        )


def _unpacked(archive: Path, node: str, url: str, room: ExtractionFolder) -> Brought:
    """The logs in an archive, named as in its object. Raises KauditError, OSError."""
    try:
        found = find_logs([str(archive)], room=room)
    except InputError as error:
        return Brought((), (f"{url} is left out: {error}".replace(str(archive), url),))
    files = []
    for file in found.files:
        name = file.path.removeprefix(f"{archive}:")
        files.append(replace(file, node=node_of(node, name), path=f"{url}:{name}", cluster=cluster_in(url)))
    return Brought(tuple(files), tuple(said.replace(str(archive), url) for said in found.left_out))


def _nothing(place: str, there: Sequence[Stored]) -> StoreError:
    """Why no object is left to read."""
    logs = sum(map(may_be_a_log, there))
    if logs:
        return StoreError(
            f"{place}: {counted(logs, 'log')} there, none of that time, by the dates in their keys",
            hint="ask without --since and --until, or with others",
        )
    if there:
        return StoreError(
            f"{place}: {counted(len(there), 'object')} there, and no log: they are empty, or Parquet",
            hint="for an archive made by pack, give the prefix that pack wrote to",
        )
    if "*" in place or "?" in place:
        return StoreError(f"{place}: nothing is there", hint="a prefix has no * or ?: name the folder above")
    return StoreError(f"{place}: nothing is there", hint="is the prefix right? It ends where a / is in the keys")


def _file(node: str, path: str, one: Stored, copy: Path) -> LogFile:
    info = copy.stat()
    with copy.open("rb") as stream:
        gzipped = stream.read(len(GZIP)) == GZIP
    inode = info.st_dev, info.st_ino
    found = LogFile(node, path, info.st_size, inode, gzipped, "", one.written, False, str(copy))
    return replace(found, cluster=cluster_in(one.key))


class RawBucket:
    """Raw logs in a bucket as a source: what the time that is asked for needs is brought here, once, and removed by
    `close`.
    """

    def __init__(self, bucket: Bucket, prefix: str, progress: Progress, cluster: str = "") -> None:
        """`cluster`: of which the logs are, if somebody says so. Nothing is asked yet."""
        self._cluster = cluster
        self.name = f"s3://{bucket.bucket}/{prefix}".rstrip("/")
        self._bucket = bucket
        self._prefix = prefix
        self._progress = progress
        self._folder = LazyFolder()
        self._extracted = ExtractionFolder()
        self._left_out: tuple[str, ...] = ()
        self._lost: tuple[str, ...] = ()
        self._logs: LocalLogs | None = None

    def clusters(self) -> list[str]:
        """See `LogSource.clusters`: those that folders of the keys name; else the objects are taken for the logs of
        one. Raises StoreError.
        """
        if self._cluster:
            return [self._cluster]
        below = self._bucket.list(self._prefix)
        return list(dict.fromkeys(cluster_in(one.key) for one in below if may_be_a_log(one))) or [""]

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """See `LogSource.candidates`. Raises StoreError."""
        if self._logs is None:
            self._logs = LocalLogs(self._bring(window, self._folder.path))
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
        return self._bring(wanted.window, folder)

    def left_out(self) -> Sequence[str]:
        """See `several.Source.left_out`."""
        return self._left_out

    def lost(self) -> Sequence[str]:
        """See `several.Source.lost`."""
        return self._lost

    def close(self) -> None:
        """Remove what was brought here."""
        self._extracted.close()
        self._folder.close()

    def _bring(self, window: Window, folder: Path) -> tuple[LogFile, ...]:
        brought = bring(self._bucket, self._prefix, window, self._extracted, folder, self._progress)
        self._left_out, self._lost = brought.left_out, brought.lost
        if not self._cluster:
            return brought.files
        return tuple(replace(file, cluster=self._cluster) for file in brought.files)
