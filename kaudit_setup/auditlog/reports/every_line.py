"""A second look at a log in which nothing was found: whether each of its lines can be read at all.

A search looks at how lines begin and end; a line that is damaged in its middle may be the one that is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from kaudit_setup.auditlog.coverage.node import Coverage, coverage
from kaudit_setup.auditlog.coverage.unreadable import together
from kaudit_setup.auditlog.decode import decode_unit, project
from kaudit_setup.auditlog.reader import Unit
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.workers import scan
from kaudit_setup.auditlog.search import CHECK_BELOW_BYTES
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.sources.port import LogSource
from kaudit_setup.auditlog.sources.unescaped import UnescapedLogs


def looked_at(logs: LogSource, cover: Sequence[Coverage]) -> tuple[Coverage, ...]:
    """`cover` with the lines that cannot be read; as it is where the log is large, or not on this machine."""
    logs = logs.logs if isinstance(logs, UnescapedLogs) else logs
    if not isinstance(logs, LocalLogs) or any(file.once for file in logs.files):
        return tuple(cover)
    if sum(file.size for file in logs.files) > CHECK_BELOW_BYTES:
        return tuple(cover)
    tallies: dict[str, Tally] = {}
    for _ in scan(logs.files, _decoded, tallies):
        pass
    found = {one.log: one for one in coverage(logs.files, tallies)}
    return tuple(_with(one, found[one.log]) if one.log in found else one for one in cover)


def _decoded(unit: Unit, tally: Tally) -> Iterator[None]:
    for _ in decode_unit(unit, tally, project((), with_id=False)):
        pass
    yield from ()


def _with(cover: Coverage, other: Coverage) -> Coverage:
    return msgspec.structs.replace(
        cover,
        damaged=max(cover.damaged, other.damaged),
        unreadable=together(other.unreadable, cover.unreadable),
    )
