"""Which files hold the log of another machine: it says what it has, and the rules of reading here decide."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.find import logs_there, own_logs
from kaudit_setup.auditlog.sources.runner import Runner, Unpack
from kaudit_setup.errors import NodeError
from kaudit_setup.resources import counted

_STATUS = struct.Struct("=IqqQq")  # as wide as they are on any system: mode, inode, device, size, time
_MOST = 64 << 20  # bytes of a list: some 500,000 files


@dataclass(frozen=True, slots=True)
class Listing:
    """The log files of one machine, oldest first; sentences about what is left out; whether it answered at all; bytes
    that crossed the network.
    """

    host: str
    files: tuple[LogFile, ...] = ()
    notes: tuple[str, ...] = ()
    heard: bool = False
    moved: int = 0
    cluster: str = ""

    def of_cluster(self, cluster: str) -> Listing:
        """The same, of a machine of that cluster."""
        return replace(self, files=tuple(replace(file, cluster=cluster) for file in self.files), cluster=cluster)


def listing(runner: Runner, script: str, paths: Sequence[str]) -> Listing:
    """The log files below `paths` on one machine; without any, those of the kube-apiserver there. Raises NodeError.

    `script`: the text of `lib` and `logs`.
    """
    parts = bytearray()

    def keep(data: bytes) -> None:
        parts.extend(data)
        if len(parts) > _MOST:
            raise NodeError(
                f"{runner.name}: the list of its logs is larger than {_MOST >> 20} MiB and is not believed"
            )

    unpack = Unpack(keep)
    ran = runner.sh(script, ["list", "gzip", *paths], sink=unpack.feed)
    if ran.code:
        said = ran.err.decode("utf-8", "replace")
        raise NodeError(f"{runner.name}: listing the logs ended with status {ran.code}", details=said)
    own, odd, whole = "", 0, False
    found: list[tuple[str, os.stat_result, bool]] = []
    for line in parts.decode("utf-8", "surrogateescape").split("\n")[:-1]:
        how, _, rest = line.partition(" ")
        if how == "own":
            own = rest
        elif how == "odd":
            odd += 1
        elif how == "done":
            whole = True
        else:
            try:
                found.append((*_described(rest), how == "d"))
            except (ValueError, struct.error) as error:
                raise NodeError(f"{runner.name}: the list of the logs has a line that is none: {line!r}") from error
    if unpack.moved and not whole:
        raise NodeError(f"{runner.name}: the list of the logs was cut short", hint="run the same command again")
    files = logs_there(found, runner.name)
    many = f"{counted(odd, 'file')} with a line break in {'its name is' if odd == 1 else 'their names are'} left out"
    notes = (many,) if odd else ()
    return Listing(runner.name, own_logs(files, own) if own else files, notes, unpack.moved > 0, unpack.moved)


def _described(text: str) -> tuple[str, os.stat_result]:
    """The path and the status in a line of the list. Raises ValueError or struct.error."""
    mode, device, inode, size, changed, path = text.split(" ", 5)
    numbers = (int(mode, 16), int(inode), int(device), int(size), int(changed))
    _STATUS.pack(*numbers)
    if "\0" in path:
        raise ValueError("no path holds NUL")
    kind, node, disk, length, moment = numbers
    return path, os.stat_result((kind, node, disk, 1, 0, 0, length, moment, moment, moment))
