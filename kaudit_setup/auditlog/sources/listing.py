"""Which files hold the log of another machine: it says what it has, and the rules of reading here decide."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import msgspec

from kaudit_setup.auditlog.coverage.node import Coverage, coverage
from kaudit_setup.auditlog.file_names import is_copy
from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.find import logs_there, own_logs
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.sources.log_node import LogNode, Nothing, Unpack
from kaudit_setup.auditlog.sources.untrusted_files import ROOT, Trusted, trusted_files
from kaudit_setup.errors import NodeError
from kaudit_setup.units import counted
from kaudit_setup.values import replace

# as wide as they are on any system: mode, inode, device, size, time, user, group
_STATUS = struct.Struct("=IqqQqII")
_MOST_NOTES = 10
_WORDS = frozenset({"own", "writer", "odd", "done"})
_MOST = 64 << 20  # bytes of a list: some 500,000 files


class Listing(msgspec.Struct, frozen=True):
    """The log files of one machine, oldest first; sentences about what is left out; whether it answered at all; bytes
    that crossed the network.
    """

    host: str
    files: tuple[LogFile, ...] = ()
    notes: tuple[str, ...] = ()
    answered: bool = False
    moved: int = 0
    cluster: str = ""

    def of_cluster(self, cluster: str) -> Listing:
        """The same, of a machine of that cluster."""
        return replace(self, files=tuple(replace(file, cluster=cluster) for file in self.files), cluster=cluster)

    def coverage(self, tallies: Mapping[str, Tally]) -> tuple[Coverage, ...]:
        """What its log covers, by the names of its nodes; one without a log has a note. `tallies`: by path."""
        if not self.files:
            notes = ("no audit log was found here: name it with --log",) if self.answered else ()
            return (Coverage(self.host, notes=(*notes, *self.notes), cluster=self.cluster),)
        first, *others = coverage(self.files, tallies)
        return (replace(first, notes=(*first.notes, *self.notes)), *others)


def listing(node: LogNode, paths: Sequence[str]) -> Listing:
    """The log files below `paths` on one machine; without any, those of its kube-apiserver. Raises NodeError."""
    parts = bytearray()

    def keep(data: bytes) -> None:
        parts.extend(data)
        if len(parts) > _MOST:
            raise NodeError(f"{node.name}: the list of its logs is larger than {_MOST >> 20} MiB and is not believed")

    unpack = Unpack(keep)
    ran = node.ask(["list", "gzip", *paths], unpack.feed)
    if isinstance(ran, Nothing):
        # a part of a list would pass for the whole of it
        return Listing(node.name, moved=unpack.moved)
    if ran.code:
        said = ran.err.decode("utf-8", "replace")
        raise NodeError(f"{node.name}: listing the logs ended with status {ran.code}", details=said)
    answer = _Said.parse(parts.decode("utf-8", "surrogateescape"), node.name)
    if not answer.whole:
        raise NodeError(f"{node.name}: the list of the logs was cut short", hint="run the same command again")
    kept = answer.trusted(node.name)
    notes = (*answer.notes, *kept.notes[:_MOST_NOTES])
    return Listing(node.name, kept.files, notes, unpack.moved > 0, unpack.moved)


class _Said(msgspec.Struct, frozen=True):
    """The script's answer: `own`, the log of the API server there; `odd`, how many files cannot be named; `whole`,
    whether it came to its end. `writers`: the users that may write the server's log.
    """

    own: str
    odd: int
    whole: bool
    files: list[tuple[str, os.stat_result, bool]]
    writers: frozenset[int]

    @classmethod
    def parse(cls, text: str, name: str) -> _Said:
        """Raises NodeError."""
        lines = [line.partition(" ") for line in text.split("\n")[:-1]]
        own = next((rest for how, _, rest in reversed(lines) if how == "own"), "")
        words = [how for how, _, _ in lines]
        try:
            seen = [(how, *_described(rest)) for how, _, rest in lines if how not in _WORDS]
            writers = frozenset(int(rest[:10]) for how, _, rest in lines if how == "writer")
        except (ValueError, struct.error) as error:
            raise NodeError(f"{name}: the list of the logs has a line that cannot be read: {error}") from error
        # what is only an audit log by what it holds, and called like a copy of one, is not read twice
        files = [
            (path, info, how == "d") for how, path, info in seen if not (how == "s" and is_copy(PurePath(path).name))
        ]
        return cls(own, words.count("odd"), "done" in words, files, writers | {ROOT})

    def trusted(self, host: str) -> Trusted:
        """The files that are read, by the same rules as here."""
        files = logs_there(self.files, host)
        return trusted_files(own_logs(files, self.own), self.writers) if self.own else trusted_files(files)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of it."""
        if not self.odd:
            return ()
        names = "its name is" if self.odd == 1 else "their names are"
        return (f"{counted(self.odd, 'file')} with a line break in {names} left out",)


def _described(text: str) -> tuple[str, os.stat_result]:
    """The path and the status in a line of the list. Raises ValueError or struct.error."""
    mode, device, inode, size, changed, owner, group, path = text.split(" ", 7)
    numbers = (int(mode, 16), int(inode), int(device), int(size), int(changed), int(owner), int(group))
    _STATUS.pack(*numbers)
    if "\0" in path:
        raise ValueError("no path holds NUL")
    kind, node, disk, length, moment, user, members = numbers
    return path, os.stat_result((kind, node, disk, 1, user, members, length, moment, moment, moment))
