"""Logs fetched from nodes into a folder: a manifest of SHA-256 sums, and only what is missing is fetched again.

Layout: `DIR/<node>/<file>`, `DIR/manifest.json` (what came from where), `DIR/SHA256SUMS` (for `sha256sum -c`).
A file is the same file if its inode is and it begins with what is here: a rotated log is renamed here too, not
fetched twice. The node's own sum of what was fetched has the last word. What is here gives way only to a file that
begins with it: a log that the node has deleted since then is kept under the name of a rotated one, where other
commands read it. A copy that is not what the manifest says any more is evidence, too: its recorded sum tells whether
the node still has what it was, and then it is kept beside the new one, under a name that no command reads as a log.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import msgspec

from kaudit_setup.auditlog.file_names import rotated_name
from kaudit_setup.auditlog.sources.copies import began_as, begins_with, free, last_moment, raw, sha256
from kaudit_setup.auditlog.sources.inside import check_inside, refuse_link, write_whole
from kaudit_setup.auditlog.sources.listing import listing
from kaudit_setup.auditlog.sources.runner import Progress, fetch
from kaudit_setup.auditlog.timestamps import stamp
from kaudit_setup.errors import KauditError, NodeError
from kaudit_setup.runner import Runner

_MANIFEST = "manifest.json"
_SUMS = "SHA256SUMS"
_PART = re.compile(r"\.\d+\.part")

_SUM_BYTES = 64  # of a SHA-256 in hexadecimal


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
    """What `collect` did: every file that is there now, how many were fetched, bytes over the wire, notes.

    `failures`: the nodes whose logs are not whole here, and why; each names its node.
    """

    entries: list[Entry] = field(default_factory=list)
    fetched: int = 0
    moved: int = 0
    notes: list[str] = field(default_factory=list)
    failures: list[NodeError] = field(default_factory=list)

    @property
    def failure(self) -> NodeError | None:
        """All failures as one error; None where there is none."""
        if len(self.failures) < 2:
            return next(iter(self.failures), None)
        return NodeError(
            f"the logs of {len(self.failures)} nodes were not collected whole",
            hint="run the same command again; what is here already is not fetched again",
            details="\n".join(error.message for error in self.failures),
        )


@dataclass(frozen=True, slots=True)
class _Listed:
    path: str
    inode: int
    size: int

    @property
    def written(self) -> str:
        r"""`path` as the manifest and names here can hold it: a byte that is not UTF-8 as `\xff`."""
        return self.path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def collect(
    runners: Sequence[Runner], script: str, paths: Sequence[str], into: Path, progress: Progress
) -> Collected:
    """Fetch the logs of `runners` into the folder `into`; what is there already stays. Files 0600, folders 0700.

    `script`: the text of `lib` and `logs`. `paths`: where the logs are there; empty: the script finds out.
    A node that fails does not keep the others from being asked. Can be stopped at any time and run again. Raises
    NodeError if every node failed, and KauditError if the folder cannot be written; their details have the notes of
    what was done by then.
    """
    done = Collected()
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        done.entries = _read_manifest(into)
        done.notes += _repaired_sums(into, done.entries)
        for runner in runners:
            try:
                _Node(runner, script, list(paths), into, progress, done).collect()
            except NodeError as error:
                done.failures.append(_named(error, runner.name))
        if done.failure and len(done.failures) == len(runners):
            raise done.failure
    except KauditError as error:
        # what these speak of is done, so that the next run has no reason to say it
        error.details = "\n".join([*error.details.splitlines(), *done.notes])
        raise
    except OSError as error:
        raise KauditError(
            f"cannot write to {into}: {error.strerror or error}",
            hint="make room there or make it writable, or choose another -d DIR",
            details="\n".join(done.notes),
        ) from error
    return done


def _named(error: NodeError, node: str) -> NodeError:
    if not error.message.startswith(f"{node}: "):
        error.message = f"{node}: {error.message}"
    return error


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
        refuse_link(self._into / self._folder)
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
            self._note("files were rotated away while they were fetched; run again")
        else:
            self._clear()

    def _list(self) -> list[_Listed]:
        found = listing(self._runner, self._script, self._paths)
        self._done.moved += found.moved
        for note in found.notes:
            self._note(note)
        return [_Listed(file.path, file.inode[1], file.size) for file in found.files]

    def _file(self, one: _Listed) -> bool:
        """Make our copy whole. False if the file is gone from the node."""
        known = max((e for e in self._under(one) if e.size <= one.size), key=lambda e: e.size, default=None)
        whole = known is not None and self._whole(known)
        target = f"{self._folder}/{self._name(one)}"
        if known and whole and known.size == one.size and self._same(known, one):
            if known.file != target:
                self._place(self._into / known.file, one, target, known.sha256)
            return True
        part = self._into / self._folder / f".{one.inode}.part"
        refuse_link(part)
        if known and whole and not part.exists():
            # what is here stays until there is something better
            part.touch(mode=0o600)
            shutil.copyfile(self._into / known.file, part)
        for _ in range(2):
            if not self._fetch(one, part):
                return False
            digest = sha256(part)
            if digest == self._sum(one):
                self._place(part, one, target, digest)
                self._done.fetched += 1
                return True
            # an inode number that was used again, or a part of something else: start again
            part.unlink()
        raise NodeError(
            f"{self._runner.name}: {one.path} does not arrive as it is there", hint="is the file being rewritten?"
        )

    def _same(self, known: Entry, one: _Listed) -> bool:
        """Whether a file of the inode and the size of `known` is that. Under another name it may be another one: full
        logs are of about one size, and the next log gets the inode of the one that was deleted.
        """
        return known.path == one.written or self._sum(one) == known.sha256

    def _under(self, one: _Listed, target: str = "") -> list[Entry]:
        """What was collected of this node under the inode of `one`, or as `target`."""
        mine = [e for e in self._done.entries if e.node == self._runner.name]
        return [e for e in mine if e.inode == one.inode or e.file == target]

    def _place(self, fresh: Path, one: _Listed, target: str, digest: str) -> None:
        """Move the whole copy `fresh` to `target` and record it. Its own earlier copies go: what it begins with.
        Anything else that is in its place makes room.
        """
        there = self._into / target
        earlier: list[Entry] = []
        for entry in self._under(one, target):
            old, altered = self._into / entry.file, self._altered(entry)
            if old == fresh:
                continue
            if _holds(fresh, old, altered):
                earlier.append(entry)
                if altered:
                    self._put_aside(altered, fresh)
            else:
                self._outlived(entry, altered, one, target)
        own = target in [entry.file for entry in earlier]
        if there.exists() and not own and (self._recorded(target) or not begins_with(fresh, there)):
            self._displace(target)
        fresh.rename(there)
        moved = next((e for e in self._under(one) if self._into / e.file == fresh), None)
        self._record(moved, Entry(self._runner.name, target, one.written, one.inode, one.size, digest))
        for entry in earlier:
            if entry.file != target:
                (self._into / entry.file).unlink(missing_ok=True)
                self._record(entry, None)

    def _put_aside(self, entry: Entry, fresh: Path) -> None:
        """Say that our copy was altered since it was collected, now that the node's own is here, which is `fresh`; it
        is kept if there is anything in it that `fresh` does not have.
        """
        old = self._into / entry.file
        if not old.exists():
            return
        differs, kept = self._difference(entry), ""
        if not begins_with(fresh, old, raw):
            aside = free(old.with_name(f"{old.name}.altered"))
            old.rename(aside)
            kept = f", and the altered copy is kept as {self._folder}/{aside.name}"
        elif old.stat().st_size >= entry.size:
            return  # nobody altered it: a run was stopped before it was recorded
        self._note(f"{differs}; it was fetched again{kept}")

    def _outlived(self, entry: Entry, altered: Entry | None, one: _Listed, target: str) -> None:
        """`one` has the inode or the name of what was collected as `entry` and is another log. So the node has that
        no more, and it stays here. If there is nothing left of it, or if it was altered, this is said.
        """
        if not (self._into / entry.file).exists():
            self._note(f"{entry.file} was collected before and is missing here; {one.path} is another log by now")
            if entry.file == target:
                return  # its name is taken now
        elif altered and entry.file != target:
            self._note(f"{self._difference(entry)}; it is kept, as {one.path} is another log by now")
        if entry.inode == one.inode:
            self._record(entry, msgspec.structs.replace(entry, inode=0))

    def _difference(self, entry: Entry) -> str:
        size = (self._into / entry.file).stat().st_size
        how = "its SHA-256 is another" if size == entry.size else f"it has {size} bytes, not {entry.size}"
        return f"{entry.file} was altered here after it had been collected from {entry.path} ({how})"

    def _note(self, sentence: str) -> None:
        self._done.notes.append(f"{self._runner.name}: {sentence}")

    def _displace(self, file: str) -> None:
        """Give `file` the name of a rotated log: the moment of its last event, so that it keeps its place in time."""
        old = self._into / file
        moment = last_moment(old)
        while (new := old.with_name(rotated_name(old.name, stamp(moment)))).exists():
            moment += timedelta(milliseconds=1)
        entry = self._recorded(file)
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
        entry = self._recorded(file)
        altered = self._altered(entry) if entry else None
        others = [self._into / e.file for e in self._done.entries if e.node == self._runner.name and e.file != file]
        # compressed on the node since then
        whole = next((other for other in others if other.exists() and _holds(other, kept, altered)), None)
        if whole:
            if altered:
                self._put_aside(altered, whole)
            kept.unlink(missing_ok=True)
            if entry:
                self._record(entry, None)
            return
        if entry:
            self._record(entry, msgspec.structs.replace(entry, inode=0))
        what = entry.path if entry else "what is in no manifest"
        self._note(f"{what} was collected before and is not there any more; it is kept as {file}")
        if altered:
            self._note(self._difference(altered))

    def _clear(self) -> None:
        """Remove what stopped runs had begun to fetch and none can go on with: what is listed is whole here now.

        Bytes that no collected log begins with are all that is left of a log, and stay.
        """
        logs = [self._into / e.file for e in self._done.entries if e.node == self._runner.name]
        for part in sorted((self._into / self._folder).iterdir()):
            if not _PART.fullmatch(part.name):
                continue
            if not any(log.exists() and (begins_with(log, part) or begins_with(log, part, raw)) for log in logs):
                self._note(
                    f"{self._folder}/{part.name} is all that a stopped run had fetched of a log that is not listed "
                    "any more; no collected log begins with it"
                )
                continue
            part.unlink()

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
        said = bytearray()

        def keep(data: bytes) -> None:
            said.extend(data[: _SUM_BYTES - len(said)])

        ran = self._runner.sh(self._script, ["sum", one.path, str(one.inode), str(one.size)], sink=keep)
        return said.decode("ascii", "replace") if ran.code == 0 else ""

    def _name(self, one: _Listed) -> str:
        """A name of its own below the node's folder: two logs of different folders may be called alike."""
        folder, _, name = one.written.rpartition("/")
        mine = [e for e in self._done.entries if e.node == self._runner.name]
        elsewhere = {e.file for e in mine if e.path.rpartition("/")[0] != folder and e.inode != one.inode}
        return f"{folder.rpartition('/')[2]}-{name}" if f"{self._folder}/{name}" in elsewhere else name

    def _whole(self, entry: Entry) -> bool:
        """Whether our copy is what the manifest says."""
        path = self._into / entry.file
        return path.is_file() and path.stat().st_size == entry.size and sha256(path) == entry.sha256

    def _altered(self, entry: Entry) -> Entry | None:
        """`entry`, if our copy is not what it says."""
        return None if self._whole(entry) else entry

    def _recorded(self, file: str) -> Entry | None:
        return next((e for e in self._done.entries if e.file == file), None)

    def _record(self, old: Entry | None, new: Entry | None) -> None:
        """Put `new` in the place of `old`, and of whatever is recorded under its name."""
        others = [e for e in self._done.entries if e is not old and not (new and e.file == new.file)]
        self._done.entries = sorted([*others, new] if new else others, key=lambda e: e.file)
        write_whole(self._into / _MANIFEST, msgspec.json.format(msgspec.json.encode(self._done.entries)) + b"\n")
        write_whole(self._into / _SUMS, _sums(self._done.entries))


