"""Logs fetched from nodes into a folder: a manifest of SHA-256 sums, and only what is missing is fetched again.

Layout: `DIR/<node>/<file>`, `DIR/manifest.json` (what came from where), `DIR/SHA256SUMS` (for `sha256sum -c`).
A file is the same file if its inode is and it begins with what is here: a rotated log is renamed here too, not
fetched twice. The node's own sum of what was fetched has the last word. What is here gives way only to a file that
begins with it: a log that the node has deleted since then is kept under the name of a rotated one, where other
commands read it.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from kaudit_setup.errors import KauditError, NodeError
from kaudit_setup.trail.clock import stamp
from kaudit_setup.trail.files import find_logs, rotated_name
from kaudit_setup.trail.listing import listing
from kaudit_setup.trail.read import Unit, blocks
from kaudit_setup.trail.runner import Progress, Runner, fetch
from kaudit_setup.trail.tally import Tally

_MANIFEST = "manifest.json"
_SUMS = "SHA256SUMS"


class Entry(msgspec.Struct, frozen=True):
    """One collected file: `file` below the folder, `path` and `inode` on the node (0: not there any more), `size`
    bytes, `sha256` in hex.
    """

    node: str
    file: str
    path: str
    inode: int
    size: int
    sha256: str


@dataclass(slots=True)
class Collected:
    """What `collect` did: every file that is there now, how many were fetched, bytes over the wire, notes."""

    entries: list[Entry] = field(default_factory=list)
    fetched: int = 0
    moved: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Listed:
    path: str
    inode: int
    size: int


def collect(
    runners: Sequence[Runner], script: str, paths: Sequence[str], into: Path, progress: Progress
) -> Collected:
    """Fetch the logs of `runners` into the folder `into`; what is there already stays. Files 0600, folders 0700.

    `script`: the text of `lib` and `logs`. `paths`: where the logs are there; empty: the script finds out.
    Can be stopped at any time and run again. Raises NodeError, and KauditError if the folder cannot be written.
    """
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        done = Collected(_read_manifest(into))
        for runner in runners:
            _Node(runner, script, list(paths), into, progress, done).collect()
    except OSError as error:
        raise KauditError(
            f"cannot write to {into}: {error.strerror or error}",
            hint="make room there or make it writable, or choose another -d DIR",
        ) from error
    return done


class _Node:
    def __init__(
        self, runner: Runner, script: str, paths: list[str], into: Path, progress: Progress, done: Collected
    ) -> None:
        self._runner = runner
        self._script = script
        self._paths = paths
        self._into = into
        self._folder = _folder(runner.name, done.entries)
        self._progress = progress
        self._done = done
        self._displaced: list[str] = []
        """Files that had to make room; a later one of the list may turn out to be one of them."""

    def collect(self) -> None:
        """Fetch what is new; a second look takes what was rotated in the meantime."""
        (self._into / self._folder).mkdir(mode=0o700, exist_ok=True)
        again = False
        for attempt in range(2):
            listed = self._list()
            if not listed:
                raise NodeError(
                    f"{self._runner.name}: no audit log was found",
                    hint="name it with --log PATH, as the node sees it",
                )
            gone = [one for one in listed if not self._file(one)]
            again = bool(gone)
            if not again or attempt:
                break
        for file in self._displaced:
            self._settle(file)
        if again:
            self._done.notes.append(
                f"{self._runner.name}: files were rotated away while they were fetched; run again"
            )

    def _list(self) -> list[_Listed]:
        found = listing(self._runner, self._script, self._paths)
        self._done.moved += found.moved
        self._done.notes += [f"{self._runner.name}: {note}" for note in found.notes]
        return [_Listed(file.path, file.inode[1], file.size) for file in found.files]

    def _file(self, one: _Listed) -> bool:
        """Make our copy whole. False if the file is gone from the node."""
        known = max((e for e in self._under(one) if e.size <= one.size), key=lambda e: e.size, default=None)
        target = f"{self._folder}/{self._name(one)}"
        if known and known.size == one.size and self._whole(known):
            if known.file != target:
                self._place(self._into / known.file, one, target, known.sha256)
            return True
        part = self._into / self._folder / f".{one.inode}.part"
        if known and not part.exists() and self._whole(known):
            # what is here stays until there is something better
            part.touch(mode=0o600)
            shutil.copyfile(self._into / known.file, part)
        for _ in range(2):
            if not self._fetch(one, part):
                return False
            digest = _sha256(part)
            if digest == self._sum(one):
                self._place(part, one, target, digest)
                self._done.fetched += 1
                return True
            # an inode number that was used again, or a part of something else: begin anew
            part.unlink()
        raise NodeError(
            f"{self._runner.name}: {one.path} does not arrive as it is there", hint="is the file being rewritten?"
        )

    def _under(self, one: _Listed) -> list[Entry]:
        """What was collected of this node under the inode of `one`."""
        return [e for e in self._done.entries if (e.node, e.inode) == (self._runner.name, one.inode)]

    def _place(self, fresh: Path, one: _Listed, target: str, digest: str) -> None:
        """Move the whole copy `fresh` to `target` and record it. Its own earlier copies go: what it begins with, and
        what is not as it was recorded. Anything else that is in its place makes room.
        """
        earlier = [
            (entry, old)
            for entry in self._under(one)
            if (old := self._into / entry.file) != fresh and (not self._whole(entry) or _begins_with(fresh, old))
        ]
        there = self._into / target
        if there.exists() and there not in [old for _, old in earlier] and not _begins_with(fresh, there):
            self._displace(target)
        fresh.rename(there)
        moved = next((e for e in self._under(one) if self._into / e.file == fresh), None)
        self._record(moved, Entry(self._runner.name, target, one.path, one.inode, one.size, digest))
        for entry, old in earlier:
            if old != there:
                old.unlink(missing_ok=True)
                self._record(entry, None)

    def _displace(self, file: str) -> None:
        """Give `file` the name of a rotated log: the moment of its last event, so that it keeps its place in time."""
        old = self._into / file
        moment = _last_moment(old)
        while (new := old.with_name(rotated_name(old.name, stamp(moment)))).exists():
            moment += timedelta(milliseconds=1)
        entry = next((e for e in self._done.entries if e.file == file), None)
        name = f"{self._folder}/{new.name}"
        old.rename(new)
        if entry:
            self._record(entry, msgspec.structs.replace(entry, file=name))
        self._displaced.append(name)

    def _settle(self, file: str) -> None:
        """A displaced file that the node has no more is kept, and that is said; unless another one holds it all."""
        kept = self._into / file
        if not kept.exists():
            return  # the node has it under another name, and so has it here now
        entry = next((e for e in self._done.entries if e.file == file), None)
        others = [self._into / e.file for e in self._done.entries if e.node == self._runner.name and e.file != file]
        if any(other.exists() and _begins_with(other, kept) for other in others):
            # compressed on the node since then
            kept.unlink()
            if entry:
                self._record(entry, None)
            return
        if entry:
            self._record(entry, msgspec.structs.replace(entry, inode=0))
        what = entry.path if entry else "what is in no manifest"
        self._done.notes.append(
            f"{self._runner.name}: {what} was collected before and is not there any more; it is kept as {file}"
        )

    def _fetch(self, one: _Listed, part: Path) -> bool:
        part.touch(mode=0o600)
        have = part.stat().st_size
        if have > one.size:
            part.unlink()
            part.touch(mode=0o600)
            have = 0
        if have == one.size:
            return True
        stretch = (have, one.size)
        with part.open("ab") as out:
            moved = fetch(self._runner, self._script, one.path, one.inode, stretch, out, self._progress)
        if moved is None:
            part.unlink()
            return False
        self._done.moved += moved
        if part.stat().st_size != one.size:
            raise NodeError(
                f"{self._runner.name}: {one.path} could not be fetched whole",
                hint="run the same command again: it goes on where it stopped",
            )
        return True

    def _sum(self, one: _Listed) -> str:
        parts: list[bytes] = []
        ran = self._runner.sh(self._script, ["sum", one.path, str(one.inode), str(one.size)], sink=parts.append)
        return b"".join(parts).decode().split(" ")[0] if ran.code == 0 else ""

    def _name(self, one: _Listed) -> str:
        """A name of its own below the node's folder: two logs of different folders may be called alike."""
        folder, _, name = one.path.rpartition("/")
        mine = [e for e in self._done.entries if e.node == self._runner.name]
        elsewhere = {e.file for e in mine if e.path.rpartition("/")[0] != folder and e.inode != one.inode}
        return f"{folder.rpartition('/')[2]}-{name}" if f"{self._folder}/{name}" in elsewhere else name

    def _whole(self, entry: Entry) -> bool:
        """Whether our copy is what the manifest says; a copy that was tampered with is fetched again."""
        path = self._into / entry.file
        return path.is_file() and path.stat().st_size == entry.size and _sha256(path) == entry.sha256

    def _record(self, old: Entry | None, new: Entry | None) -> None:
        """Put `new` in the place of `old`, and of whatever is recorded under its name."""
        others = [e for e in self._done.entries if e is not old and not (new and e.file == new.file)]
        self._done.entries = sorted([*others, new] if new else others, key=lambda e: e.file)
        _write(self._into / _MANIFEST, msgspec.json.format(msgspec.json.encode(self._done.entries)) + b"\n")
        sums = "".join(f"{e.sha256}  {e.file}\n" for e in self._done.entries)
        _write(self._into / _SUMS, sums.encode("utf-8", "surrogateescape"))


