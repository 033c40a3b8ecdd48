"""Logs fetched from nodes into a folder: a manifest of SHA-256 sums, and only what is missing is fetched again.

Layout: `DIR/<node>/<file>`, `DIR/manifest.json` (what came from where), `DIR/SHA256SUMS` (for `sha256sum -c`).
A file is the same file if its inode is: a rotated log is renamed here too, not fetched twice. The node's own sum of
what was fetched has the last word.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from kaudit_setup.errors import KauditError, NodeError
from kaudit_setup.trail.remote import Runner, Unpack

Progress = Callable[[str, str, int, int], None]
"""Told (node, file, bytes there, bytes in all) while a file is fetched."""

_MANIFEST = "manifest.json"
_SUMS = "SHA256SUMS"
_GONE = 3  # the script's status for a file that was rotated away


class Entry(msgspec.Struct, frozen=True):
    """One collected file: `file` below the folder, `path` and `inode` on the node, `size` bytes, `sha256` in hex."""

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
            f"cannot write to {into}: {error.strerror or error}", hint="choose another -d DIR"
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
        self._folder = re.sub(r"[^\w.-]|^\.+", "_", runner.name) or "node"
        self._progress = progress
        self._done = done

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
        if again:
            self._done.notes.append(
                f"{self._runner.name}: files were rotated away while they were fetched; run again"
            )

    def _list(self) -> list[_Listed]:
        lines = self._run(["list", "gzip", *self._paths])[0].splitlines()
        listed = []
        for line in lines:
            size, inode, path = line.decode("utf-8", "surrogateescape").split(" ", 2)
            listed.append(_Listed(path, int(inode), int(size)))
        return listed

    def _file(self, one: _Listed) -> bool:
        """Make our copy whole. False if the file is gone from the node."""
        known = next(
            (
                e
                for e in self._done.entries
                if (e.node, e.inode) == (self._runner.name, one.inode) and e.size <= one.size
            ),
            None,
        )
        target = f"{self._folder}/{self._name(one)}"
        if known and known.size == one.size and self._whole(known):
            if known.file != target:
                (self._into / known.file).rename(self._into / target)
                self._record(known, Entry(known.node, target, one.path, one.inode, one.size, known.sha256))
            return True
        part = self._into / self._folder / f".{one.inode}.part"
        if known and not part.exists() and self._whole(known):
            (self._into / known.file).rename(part)
        for _ in range(2):
            if not self._fetch(one, part):
                return False
            digest = _sha256(part)
            if digest == self._sum(one):
                part.rename(self._into / target)
                self._record(known, Entry(self._runner.name, target, one.path, one.inode, one.size, digest))
                self._done.fetched += 1
                return True
            # an inode number that was used again, or a part of something else: begin anew
            part.unlink()
        raise NodeError(
            f"{self._runner.name}: {one.path} does not arrive as it is there", hint="is the file being rewritten?"
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
        with part.open("ab") as out:

            def write(data: bytes) -> None:
                out.write(data)
                self._progress(self._runner.name, one.path, out.tell(), one.size)

            unpack = Unpack(write)
            args = ["fetch", "cat" if one.path.endswith(".gz") else "gzip", one.path, str(one.inode), str(have)]
            ran = self._runner.sh(self._script, [*args, str(one.size)], sink=unpack.feed)
        self._done.moved += unpack.moved
        if ran.code == _GONE:
            part.unlink()
            return False
        if ran.code or part.stat().st_size != one.size:
            raise NodeError(
                f"{self._runner.name}: {one.path} could not be fetched whole",
                hint="run the same command again: it goes on where it stopped",
                details=ran.err.decode("utf-8", "replace"),
            )
        return True

    def _sum(self, one: _Listed) -> str:
        parts: list[bytes] = []
        ran = self._runner.sh(self._script, ["sum", one.path, str(one.inode), str(one.size)], sink=parts.append)
        return b"".join(parts).decode().split(" ")[0] if ran.code == 0 else ""

    def _run(self, args: list[str]) -> tuple[bytes, int]:
        parts: list[bytes] = []
        unpack = Unpack(parts.append)
        ran = self._runner.sh(self._script, args, sink=unpack.feed)
        self._done.moved += unpack.moved
        if ran.code:
            said = ran.err.decode("utf-8", "replace")
            raise NodeError(f"{self._runner.name}: listing the logs ended with status {ran.code}", details=said)
        return b"".join(parts), ran.code

    def _name(self, one: _Listed) -> str:
        """A name of its own below the node's folder: two logs of different folders may be called alike."""
        folder, _, name = one.path.rpartition("/")
        mine = [e for e in self._done.entries if e.node == self._runner.name]
        elsewhere = {e.file for e in mine if e.path.rpartition("/")[0] != folder}
        return f"{folder.rpartition('/')[2]}-{name}" if f"{self._folder}/{name}" in elsewhere else name

    def _whole(self, entry: Entry) -> bool:
        """Whether our copy is what the manifest says; a copy that was tampered with is fetched again."""
        path = self._into / entry.file
        return path.is_file() and path.stat().st_size == entry.size and _sha256(path) == entry.sha256

    def _record(self, old: Entry | None, new: Entry) -> None:
        others = [e for e in self._done.entries if e is not old and e.file != new.file]
        self._done.entries = sorted([*others, new], key=lambda e: e.file)
        _write(self._into / _MANIFEST, msgspec.json.format(msgspec.json.encode(self._done.entries)) + b"\n")
        sums = "".join(f"{e.sha256}  {e.file}\n" for e in self._done.entries)
        _write(self._into / _SUMS, sums.encode("utf-8", "surrogateescape"))


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
