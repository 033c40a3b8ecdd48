"""The folder that logs are collected into, as it is on the disk: the copies, manifest.json and SHA256SUMS."""

from __future__ import annotations

from pathlib import Path

import msgspec

from kaudit_setup.auditlog.sources.collecting.inside import check_inside, write_whole
from kaudit_setup.auditlog.sources.collecting.record import Entry, Record
from kaudit_setup.auditlog.sources.copies import began_as, begins_with, sha256
from kaudit_setup.errors import KauditError

_MANIFEST = "manifest.json"
_SUMS = "SHA256SUMS"


class CollectedFolder:
    """The folder `into`; what is recorded of it is written whenever it changes."""

    def __init__(self, into: Path) -> None:
        """Make the folder, if need be, and read its manifest. Raises KauditError, OSError."""
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._into = into
        self.record = _read(into)
        self.notes = _repaired_sums(into, self.record)
        """Sentences about what was wrong there and is right now."""

    def path(self, file: str) -> Path:
        """Where FOLDER/NAME is."""
        return self._into / file

    def change(self, old: Entry | None, new: Entry | None) -> None:
        """Record `new` in the place of `old`, and of whatever is recorded under its name."""
        self.record = self.record.replace(old, new)
        write_whole(self._into / _MANIFEST, self.record.manifest())
        write_whole(self._into / _SUMS, self.record.sums())

    def whole(self, entry: Entry) -> bool:
        """Whether our copy is what the manifest says."""
        path = self.path(entry.file)
        return path.is_file() and path.stat().st_size == entry.size and sha256(path) == entry.sha256

    def difference(self, entry: Entry) -> str:
        """How a copy that is not `whole` differs, as a sentence."""
        size = self.path(entry.file).stat().st_size
        how = "its SHA-256 is another" if size == entry.size else f"it has {size} bytes, not {entry.size}"
        return f"{entry.file} was altered here after it had been collected from {entry.path} ({how})"


def holds(whole: Path, copy: Path, altered: Entry | None) -> bool:
    """Whether one log begins with what was collected as another: with its `copy`, or where that is `altered` or gone
    with bytes that have the recorded sum.
    """
    if altered is None:
        return begins_with(whole, copy)
    return began_as(whole, altered.size, altered.sha256, packed=altered.file.endswith(".gz"))


def _read(into: Path) -> Record:
    """What was collected before."""
    try:
        record = Record.parse((into / _MANIFEST).read_bytes())
    except FileNotFoundError:
        return Record()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise KauditError(
            f"{into / _MANIFEST} is not a manifest of collected logs: {error}", hint="choose another -d DIR"
        ) from None
    for entry in record.entries:
        check_inside(into, entry.file)
    return record


def _repaired_sums(into: Path, record: Record) -> tuple[str, ...]:
    """Make SHA256SUMS say what the manifest says: nothing else would, if there is nothing to fetch."""
    path = into / _SUMS
    try:
        there = path.read_bytes()
    except FileNotFoundError:
        there = None
    # without a manifest nothing is known that would be better than what is there
    if not record.entries or there == record.sums():
        return ()
    write_whole(path, record.sums())
    what = "was missing" if there is None else f"did not match {_MANIFEST}"
    return (f"{path} {what}; it was rewritten",)
