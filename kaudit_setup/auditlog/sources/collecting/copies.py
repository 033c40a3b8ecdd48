"""What becomes of the copies of one node: which a new one replaces, which make room, which are all there is."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from pathlib import Path

import msgspec

from kaudit_setup.auditlog.file_names import rotated_name
from kaudit_setup.auditlog.sources.collecting.folder import CollectedFolder, holds
from kaudit_setup.auditlog.sources.collecting.inside import refuse_link
from kaudit_setup.auditlog.sources.collecting.record import Entry, Listed
from kaudit_setup.auditlog.sources.copies import begins_with, free, last_moment, raw
from kaudit_setup.auditlog.timestamps import stamp

_PART = re.compile(r"\.\d+\.part")


class NodeCopies:
    """The copies of the node `node` in a folder."""

    def __init__(self, node: str, there: CollectedFolder) -> None:
        """Make the node's own folder. Raises KauditError, OSError."""
        self._node = node
        self._there = there
        self._folder = there.record.folder(node)
        refuse_link(there.path(self._folder))
        there.path(self._folder).mkdir(mode=0o700, exist_ok=True)
        self._displaced: list[str] = []
        """Files that had to make room; a later one of the list may turn out to be one of them."""
        self.notes: list[str] = []
        """Sentences about copies that are not what one would expect."""

    def newest(self, one: Listed) -> Entry | None:
        """What was last collected of `one`, if that is still as it was recorded; or of the log that had its inode."""
        earlier = (e for e in self._earlier(one) if e.size <= one.size)
        known = max(earlier, key=lambda e: e.size, default=None)
        return known if known and self._there.whole(known) else None

    def rename(self, known: Entry, one: Listed) -> None:
        """Call the copy `known` as the node calls the file now."""
        if known.file != self._target(one):
            self.place(self._there.path(known.file), one, known.sha256)

    def part(self, one: Listed, known: Entry | None) -> Path:
        """Where `one` is fetched to; it holds what a stopped run has fetched of it, or what is `known` of it."""
        part = self._there.path(f"{self._folder}/.{one.inode}.part")
        refuse_link(part)
        if known and not part.exists():
            # what is here stays until there is something better
            part.touch(mode=0o600)
            shutil.copyfile(self._there.path(known.file), part)
        return part

    def place(self, fresh: Path, one: Listed, digest: str) -> None:
        """Move the whole copy `fresh` of `one` to its name and record it. Its own earlier copies go: what it begins
        with. Anything else that is in its place makes room.
        """
        target = self._target(one)
        there = self._there.path(target)
        earlier = self._replaced(fresh, one, target)
        own = target in [entry.file for entry in earlier]
        if there.exists() and not own and (self._there.record.at(target) or not begins_with(fresh, there)):
            self._displace(target)
        fresh.rename(there)
        moved = next((e for e in self._earlier(one) if self._there.path(e.file) == fresh), None)
        self._there.change(moved, Entry(self._node, target, one.written, one.inode, one.size, digest))
        for entry in earlier:
            if entry.file != target:
                self._there.path(entry.file).unlink(missing_ok=True)
                self._there.change(entry, None)

    def settle(self) -> None:
        """Once all that the node has is here: say what it has no more, and is kept."""
        for file in self._displaced:
            self._settle(file)

    def remove_parts(self) -> None:
        """Remove what stopped runs had begun to fetch and none can go on with: what is listed is whole here now.

        Bytes that no collected log begins with are all that is left of a log, and stay.
        """
        logs = [self._there.path(e.file) for e in self._there.record.of(self._node)]
        for part in sorted(self._there.path(self._folder).iterdir()):
            if not _PART.fullmatch(part.name):
                continue
            if any(log.exists() and (begins_with(log, part) or begins_with(log, part, raw)) for log in logs):
                part.unlink()
                continue
            self.notes.append(
                f"{self._folder}/{part.name} is all that a stopped run had fetched of a log that is not listed "
                "any more; no collected log begins with it"
            )

    def _target(self, one: Listed) -> str:
        return f"{self._folder}/{self._there.record.name(self._node, self._folder, one)}"

    def _earlier(self, one: Listed, target: str = "") -> list[Entry]:
        """What was collected of this node under the inode of `one`, or as `target`."""
        return [e for e in self._there.record.of(self._node) if e.inode == one.inode or e.file == target]

    def _altered(self, entry: Entry) -> Entry | None:
        """`entry`, if our copy is not what it says."""
        return None if self._there.whole(entry) else entry

    def _replaced(self, fresh: Path, one: Listed, target: str) -> list[Entry]:
        """The earlier copies that `fresh` holds all of; of the others it is said what becomes of them."""
        earlier: list[Entry] = []
        for entry in self._earlier(one, target):
            old, altered = self._there.path(entry.file), self._altered(entry)
            if old == fresh:
                continue
            if holds(fresh, old, altered):
                earlier.append(entry)
                if altered:
                    self._put_aside(altered, fresh)
            else:
                self._outlived(entry, altered, one, target)
        return earlier

    def _put_aside(self, entry: Entry, fresh: Path) -> None:
        """Say that our copy was altered since it was collected, now that the node's own is here, which is `fresh`; it
        is kept if there is anything in it that `fresh` does not have.
        """
        old = self._there.path(entry.file)
        if not old.exists():
            return
        differs, kept = self._there.difference(entry), ""
        if not begins_with(fresh, old, raw):
            aside = free(old.with_name(f"{old.name}.altered"))
            old.rename(aside)
            kept = f", and the altered copy is kept as {self._folder}/{aside.name}"
        elif old.stat().st_size >= entry.size:
            return  # nobody altered it: a run was stopped before it was recorded
        self.notes.append(f"{differs}; it was fetched again{kept}")

    def _outlived(self, entry: Entry, altered: Entry | None, one: Listed, target: str) -> None:
        """`one` has the inode or the name of what was collected as `entry` and is another log. So the node has that
        no more, and it stays here. If there is nothing left of it, or if it was altered, this is said.
        """
        if not self._there.path(entry.file).exists():
            gone = f"{entry.file} was collected before and is missing here; {one.path} is another log by now"
            self.notes.append(gone)
            if entry.file == target:
                return  # its name is taken now
        elif altered and entry.file != target:
            differs = self._there.difference(entry)
            self.notes.append(f"{differs}; it is kept, as {one.path} is another log by now")
        if entry.inode == one.inode:
            self._there.change(entry, msgspec.structs.replace(entry, inode=0))

    def _displace(self, file: str) -> None:
        """Give `file` the name of a rotated log: the moment of its last event, so that it keeps its place in time."""
        old = self._there.path(file)
        moment = last_moment(old)
        while (new := old.with_name(rotated_name(old.name, stamp(moment)))).exists():
            moment += timedelta(milliseconds=1)
        entry = self._there.record.at(file)
        name = f"{self._folder}/{new.name}"
        old.rename(new)
        if entry:
            self._there.change(entry, msgspec.structs.replace(entry, file=name))
        self._displaced.append(name)

    def _settle(self, file: str) -> None:
        """A displaced file that the node has no more is kept, and that is said; unless another one holds it all."""
        kept = self._there.path(file)
        if not kept.exists():
            return  # the node has it under another name, and so has it here now
        entry = self._there.record.at(file)
        altered = self._altered(entry) if entry else None
        others = [self._there.path(e.file) for e in self._there.record.of(self._node) if e.file != file]
        # compressed on the node since then
        whole = next((other for other in others if other.exists() and holds(other, kept, altered)), None)
        if whole:
            if altered:
                self._put_aside(altered, whole)
            kept.unlink(missing_ok=True)
            if entry:
                self._there.change(entry, None)
            return
        if entry:
            self._there.change(entry, msgspec.structs.replace(entry, inode=0))
        what = entry.path if entry else "what is in no manifest"
        self.notes.append(f"{what} was collected before and is not there any more; it is kept as {file}")
        if altered:
            self.notes.append(self._there.difference(altered))