def _folder(node: str, entries: Sequence[Entry]) -> str:
    """The folder of a node: its own of earlier times, or its name, as far as a folder may be called so."""
    mine = next((e.file.partition("/")[0] for e in entries if e.node == node), None)
    if mine:
        return mine
    name = re.sub(r"[^\w.-]|^\.+", "_", node) or "node"
    others = {e.file.partition("/")[0] for e in entries}
    # `cp1:2222` and `cp1_2222` are two nodes
    numbers = (f"{name}-{number}" for number in range(2, len(others) + 3))
    return next(own for own in (name, *numbers) if own not in others)


def _holds(whole: Path, copy: Path, altered: Entry | None) -> bool:
    """Whether one log begins with what was collected as another: with its `copy`, or where that is `altered` or gone
    with bytes that have the recorded sum.
    """
    if altered is None:
        return begins_with(whole, copy)
    return began_as(whole, altered.size, altered.sha256, packed=altered.file.endswith(".gz"))


def _read_manifest(into: Path) -> list[Entry]:
    """What was collected before."""
    try:
        entries = msgspec.json.decode((into / _MANIFEST).read_bytes(), type=list[Entry])
        for entry in entries:
            check_inside(into, entry.file)
        return entries
    except FileNotFoundError:
        return []
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise KauditError(
            f"{into / _MANIFEST} is not a manifest of collected logs: {error}", hint="choose another -d DIR"
        ) from None


def _repaired_sums(into: Path, entries: Sequence[Entry]) -> list[str]:
    """Make SHA256SUMS say what the manifest says: nothing else would, if there is nothing to fetch. A sentence if it
    did not.
    """
    path = into / _SUMS
    try:
        there = path.read_bytes()
    except FileNotFoundError:
        there = None
    # without a manifest nothing is known that would be better than what is there
    if not entries or there == _sums(entries):
        return []
    write_whole(path, _sums(entries))
    what = "was missing" if there is None else f"did not match {_MANIFEST}"
    return [f"{path} {what}; it was rewritten"]


def _sums(entries: Sequence[Entry]) -> bytes:
    return "".join(f"{e.sha256}  {e.file}\n" for e in entries).encode("utf-8", "surrogateescape")
