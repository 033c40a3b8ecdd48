"""The way from a record to the events in it, learned from one record and gone with all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from kaudit_setup.auditlog.shapes.events import (
    DEEPEST,
    FIELDS,
    ITEMS,
    NUMBERS,
    REFUSED,
    STRING,
    fields_of,
    is_event,
    may_hold,
)
from kaudit_setup.auditlog.shapes.mapped.gke import Gke
from kaudit_setup.auditlog.shapes.mapped.known import mapped_name, mapping
from kaudit_setup.auditlog.shapes.origins import speaks
from kaudit_setup.auditlog.shapes.reading import Step
from kaudit_setup.auditlog.shapes.steps import Cut, Decoded, Each, Field, Item, Quoted, Split, quoted_in


def find_steps(text: bytes, depth: int = 0) -> tuple[Step, ...] | None:
    """The way from a JSON value to the events in it; None if there is none."""
    if depth > DEEPEST:
        return None
    with suppress(*REFUSED):
        if text[:1] == b"[":
            return _in_array(text, depth)
        fields = FIELDS.decode(text)
        found = _known(fields)
        ways = (_in_value(path, value, depth) for path, value in _leaves(fields, ()))
        return found if found is not None else next((steps for steps in ways if steps is not None), None)
    return None


def _known(fields: Mapping[str, msgspec.Raw]) -> tuple[Step, ...] | None:
    """What is left to be done where an object is an event, or becomes one."""
    step = mapping(fields)
    if step is None and not is_event(fields):
        return None
    # a shipper's own fields beside those of the event
    beside = (Field((), string=False),) if not isinstance(step, Gke) and any(map(speaks, fields)) else ()
    return beside if step is None else (*beside, step)


def _then(step: Step, rest: tuple[Step, ...] | None) -> tuple[Step, ...] | None:
    return None if rest is None else (step, *rest)


def _in_array(text: bytes, depth: int) -> tuple[Step, ...] | None:
    items = list(map(bytes, ITEMS.decode(text)))
    listed = sum(may_hold(item) for item in items) > 1
    ways = (_in_item(at, item, depth, listed=listed) for at, item in enumerate(items))
    return next((steps for steps in ways if steps is not None), None)


def _in_item(at: int, item: bytes, depth: int, *, listed: bool) -> tuple[Step, ...] | None:
    """`listed`: whether other items hold events, too. One behind something else, a time in Loki, is the only one."""
    if item[:1] != b'"':
        return _then(Each(), find_steps(item, depth + 1))
    steps = _in_string(item, depth)
    return _then(Item(at), steps) if at and not listed else _then(Each(), _then(Decoded(), steps))


def _in_value(path: tuple[str, ...], value: bytes, depth: int) -> tuple[Step, ...] | None:
    if path[-1] == "MESSAGE" and value[:1] == b"[":
        with suppress(*REFUSED):
            return _then(Field(path, string=True), _behind(bytes(NUMBERS.decode(value)), depth))
    string = value[:1] == b'"'
    return _then(Field(path, string=string), _in_string(value, depth) if string else find_steps(value, depth + 1))


def _in_string(text: bytes, depth: int) -> tuple[Step, ...] | None:
    """The way from what the string `text` holds."""
    inner = STRING.decode(text).encode()
    if inner[:1] == b'"':
        return _then(Decoded(), _in_string(inner, depth + 1))
    return _behind(inner, depth)


def _behind(inner: bytes, depth: int) -> tuple[Step, ...] | None:
    """The way from a text in which something may stand before an event."""
    at = inner.find(b"{")
    steps = find_steps(inner[at:], depth + 1) if at >= 0 else None
    if steps is None and b"\n" in inner.strip():
        ways = (_behind(line, depth + 1) for line in inner.splitlines() if may_hold(line))
        return _then(Split(), next((steps for steps in ways if steps is not None), None))
    return _then(Cut(), steps) if at else steps


def find_quoted_steps(line: bytes) -> tuple[Step, ...] | None:
    """The way from a line with a JSON string in it; None if it is none, or holds no event."""
    text = quoted_in(line)
    if not may_hold(text):
        return None
    with suppress(*REFUSED):
        return _then(Quoted(), _in_string(text, 0))
    return None


def _leaves(fields: Mapping[str, msgspec.Raw], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], bytes]]:
    """The values that may hold an event: strings and arrays anywhere; objects that are events or entries."""
    for key, raw in fields.items():
        value = bytes(raw)
        # journald's message may be given as numbers
        if not may_hold(value) and key != "MESSAGE":
            continue
        inner = fields_of(value) if value[:1] == b"{" else {}
        if inner and _known(inner) is None:
            yield from _leaves(inner, (*path, key))
        else:
            yield (*path, key), value


def name_of(fields: Iterable[str], steps: Sequence[Step]) -> str:
    """What records with these fields are called, from which `steps` lead to their events."""
    known = frozenset(fields)
    key = next((".".join(step.path) for step in steps if isinstance(step, Field)), "")
    under = f"with the event under the key `{key}`" if key else "with its own fields beside those of the event"
    shipper = f"records of a log shipper, {under}"
    return next((name for keys, name in _NAMES if keys <= known), mapped_name(steps) or shipper)


_NAMES: Final[tuple[tuple[frozenset[str], str], ...]] = (
    (frozenset({"AuditId", "RequestUri"}), "rows of Azure's table AKSAudit"),
    (frozenset({"protopayload_auditlog"}), "rows of a BigQuery export of Google Cloud's audit log"),
    (frozenset({"protoPayload"}), "Google Cloud audit log entries (protoPayload)"),
    (frozenset({"__REALTIME_TIMESTAMP", "MESSAGE"}), "journald's JSON"),
    (frozenset({"__CURSOR", "MESSAGE"}), "journald's JSON"),
    (frozenset({"logEvents"}), "records of a CloudWatch Logs subscription"),
    (frozenset({"events"}), "the output of `aws logs`"),
    (frozenset({"records"}), "diagnostic records of Azure (AKS)"),
    (frozenset({"category", "properties"}), "diagnostic records of Azure (AKS)"),
    (frozenset({"items"}), "an EventList"),
    (frozenset({"streams"}), "what Promtail or Alloy sends to Loki"),
)
