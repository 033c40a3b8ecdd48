"""What a question needs of its sources: several passes over each, and an answer although one of them is lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from kaudit_setup.auditlog.files import GZIP, STDIN, LogFile
from kaudit_setup.auditlog.sources.runner import Finished, Runner, failure_of
from kaudit_setup.errors import KauditError, NodeError


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
        self.failure = failure_of(self.name, done)
        return done if self.failure is None else _Nothing()


def missing(runners: Sequence[PatientRunner]) -> list[str]:
    """One sentence for each machine that was lost; raises its error if there is no other."""
    lost = [(runner, runner.failure) for runner in runners if runner.failure is not None]
    if lost and len(lost) == len(runners) and lost[0][1] is not None:
        raise lost[0][1]
    return [f"The log of {runner.name} is missing from this answer: {failure}." for runner, failure in lost]


@contextmanager
def rereadable(files: Sequence[LogFile], stdin: BinaryIO) -> Iterator[tuple[LogFile, ...]]:
    """`files`, with a private copy of each that can be read only once; the copies are gone at the end.

    Raises KauditError if one cannot be made.
    """
    if not any(file.once for file in files):
        yield tuple(files)
        return
    with TemporaryDirectory(prefix="kaudit-setup-") as folder:
        names = (Path(folder) / str(number) for number in range(len(files)))
        yield tuple(
            _copied(file, stdin, name) if file.once else file for file, name in zip(files, names, strict=True)
        )


def _copied(file: LogFile, stdin: BinaryIO, into: Path) -> LogFile:
    try:
        into.touch(mode=0o600)
        with (
            nullcontext(stdin) if file.path == STDIN else Path(file.path).open("rb") as source,
            into.open("wb") as out,
        ):
            shutil.copyfileobj(source, out, 1 << 20)
        info = into.stat()
        with into.open("rb") as copy:
            gzipped = copy.read(len(GZIP)) == GZIP
    except OSError as error:
        raise KauditError(
            f"what comes from {file.path} cannot be kept, to be read more than once: {error.strerror or error}",
            hint="TMPDIR names another place for it",
        ) from error
    inode = (info.st_dev, info.st_ino)
    return replace(file, size=info.st_size, inode=inode, gzipped=gzipped, once=False, copy=str(into))
