"""Where logs come from: the options that every command that reads them spells the same way."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from kaudit_setup.cli import complete
from kaudit_setup.cli.options.reach import Reach
from kaudit_setup.cli.options.unused import UnusedYes
from kaudit_setup.errors import Exit, InputError, KauditError

if TYPE_CHECKING:
    from kaudit_setup.auditlog.archives.extraction import ExtractionFolder
    from kaudit_setup.auditlog.files import LogFile
    from kaudit_setup.auditlog.filters import Filter
    from kaudit_setup.auditlog.sources.local import LocalLogs
    from kaudit_setup.auditlog.sources.port import LogSource
    from kaudit_setup.auditlog.sources.several_nodes import NodeLogs
    from kaudit_setup.fleet.survey import Candidate
    from kaudit_setup.node.port import Node
    from kaudit_setup.stores.address import Address
    from kaudit_setup.stores.several import Stores

LogOption = Annotated[
    list[str] | None,
    typer.Option(
        "--log",
        metavar="PATH...",
        help="Files, directories, globs, or - for standard input, in any shape that logs are kept in, also "
        "compressed, or in a tar or zip archive (ARCHIVE:PATH for one of its logs). With --host: paths on the nodes. "
        "An archive made by pack, or a store: see docs/archives.md. "
        "Default: the log of the API server on this machine.",
    ),
]
LogHostOption = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="[USER@]HOST[:PORT]",
        autocompletion=complete.hosts,
        help="Read the logs of this node over SSH; repeatable. The search runs there, and only lines that may match "
        "are sent; stats, and top and estimate of a whole log, fetch every line.",
    ),
]


def _zoned(text: str | None) -> str | None:
    """A time without a zone is one as it is shown: local, or UTC with --utc. What is not a time is refused later."""
    from datetime import UTC, datetime

    from kaudit_setup.report.presentation import presentation

    try:
        typed = datetime.fromisoformat((text or "").strip().upper())
        known = typed.replace(tzinfo=UTC) if presentation().utc and not typed.tzinfo else typed.astimezone()
    except (ValueError, OverflowError):
        return text
    return known.isoformat()


SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        callback=_zoned,
        help="RFC 3339 (without a zone: as times are shown), or a time ago like 2h or 1d12h.",
    ),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", callback=_zoned, help="End of the time, in the same format.")
]

OriginOption = Annotated[
    str | None,
    typer.Option(
        "--origin",
        metavar="NAMESPACE[/POD]",
        help="Read the log of a hosted control plane (HyperShift, Kamaji, vcluster, Gardener), whose API server runs "
        "in this namespace of another cluster. Of what containers wrote only that counts; POD may be a glob.",
    ),
]

Missing: TypeAlias = Callable[[], list[str]]
"""Gives a sentence for each node whose log is missing from an answer."""

_MOST_NOTES = 10  # of files that are left out


def find_local_logs(
    log: list[str] | None, clusters: list[str] | None = None, room: ExtractionFolder | None = None
) -> tuple[LogFile, ...]:
    """The files behind `--log` or `--cluster`, or this machine's own log; archives are unpacked if there is `room`.
    Raises InputError.
    """
    from kaudit_setup.auditlog.clusters.named import find_logs_of_clusters
    from kaudit_setup.auditlog.find import find_logs
    from kaudit_setup.auditlog.sources.this_machine import own_files, own_writers
    from kaudit_setup.auditlog.sources.untrusted_files import trusted_files
    from kaudit_setup.report.terminal import note, notes

    _check_streams(log or ())
    _check_exclusive(log, clusters)
    left_out: tuple[str, ...] = ()
    if not log and not clusters:
        own = own_files()
        kept = trusted_files(own, own_writers(own))
    else:
        found = find_logs_of_clusters(clusters, room) if clusters else find_logs(log or (), room=room)
        kept, left_out = trusted_files(found.files), found.left_out
    if kept.notes and not kept.files:
        raise InputError(kept.notes[0], hint="give a log that kube-apiserver wrote (--audit-log-path)")
    said = [*left_out, *kept.notes]
    notes(said[:_MOST_NOTES])
    if len(said) > _MOST_NOTES:
        note(f"and {len(said) - _MOST_NOTES} more are left out")
    return kept.files


class LogOptions(Reach, frozen=True, kw_only=True):
    """Where logs come from, as one value."""

    log: LogOption = None
    host: LogHostOption = None
    origin: OriginOption = None
    yes: UnusedYes = False
    timeout: Annotated[
        int | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=5,
            help="Seconds that a node may be silent before it is missing from the answer. [default: 60]",
        ),
    ] = None

    @property
    def idle_s(self) -> float:
        """How long a search on a node may say nothing."""
        return self.timeout or super().idle_s

    @property
    def remote(self) -> bool:
        """Whether the logs are on nodes rather than here."""
        # a --group alone is refused where the nodes are named
        return bool(self.host or self.inventory or self.group)

    @property
    def clusters(self) -> list[str] | None:
        """The logs of several clusters, NAME=PATH each, where a command takes them."""
        return None

    @contextmanager
    def files(self) -> Iterator[tuple[LogFile, ...]]:
        """The files on this machine, those of archives unpacked meanwhile. Raises InputError."""
        from kaudit_setup.auditlog.archives.extraction import ExtractionFolder
        from kaudit_setup.cli.signals import clean_up_when_ended

        with self._believing(), clean_up_when_ended(), closing(ExtractionFolder()) as unpacked:
            yield self._found(unpacked)

    def _believing(self) -> AbstractContextManager[None]:
        """Inside, records of the API server count that `--origin` names. Raises InputError."""
        from kaudit_setup.auditlog.shapes.origins import HostedServer, believing

        hosted = HostedServer.parse(self.origin) if self.origin is not None else None
        if self.origin is not None and hosted is None:
            raise InputError(
                f"--origin {self.origin!r} is not NAMESPACE or NAMESPACE/POD",
                hint="for example --origin clusters-blue, or --origin vcluster-blue/blue-*",
            )
        return believing(hosted)

    def _found(self, unpacked: ExtractionFolder) -> tuple[LogFile, ...]:
        """Raises InputError, also if they are evidently of several clusters and nobody says which are of which:
        objects of one name would be taken for one.
        """
        from kaudit_setup.auditlog.clusters.tell_apart import find_different_clusters

        found = find_local_logs(self.log, self.clusters, unpacked)
        apart = find_different_clusters(found) if not self.clusters else None
        if apart is not None:
            one, other = apart.one, apart.other
            raise InputError(
                f"{one.path} and {other.path} are logs of different clusters: {apart.why}",
                hint=f"name the cluster of each: --cluster one={one.path} --cluster two={other.path}",
            )
        return found

    @contextmanager
    def logs(self) -> Iterator[tuple[LogSource, Missing]]:
        """The logs, to be searched where they are, and what asks for the nodes that are missing from the answer, once
        that is complete. Raises InputError, NodeError, and typer.Exit at the end if that of a node is missing.
        """
        with self.stores() as stored:
            if stored is not None:
                yield stored, stored.missing
                _note_missing(stored)
                _check_complete(stored)
                return
        if not self.remote:
            from kaudit_setup.auditlog.sources.local import LocalLogs

            with self.files() as files:
                yield LocalLogs(files), list
            return
        with self.on_nodes() as there:
            yield there.searched(), there.missing
            _note_missing(there)
        _check_complete(there)

    @contextmanager
    def fetch(self, wanted: Filter | None = None) -> Iterator[tuple[LocalLogs, Missing]]:
        """The logs as files here, for questions that count lines: of what lies on nodes those lines that may fit
        `wanted` are fetched, or all if that says nothing, and removed at the end. Raises InputError, NodeError, and
        typer.Exit at the end if the log of a node is missing; with them comes what asks for such nodes.
        """
        if not self.stored and not self.remote:
            from kaudit_setup.auditlog.sources.local import LocalLogs

            with self.files() as files:
                yield LocalLogs(files), list
            return
        from tempfile import TemporaryDirectory

        from kaudit_setup.cli.signals import clean_up_when_ended
        from kaudit_setup.report.progress import show_bytes
        from kaudit_setup.report.terminal import notes

        with (
            clean_up_when_ended(),
            TemporaryDirectory(prefix="kaudit-setup-", ignore_cleanup_errors=True) as folder,
        ):
            if self.stored:
                with self.stores() as stored:
                    if stored is not None:
                        yield _brought(stored, wanted, Path(folder)), stored.missing
                        _check_complete(stored)
                return
            with self.on_nodes() as there:
                logs, lost = there.fetch(wanted, Path(folder), show_bytes)
                notes(lost)
                _note_missing(there)
            # what a closed connection leaves to its threads is soon done; beside threads no core but one can be used
            for thread in threading.enumerate():
                if thread is not threading.current_thread():
                    thread.join(timeout=1)
            yield logs, lambda: [*lost, *there.missing()]
        _check_complete(there)

    @property
    def stored(self) -> list[Address]:
        """The archives and stores that `--log` or `--cluster` names; empty if they name files. Raises InputError."""
        if self.remote or not (self.log or self.clusters):
            return []
        from kaudit_setup.stores.opening import addresses, addresses_of_clusters

        _check_exclusive(self.log, self.clusters)
        return addresses_of_clusters(self.clusters) if self.clusters else addresses(self.log or ())

    @contextmanager
    def stores(self) -> Iterator[Stores | None]:
        """What is there; None if `--log` names files. Raises InputError."""
        if not (found := self.stored):
            yield None
            return
        from kaudit_setup.cli.signals import clean_up_when_ended
        from kaudit_setup.report.progress import show_bytes
        from kaudit_setup.stores.opening import stores

        with self._believing(), clean_up_when_ended(), closing(stores(found, show_bytes)) as there:
            yield there

    @contextmanager
    def counting(self) -> Iterator[Stores | None]:
        """The same, if all of them count events themselves; typer.Exit at the end if one of them did not answer."""
        with self.stores() as found:
            if found is None or not found.counting:
                yield None
                return
            yield found
            _note_missing(found)
        _check_complete(found)

    @contextmanager
    def on_nodes(self) -> Iterator[NodeLogs]:
        """The logs on the nodes. Raises InputError."""
        from kaudit_setup.auditlog.sources.several_nodes import NodeLogs
        from kaudit_setup.node.shell import script

        with self.nodes() as nodes:
            yield NodeLogs.on(nodes, script("lib") + script("logs"), self.log or ())

    @contextmanager
    def nodes(self) -> Iterator[list[Node]]:
        """The nodes that the logs are on. Raises InputError."""
        with self.candidates() as found:
            yield [candidate.node for candidate in found]

    @contextmanager
    def candidates(self) -> Iterator[list[Candidate]]:
        """The same, with what the inventory claims of them. Raises InputError."""
        if self.clusters:
            raise InputError(
                "--cluster excludes --host and --inventory",
                hint="nodes are told apart by the cluster CA that is on them; --cluster is for files and stores",
            )
        if "-" in (self.log or ()):
            raise InputError(
                "--log - excludes --host and --inventory",
                hint="standard input is read on this machine; give --log a path on the nodes",
            )
        with self._believing(), self.connect() as found:
            _check_streams(())
            yield found


def _check_exclusive(log: Sequence[str] | None, clusters: Sequence[str] | None) -> None:
    """Raises InputError if logs are given with and without the name of a cluster."""
    if clusters and log:
        raise InputError("--cluster excludes --log", hint="name the cluster of each path: --cluster NAME=PATH")


def _brought(stored: Stores, wanted: Filter | None, folder: Path) -> LocalLogs:
    """The lines that fit, as files in `folder`. Raises StoreError."""
    from kaudit_setup.auditlog.filters import Filter

    logs = stored.fetch(wanted or Filter(), folder)
    _note_missing(stored)
    return logs


def _note_missing(there: NodeLogs | Stores) -> None:
    from kaudit_setup.report.terminal import notes

    notes(there.missing())


def _check_complete(there: NodeLogs | Stores) -> None:
    """Raises typer.Exit if the log of a node is missing from the answer, which was given all the same."""
    if not there.complete:
        raise typer.Exit(Exit.FAILED)


def _check_streams(log: Sequence[str]) -> None:
    """Raises InputError if standard input is asked for and closed, KauditError if nobody could see an answer."""
    if "" in log:
        raise InputError("--log is empty", hint="give a file, a folder, a glob in quotes, or - for standard input")
    if "-" in log and sys.stdin is None:
        raise InputError("--log -: standard input is closed", hint="send the log there: zcat x.gz | kaudit-setup ...")
    if sys.stdout is None:
        raise KauditError("standard output is closed: there is no place for the answer", hint="send it to a file")
