"""Where logs come from: the options that every command that reads them spells the same way."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options.nodes import Reach
from kaudit_setup.errors import Exit, InputError, KauditError, NodeError

if TYPE_CHECKING:
    from kaudit_setup.auditlog.files import LogFile
    from kaudit_setup.auditlog.filters import Filter
    from kaudit_setup.auditlog.logs import LocalLogs, Logs
    from kaudit_setup.auditlog.sources.best_effort import PatientRunner
    from kaudit_setup.auditlog.sources.listing import Listing
    from kaudit_setup.auditlog.sources.nodes import RemoteLogs
    from kaudit_setup.node.port import Node

LogOption = Annotated[
    list[str] | None,
    typer.Option(
        "--log",
        metavar="PATH...",
        help="Files, folders, globs, - for standard input; plain or gzip. With --host: paths on the nodes. "
        "Default: where the API server of this machine writes.",
    ),
]
LogHostOption = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="[USER@]HOST[:PORT]",
        help="Ask this node over SSH. The search runs there, and only lines that may fit cross the network; stats, "
        "and top and estimate of a whole log, need every line and fetch it. Repeatable.",
    ),
]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="RFC 3339, or a time ago like 2h or 1d12h.")
]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="TIME", help="As --since.")]

_SAID = 10  # things that are left out and named
_DEFAULT = "/var/log/kubernetes/audit/audit.log"
_MANIFEST = Path("/etc/kubernetes/manifests/kube-apiserver.yaml")


def spread_logs(argv: list[str]) -> list[str]:
    """`--log a b c`, as a shell makes it of `--log *.log`, as `--log a --log b --log c`.

    What follows `--log PATH` belongs to it as long as it is the path of a file or folder that is no YAML.
    """
    out: list[str] = []
    taking = False
    for at, word in enumerate(argv):
        if at and argv[at - 1] == "--log" and not taking:
            out.append(word)
            taking = True
        elif taking and not word.startswith("-") and not word.endswith((".yaml", ".yml")) and Path(word).exists():
            out += ["--log", word]
        else:
            taking = False
            out.append(word)
    return out


def local_files(log: list[str] | None) -> tuple[LogFile, ...]:
    """The files behind `--log`, or this machine's own log. Raises InputError."""
    from kaudit_setup.auditlog.files import find_logs, own_logs
    from kaudit_setup.report.terminal import note, notes

    _check_streams(log or ())
    if log:
        skipped: list[str] = []
        files = find_logs(log, skipped=skipped)
        notes(skipped[:_SAID])
        if len(skipped) > _SAID:
            note(f"and {len(skipped) - _SAID} more are left out")
        return files
    here = _own_log()
    if not here.exists():
        raise InputError(
            f"there is no audit log at {here} on this machine", hint="name it with --log PATH, or a node with --host"
        )
    return own_logs(find_logs([str(here.parent)], node="this machine"), str(here))


