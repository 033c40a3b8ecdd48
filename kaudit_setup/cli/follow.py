"""`events --follow`: new events as they are written, from files here or from several nodes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from kaudit_setup.cli.options.logs import LogOptions, find_local_logs
from kaudit_setup.errors import Exit, InputError

if TYPE_CHECKING:
    from kaudit_setup.auditlog.files import LogFile
    from kaudit_setup.auditlog.filters import Filter
    from kaudit_setup.auditlog.follow.polling import Tail
    from kaudit_setup.auditlog.follow.stream import Batch, Pace
    from kaudit_setup.auditlog.query import Row

_SECONDS_HERE: Final = 0.25
_SECONDS_ON_NODES: Final = 1.0


class FollowOutput(StrEnum):
    """How events are printed as they come: what needs no end."""

    table = "table"
    jsonl = "jsonl"
    raw = "raw"


def follow(source: LogOptions, wanted: Filter, form: str, *, stages: bool, limit: int) -> None:
    """Print the events that match as they are written, until Ctrl-C or `limit` (0: none); then say what was seen.

    Raises InputError, NodeError if no node can be reached at first, and typer.Exit at Ctrl-C.
    """
    from kaudit_setup.auditlog.follow.stream import Followed, Following

    output, pace = _check(source, wanted, form), _pace(source)
    raw = output is FollowOutput.raw
    seen = _Seen()
    with _tails(source, wanted) as tails, Following(tails, Followed(wanted, stages or raw, raw, pace)) as following:
        try:
            _print_all(following.batches(), Printed(output, _several(source, tails)), seen, limit)
        except KeyboardInterrupt:
            raise typer.Exit(Exit.INTERRUPTED) from None
        finally:
            seen.say()


@dataclass(slots=True)
class _Seen:
    """What was printed so far."""

    count: int = 0
    first: str = ""
    last: str = ""

    def add(self, row: Row) -> None:
        """One more."""
        self.count += 1
        self.first = min(self.first or row.time, row.time)
        self.last = max(self.last, row.time)

    def say(self) -> None:
        """On standard error, so that what was printed stays what it is."""
        from kaudit_setup.report.events import seen_note
        from kaudit_setup.report.terminal import note

        note(seen_note(self.count, self.first, self.last))


def _check(source: LogOptions, wanted: Filter, form: str) -> FollowOutput:
    """Raises InputError for what has no end, or none that could be waited for."""
    from kaudit_setup.auditlog.timestamps import ALWAYS

    if wanted.window.until != ALWAYS.until:
        raise InputError("--follow excludes --until", hint="Ctrl-C ends it, or --limit N")
    if "-" in (source.log or ()):
        raise InputError("--follow excludes --log -", hint="name the file, its rotation is followed, too")
    if form not in set(FollowOutput):
        raise InputError(f"--follow excludes -o {form}, which needs an end", hint="-o table, jsonl or raw")
    return FollowOutput(form)


def _several(source: LogOptions, tails: Iterable[Tail]) -> bool:
    """Whether the logs are of several clusters."""
    from kaudit_setup.auditlog.follow.polling import RemoteTail

    return bool(source.clusters) or any(isinstance(one, RemoteTail) and one.cluster for one in tails)


def _pace(source: LogOptions) -> Pace:
    from kaudit_setup.auditlog.follow.stream import Pace

    return Pace(_SECONDS_ON_NODES if source.remote else _SECONDS_HERE)


@contextmanager
def _tails(source: LogOptions, wanted: Filter) -> Iterator[list[Tail]]:
    """The logs to follow: one for each node, one for all files here. Raises InputError."""
    from kaudit_setup.auditlog.follow.polling import LocalTail, RemoteTail, with_rotated
    from kaudit_setup.auditlog.sources.log_node import LogNode

    with source.stores() as stores:
        if stores is not None:
            raise InputError("--follow reads files that are written, not a store", hint="--host NODE, or --log FILE")
    if not source.remote:
        yield [LocalTail("this machine", partial(_files_here, source))]
        return
    with source.on_nodes() as there:
        paths = with_rotated(there.paths)
        of = there.clusters
        nodes = (LogNode(one.plain, there.script) for one in there.runners)
        yield [RemoteTail(node, paths, of.get(node.name, ""), wanted) for node in nodes]


def _files_here(source: LogOptions) -> tuple[LogFile, ...]:
    """The files of this machine, and for each that is named those that it is rotated into. Raises InputError."""
    from kaudit_setup.auditlog.find import find_logs, own_logs

    if not source.log:
        return find_local_logs(None, source.clusters)
    found: dict[tuple[int, int], LogFile] = {}
    for path in source.log:
        whole = Path(path).absolute()
        named = find_logs([path]).files
        beside = own_logs(find_logs([str(whole.parent)]).files, str(whole)) if whole.is_file() else ()
        found.update({file.inode: file for file in (*beside, *named) if file.inode not in found})
    return tuple(found.values())


def _print_all(batches: Iterable[Batch], printed: Printed, seen: _Seen, limit: int) -> None:
    from kaudit_setup.report.terminal import note

    _write(printed.heading())
    for batch in batches:
        if batch.trouble:
            note(batch.trouble)
        rows = batch.rows[: limit - seen.count] if limit else batch.rows
        # counted first: whoever reads what is printed may interrupt at once
        for row in rows:
            seen.add(row)
        _write(map(printed.line, rows))
        if limit and seen.count >= limit:
            return


@dataclass(frozen=True, slots=True)
class Printed:
    """How events are printed as they come; with `clusters`, a table has a column for them."""

    form: FollowOutput
    clusters: bool = False

    def heading(self) -> list[bytes]:
        """The line above a table, if there is one."""
        from kaudit_setup.report.events import followed_heading
        from kaudit_setup.report.presentation import presentation

        shown = self.form is FollowOutput.table and presentation().headers
        return [followed_heading(clusters=self.clusters).encode()] if shown else []

    def line(self, row: Row) -> bytes:
        """One event."""
        from kaudit_setup.report import events as report

        match self.form:
            case FollowOutput.table:
                return report.followed_line(row, clusters=self.clusters).encode()
            case FollowOutput.jsonl:
                return next(report.as_json_lines([row]))
            case FollowOutput.raw:
                return next(report.as_logged([row], terminal=sys.stdout.isatty()))


def _write(lines: Iterable[bytes]) -> None:
    """Whoever watches sees each line at once."""
    out = sys.stdout.buffer
    for line in lines:
        out.write(line + b"\n")
    out.flush()
