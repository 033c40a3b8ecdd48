"""Ask nodes for their logs: what they have, the bytes that are missing here, and their own sums of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from kaudit_setup.auditlog.sources.collecting.copies import NodeCopies
from kaudit_setup.auditlog.sources.collecting.folder import CollectedFolder
from kaudit_setup.auditlog.sources.collecting.record import Entry, Listed
from kaudit_setup.auditlog.sources.copies import sha256
from kaudit_setup.auditlog.sources.listing import listing
from kaudit_setup.auditlog.sources.log_node import LogNode, Progress
from kaudit_setup.errors import KauditError, NodeError
from kaudit_setup.runner import Runner

_SUM_BYTES = 64  # of a SHA-256 in hexadecimal


class Collected(msgspec.Struct, frozen=True):
    """What `collect` did: every file that is there now, how many were fetched, bytes over the wire, notes.

    `failures`: the nodes whose logs are not whole here, and why; each names its node.
    """

    entries: tuple[Entry, ...]
    fetched: int
    moved: int
    notes: tuple[str, ...]
    failures: tuple[NodeError, ...]

    @property
    def failure(self) -> NodeError | None:
        """All failures as one error; None where there is none."""
        return _together(self.failures)


def collect(
    runners: Sequence[Runner], script: str, paths: Sequence[str], into: Path, progress: Progress
) -> Collected:
    """Fetch the logs of `runners` into the folder `into`; what is there already stays. Files 0600, folders 0700.

    `script`: the text of `lib` and `logs`. `paths`: where the logs are there; empty: the script finds out.
    A node that fails does not keep the others from being asked. Can be stopped at any time and run again. Raises
    NodeError if every node failed, and KauditError if the folder cannot be written; their details have the notes of
    what was done by then.
    """
    notes: list[str] = []
    visits: list[_Visit] = []
    failures: list[NodeError] = []
    try:
        there = CollectedFolder(into)
        notes += there.notes
        for runner in runners:
            visit = _Visit(LogNode(runner, script), list(paths), there, progress)
            visits.append(visit)
            try:
                visit.collect()
            except NodeError as error:
                failures.append(_named(error, runner.name))
            finally:
                notes += visit.notes()
        failure = _together(failures)
        if failure and len(failures) == len(runners):
            raise failure
    except KauditError as error:
        # what these speak of is done, so that the next run has no reason to say it
        error.details = "\n".join([*error.details.splitlines(), *notes])
        raise
    except OSError as error:
        raise KauditError(
            f"cannot write to {into}: {error.strerror or error}",
            hint="make room there or make it writable, or choose another -d DIR",
            details="\n".join(notes),
        ) from error
    fetched, moved = sum(visit.fetched for visit in visits), sum(visit.moved for visit in visits)
    return Collected(there.record.entries, fetched, moved, tuple(notes), tuple(failures))


def _together(failures: Sequence[NodeError]) -> NodeError | None:
    if len(failures) < 2:
        return next(iter(failures), None)
    return NodeError(
        f"the logs of {len(failures)} nodes were not collected whole",
        hint="run the same command again; what is here already is not fetched again",
        details="\n".join(error.message for error in failures),
    )


def _named(error: NodeError, node: str) -> NodeError:
    if not error.message.startswith(f"{node}: "):
        error.message = f"{node}: {error.message}"
    return error


class _Visit:
    """One node, asked for its logs. `fetched`: files; `moved`: bytes over the wire."""

    def __init__(self, node: LogNode, paths: Sequence[str], there: CollectedFolder, progress: Progress) -> None:
        self._node = node
        self._paths = paths
        self._progress = progress
        self._copies = NodeCopies(node.name, there)
        self.fetched = 0
        self.moved = 0

    def notes(self) -> list[str]:
        """What a person should know, each sentence with the node's name."""
        return [f"{self._node.name}: {sentence}" for sentence in self._copies.notes]

    def collect(self) -> None:
        """Fetch what is new; a second look takes what was rotated in the meantime. Raises KauditError, OSError."""
        whole = self._fetch_all() or self._fetch_all()
        self._copies.settle()
        if whole:
            self._copies.remove_parts()
        else:
            self._copies.notes.append("files were rotated away while they were fetched; run again")

    def _fetch_all(self) -> bool:
        """False if a file was gone before it was here."""
        listed = self._list()
        if not listed:
            raise NodeError(
                f"{self._node.name}: no audit log was found",
                hint="name it with --log PATH, as the node sees it",
            )
        gone = [one for one in listed if not self._bring(one)]
        return not gone

    def _list(self) -> list[Listed]:
        found = listing(self._node, self._paths)
        self.moved += found.moved
        self._copies.notes += found.notes
        return [Listed(file.path, file.inode[1], file.size) for file in found.files]

    def _bring(self, one: Listed) -> bool:
        """Make our copy whole. False if the file is gone from the node."""
        known = self._copies.newest(one)
        if known and known.size == one.size and self._same(known, one):
            self._copies.rename(known, one)
            return True
        part = self._copies.part(one, known)
        for _ in range(2):
            if not self._fetch(one, part):
                return False
            digest = sha256(part)
            if digest == self._sum(one):
                self._copies.place(part, one, digest)
                self.fetched += 1
                return True
            # an inode number that was used again, or a part of something else: start again
            part.unlink()
        raise NodeError(
            f"{self._node.name}: {one.path} does not arrive as it is there", hint="is the file being rewritten?"
        )

    def _same(self, known: Entry, one: Listed) -> bool:
        """Whether a file of the inode and the size of `known` is that. Under another name it may be another one: full
        logs are of about one size, and the next log gets the inode of the one that was deleted.
        """
        return known.path == one.written or self._sum(one) == known.sha256

    def _fetch(self, one: Listed, part: Path) -> bool:
        """Append to `part` what is missing of `one`. False if the file is gone from the node."""
        part.touch(mode=0o600)
        have = part.stat().st_size
        if have > one.size:
            part.unlink()
            part.touch(mode=0o600)
            have = 0
        if have == one.size:
            return True
        with part.open("ab") as out:
            moved = self._node.fetch(one.path, one.inode, (have, one.size), out, self._progress)
        if moved is None:
            part.unlink()
            return False
        self.moved += moved
        if part.stat().st_size != one.size:
            raise NodeError(
                f"{self._node.name}: {one.path} could not be fetched whole",
                hint="run the same command again: it goes on where it stopped",
            )
        return True

    def _sum(self, one: Listed) -> str:
        """The node's own sum of the file as long as it was when it was listed; empty if it cannot tell."""
        said = bytearray()

        def keep(data: bytes) -> None:
            said.extend(data[: _SUM_BYTES - len(said)])

        ran = self._node.ask(["sum", one.path, str(one.inode), str(one.size)], keep)
        return said.decode("ascii", "replace") if ran.code == 0 else ""