@dataclass(frozen=True, kw_only=True)
class LogOptions(Reach):
    """Where logs come from, as one value."""

    log: LogOption = None
    host: LogHostOption = None

    @property
    def remote(self) -> bool:
        """Whether the logs are on nodes rather than here."""
        # a --group alone is refused where the nodes are named
        return bool(self.host or self.inventory or self.group)

    @contextmanager
    def logs(self) -> Iterator[Logs]:
        """The logs, to be searched where they are. Raises InputError, NodeError, and typer.Exit at the end if that of
        a node is missing.
        """
        if not self.remote:
            from kaudit_setup.auditlog.logs import LocalLogs

            yield LocalLogs(local_files(self.log))
            return
        with self.patient() as runners:
            yield self._searched(runners)
        _whole(runners)

    @contextmanager
    def brought(self, wanted: Filter | None = None) -> Iterator[LocalLogs]:
        """The logs as files here, for questions that count lines: of what lies on nodes those lines that may fit
        `wanted` are fetched, or all if that says nothing, and removed at the end. Raises InputError, NodeError, and
        typer.Exit at the end if the log of a node is missing.
        """
        from kaudit_setup.auditlog.logs import LocalLogs

        if not self.remote:
            yield LocalLogs(local_files(self.log))
            return
        from tempfile import TemporaryDirectory

        from kaudit_setup.auditlog.sources.fetch import narrows
        from kaudit_setup.cli.signals import cleared_up

        with (
            cleared_up(),
            TemporaryDirectory(prefix="kaudit-setup-", ignore_cleanup_errors=True) as folder,
        ):
            with self.patient() as runners:
                if wanted is not None and narrows(wanted):
                    logs = self._narrowed(wanted, runners, Path(folder))
                else:
                    logs = LocalLogs(self._fetched(runners, Path(folder)))
            # what a closed connection leaves to its threads is soon done; beside threads no core but one can be used
            for thread in threading.enumerate():
                if thread is not threading.current_thread():
                    thread.join(timeout=1)
            yield logs
        _whole(runners)

    def _searched(self, runners: Sequence[PatientRunner]) -> RemoteLogs:
        from kaudit_setup.auditlog.sources.nodes import RemoteLogs
        from kaudit_setup.node.shell import script

        logs = RemoteLogs(runners, script("lib") + script("logs"), self.log or [])
        _found_any(runners, logs.listings())
        return logs

    def _narrowed(self, wanted: Filter, runners: Sequence[PatientRunner], folder: Path) -> LocalLogs:
        from kaudit_setup.auditlog.sources.fetch import narrowed

        logs = self._searched(runners)
        found = narrowed(logs, wanted, folder)
        # a part of a log would pass for the whole of it
        lost = [there for runner, there in zip(runners, logs.listings(), strict=True) if runner.failure]
        return found.without({file.node for there in lost for file in there.files})

    def _fetched(self, runners: Sequence[PatientRunner], folder: Path) -> tuple[LogFile, ...]:
        from kaudit_setup.auditlog.sources.fetch import fetched
        from kaudit_setup.auditlog.sources.nodes import listings
        from kaudit_setup.node.shell import script
        from kaudit_setup.report.progress import show_bytes
        from kaudit_setup.report.terminal import notes

        text = script("lib") + script("logs")
        files: list[LogFile] = []
        found = listings(runners, text, self.log or [])
        _found_any(runners, found)
        for number, (runner, there) in enumerate(zip(runners, found, strict=True)):
            none = ["no audit log was found here: name it with --log"] if there.heard and not there.files else []
            here, lost = fetched(runner, text, there, folder / str(number), show_bytes)
            notes(f"{runner.name}: {sentence}" for sentence in (*none, *there.notes, *lost))
            # a part of a log would pass for the whole of it
            files += here if runner.failure is None else ()
        return tuple(files)

    @contextmanager
    def patient(self) -> Iterator[list[PatientRunner]]:
        """The nodes that the logs are on; one that cannot be reached is said at the end, and is not fatal as long as
        another can. Raises InputError, NodeError.
        """
        from kaudit_setup.auditlog.sources.best_effort import PatientRunner, missing
        from kaudit_setup.report.terminal import notes

        with self.nodes() as nodes:
            runners = [PatientRunner(node) for node in nodes]
            yield runners
            notes(missing(runners))

    @contextmanager
    def nodes(self) -> Iterator[list[Node]]:
        """The nodes that the logs are on. Raises InputError."""
        if "-" in (self.log or ()):
            raise InputError(
                "--log - excludes --host and --inventory",
                hint="standard input is read on this machine; give --log a path on the nodes",
            )
        with self.reached() as found:
            _check_streams(())
            yield [candidate.node for candidate in found]


def _whole(runners: Iterable[PatientRunner]) -> None:
    """Raises typer.Exit if the log of one is missing from the answer, which was given all the same."""
    if any(runner.failure for runner in runners):
        raise typer.Exit(Exit.FAILED)


def _found_any(runners: Sequence[PatientRunner], found: Iterable[Listing]) -> None:
    """Raises NodeError if no node can be reached, or none of them has a log."""
    from kaudit_setup.auditlog.sources.best_effort import missing

    missing(runners)
    if not any(one.files for one in found):
        names = ", ".join(runner.name for runner in runners if runner.failure is None)
        raise NodeError(f"{names}: no audit log was found", hint="name it with --log PATH, as the node sees it")


def _check_streams(log: Sequence[str]) -> None:
    """Raises InputError if standard input is asked for and closed, KauditError if nobody could see an answer."""
    if "" in log:
        raise InputError("--log is empty", hint="give a file, a folder, a glob in quotes, or - for standard input")
    if "-" in log and sys.stdin is None:
        raise InputError("--log -: standard input is closed", hint="send the log there: zcat x.gz | kaudit-setup ...")
    if sys.stdout is None:
        raise KauditError("standard output is closed: there is no place for the answer", hint="send it to a file")


def _own_log() -> Path:
    try:
        found = re.search(r"--audit-log-path=([^\s\"']+)", _MANIFEST.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        found = None
    return Path(found[1]) if found and found[1].startswith("/") else Path(_DEFAULT)