def _folder(node: str, entries: Sequence[Entry]) -> str:
    """The folder of a node: its own of earlier times, or its name, as far as a folder may be called so."""
    mine = next((e.file.partition("/")[0] for e in entries if e.node == node), None)
    if mine:
        return mine
    name = re.sub(r"[^\w.-]|^\.+", "_", node) or "node"
    others = {e.file.partition("/")[0] for e in entries}
    # `cp1:2222` and `cp1_2222` are two nodes
    numbers = (f"{name}-{number}" for number in range(2, len(others) + 3))
    return next(free for free in (name, *numbers) if free not in others)


def _last_moment(path: Path) -> datetime:
    """Of the last event in a log, rounded up to what a name can tell; without any, when the file was written."""
    tally = Tally()
    for _ in blocks(Unit(0, find_logs([str(path)])[0]), tally):
        pass
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    try:
        last = datetime.fromisoformat(tally.last) + timedelta(microseconds=999)
    except (ValueError, OverflowError):
        return written
    # a node's clock may be off; what claims to be of another day is something else with the name of a timestamp
    return min(last, written + timedelta(days=1))


def _begins_with(whole: Path, part: Path) -> bool:
    """Whether the one log, unpacked, begins with the other; a broken one begins with nothing."""
    left, right = _unpacked(whole), _unpacked(part)
    try:
        for wanted in right:
            if next(left, b"")[: len(wanted)] != wanted:
                return False
    except (OSError, EOFError, zlib.error):
        return False
    return True


def _unpacked(path: Path) -> Iterator[bytes]:
    """The text of a log, in pieces of one size but for the last."""
    with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as stream:
        while piece := stream.read(1 << 18):
            yield piece


def _read_manifest(into: Path) -> list[Entry]:
    try:
        return msgspec.json.decode((into / _MANIFEST).read_bytes(), type=list[Entry])
    except FileNotFoundError:
        return []
    except msgspec.MsgspecError as error:
        raise KauditError(
            f"{into / _MANIFEST} is no manifest of collected logs: {error}", hint="choose another -d DIR"
        ) from None


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(data)
    fresh.rename(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
