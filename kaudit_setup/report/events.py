"""Events as a table for people, as JSON, and as the lines of the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from msgspec import UNSET, UnsetType

from kaudit_setup.auditlog.query import Row, SharedIds
from kaudit_setup.auditlog.record import Record, in_ascii, record_of, with_source
from kaudit_setup.report.columns import columns
from kaudit_setup.report.documents.document import API_VERSION, Fault, Item, Warning, document
from kaudit_setup.report.escape import safe
from kaudit_setup.report.times import shown, zone
from kaudit_setup.units import counted

Problems: TypeAlias = tuple[Sequence[Fault], Sequence[Warning]]


_HEADING = ("CODE", "VERB", "OBJECT", "USER", "FROM", "AGENT", "LINE")


def as_table(rows: Iterable[Row], *, clusters: bool = False) -> Iterator[str]:
    """A line for each event, below a heading; with `clusters`, each begins with the name of its cluster."""
    if clusters:
        return columns(
            ("CLUSTER", f"TIME ({zone()})", *_HEADING), ([row.place.cluster, *_cells(row)] for row in rows)
        )
    return columns((f"TIME ({zone()})", *_HEADING), map(_cells, rows))


_FOLLOWED = (19, 4, 8, 44, 32, 15, 12)


def followed_heading(*, clusters: bool = False) -> str:
    """The heading of events that are printed as they come."""
    return _followed([*(["CLUSTER"] if clusters else []), f"TIME ({zone()})", *_HEADING])


def followed_line(row: Row, *, clusters: bool = False) -> str:
    """An event that is printed as it comes: nothing is known of the widths of later ones."""
    return _followed([*([safe(row.place.cluster)] if clusters else []), *map(safe, _cells(row))])


def _followed(cells: Sequence[str]) -> str:
    widths = (*((12,) if len(cells) > len(_FOLLOWED) + 1 else ()), *_FOLLOWED, 0)
    return "  ".join(cell.ljust(wide) for cell, wide in zip(cells, widths, strict=True)).rstrip()


def seen_note(count: int, first: str, last: str) -> str:
    """What was seen when following ends."""
    return f"{counted(count, 'event')} seen{f', {first} to {last}' if count else ''}"


def shared_id_notes(shared: SharedIds) -> Iterator[str]:
    """What is said of Audit-IDs that came back in another request; nothing if none did."""
    if not shared.count:
        return
    from kaudit_setup.attribution.phrases import spoken

    for one, other in shared.pairs:
        first, second = record_of(one.body), record_of(other.body)
        yield (
            f"Audit-ID {spoken(first.audit_id)} is of two requests: {_request(first)}, and {_request(second)}."
            " Clients may choose it, so it proves nothing; somebody may want to hide behind it"
        )
    if more := shared.count - len(shared.pairs):
        yield f"and {counted(more, 'more request')} with the Audit-ID of another one"


def _request(one: Record) -> str:
    return f"{one.verb} {one.request_uri} by {_who(one)} at {one.time}"


def _who(one: Record) -> str:
    return (f"{one.user} (by {one.impersonated_by})" if one.impersonated_by else one.user) or "(nobody)"


def _from(one: Record) -> str:
    """The address that the server saw itself, and how many others the client claims to come from."""
    if not one.source_ips:
        return ""
    claimed = one.source_ips[:-1]
    return (
        f"{one.source_ips[-1]} (says {claimed[0]}{', ...' if len(claimed) > 1 else ''})"
        if claimed
        else one.source_ips[-1]
    )


def _cells(row: Row) -> list[str]:
    one = record_of(row.body)
    thing = one.object
    what = f"{thing.resource}/{thing.subresource}" if thing.subresource else thing.resource
    where = "/".join(part for part in (thing.namespace, thing.name) if part)
    return [
        shown(one.time),
        str(one.code or one.stage),
        one.verb,
        f"{what} {where}".strip() or one.request_uri,
        _who(one),
        _from(one),
        one.user_agent.partition(" ")[0],
        f"{row.place.node}:{row.place.file.rpartition('/')[2]}:{row.place.line or '?'}",
    ]


def as_json_lines(rows: Iterable[Row]) -> Iterator[bytes]:
    """A JSON object for each event, with the place where it was logged; ASCII, for a pipe may end at a terminal."""
    return (in_ascii(with_source(row.body, row.place)) for row in rows)


class EventPlace(Item, frozen=True, kw_only=True):
    """Where a line is; `line` is 1-based."""

    node: str
    file: str
    line: int


class Event(Record, frozen=True, rename="camel"):
    """One event with the place where it was logged: what each item is."""

    source: EventPlace
    cluster: str | UnsetType = UNSET


def as_json_document(rows: Iterable[Row], problems: Callable[[], Problems]) -> Iterator[bytes]:
    """The same as one document with a line for each event; `problems` is asked when all of them have come."""
    from kaudit_setup.report.documents.json import to_json

    yield f'{{"apiVersion":"{API_VERSION}","kind":"Event","items":['.encode()
    between = b""
    for text in as_json_lines(rows):
        yield between + text
        between = b","
    errors, warnings = problems()
    said = to_json(document(Event, (), errors, warnings), indent=None)
    yield b"]," + said[said.index('"errors"') :].encode()


def as_yaml(rows: Iterable[Row], problems: Callable[[], Problems]) -> str:
    """The same as YAML; all of it is held in memory."""
    from json import loads

    from kaudit_setup.report.documents.formats import to_yaml

    return to_yaml(loads(b"".join(as_json_document(rows, problems))))


def as_rows(rows: Iterable[Row], form: str, *, headers: bool) -> Iterator[str]:
    """The same as csv or tsv."""
    from json import loads

    from kaudit_setup.report.documents.formats import rows_of

    return rows_of((loads(text) for text in as_json_lines(rows)), form, headers=headers)


def as_logged(rows: Iterable[Row], *, terminal: bool) -> Iterator[bytes]:
    """The lines as they are in the log; for a terminal their control characters are escaped."""
    for row in rows:
        yield safe(row.body.decode("utf-8", "replace")).encode() if terminal else row.body
