"""What a question needs of its sources: several passes over each, and an answer although one of them is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, BinaryIO

from kaudit_setup.errors import NodeError
from kaudit_setup.trail.files import STDIN, LogFile
from kaudit_setup.trail.remote import Finished, Runner


@dataclass(frozen=True, slots=True)
class _Nothing:
    """What a machine that cannot be asked answers."""

    code: int = 0
    err: bytes = b""


class PatientRunner:
    """A machine whose loss is remembered instead of ending the search on the others."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.failure: NodeError | None = None

    @property
    def name(self) -> str:
        """As the machine is called."""
        return self._runner.name

    def sh(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sink: Callable[[bytes], None] | None = None,
        timeout: float | None = None,
    ) -> Finished:
        """As Node.sh, but a machine that failed is not asked again and says nothing."""
        if self.failure is not None:
            return _Nothing()
        try:
            done = self._runner.sh(script, args, stdin=stdin, sink=sink, timeout=timeout)
        except NodeError as error:
            self.failure = error
            return _Nothing()
        if done.code:
            said = done.err.decode("utf-8", "replace").strip()
            self.failure = NodeError(f"{self.name}: the search ended with status {done.code}", details=said)
        return _Nothing()


def missing(runners: Sequence[PatientRunner]) -> list[str]:
    """One sentence for each machine that was lost; raises its error if there is no other."""
    lost = [(runner, runner.failure) for runner in runners if runner.failure is not None]
    if lost and len(lost) == len(runners) and lost[0][1] is not None:
        raise lost[0][1]
    return [f"The log of {runner.name} is missing from this answer: {failure}." for runner, failure in lost]


def spooled(files: Sequence[LogFile], stdin: BinaryIO, spool: IO[bytes], path: str) -> tuple[LogFile, ...]:
    """`files`, with standard input kept in the temporary file `spool` at `path`: it can be read only once."""
    if all(file.path != STDIN for file in files):
        return tuple(files)
    shutil.copyfileobj(stdin, spool, 1 << 20)
    spool.flush()
    size = spool.tell()
    spool.seek(0)
    gzipped = spool.read(2) == b"\x1f\x8b"
    info = _identity(spool)
    return tuple(LogFile(file.node, path, size, info, gzipped) if file.path == STDIN else file for file in files)


def _identity(spool: IO[bytes]) -> tuple[int, int]:
    info = os.fstat(spool.fileno())
    return info.st_dev, info.st_ino
