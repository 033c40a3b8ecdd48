"""Events as a table for people, as JSON, and as the lines of the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kaudit_setup.auditlog.query import Row
from kaudit_setup.auditlog.record import in_ascii, record_of, with_source
from kaudit_setup.report.columns import columns
from kaudit_setup.report.escape import safe


def as_table(rows: Iterable[Row]) -> Iterator[str]:
    """A line for each event, below a heading."""
    return columns(("TIME (UTC)", "CODE", "VERB", "OBJECT", "USER", "FROM", "AGENT", "LINE"), map(_cells, rows))


def _cells(row: Row) -> list[str]:
    one = record_of(row.body)
    thing = one.object
    what = f"{thing.resource}/{thing.subresource}" if thing.subresource else thing.resource
    where = "/".join(part for part in (thing.namespace, thing.name) if part)
    who = f"{one.user} (by {one.impersonated_by})" if one.impersonated_by else one.user
    return [
        one.time[:19].replace("T", " "),
        str(one.code or one.stage),
        one.verb,
        f"{what} {where}".strip() or one.request_uri,
        who or "(nobody)",
        one.source_ips[-1] if one.source_ips else "",
        one.user_agent.partition(" ")[0],
        f"{row.place.node}:{row.place.file.rpartition('/')[2]}:{row.place.line}",
    ]


def as_json_lines(rows: Iterable[Row]) -> Iterator[bytes]:
    """A JSON object for each event, with the place where it was logged; ASCII, for a pipe may end at a terminal."""
    return (in_ascii(with_source(row.body, row.place)) for row in rows)


def as_json_list(rows: Iterable[Row]) -> Iterator[bytes]:
    """The same as one JSON list, a line for each event."""
    before = b"["
    for text in as_json_lines(rows):
        yield before + text
        before = b","
    yield b"]" if before == b"," else b"[]"


def as_logged(rows: Iterable[Row], *, terminal: bool) -> Iterator[bytes]:
    """The lines as they are in the log; for a terminal their control characters are escaped."""
    for row in rows:
        yield safe(row.body.decode("utf-8", "replace")).encode() if terminal else row.body
