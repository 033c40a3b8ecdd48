"""Which shape a file has, by how it begins."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from kaudit_setup.auditlog.literals import OWN_ORDER
from kaudit_setup.auditlog.shapes.containers.cri import CRI_LINES
from kaudit_setup.auditlog.shapes.containers.docker import DOCKER_LINES
from kaudit_setup.auditlog.shapes.documents import Documents, Spread, learn, wrapper_key
from kaudit_setup.auditlog.shapes.embedded import Embedded, embedded
from kaudit_setup.auditlog.shapes.events import fields_of
from kaudit_setup.auditlog.shapes.journal.entries import next_entry
from kaudit_setup.auditlog.shapes.journal.layout import Journal
from kaudit_setup.auditlog.shapes.lines import OUTPUT_LINES, SEVERAL, Lines, all_plain, any_line, is_bare
from kaudit_setup.auditlog.shapes.lists.nested import nested
from kaudit_setup.auditlog.shapes.mapped.gke import Gke
from kaudit_setup.auditlog.shapes.mapped.known import MAPPED
from kaudit_setup.auditlog.shapes.mapped.legacy import LINE as LEGACY_LINE
from kaudit_setup.auditlog.shapes.mapped.legacy import Legacy
from kaudit_setup.auditlog.shapes.mapped.legacy_search import tell
from kaudit_setup.auditlog.shapes.origins import other_program
from kaudit_setup.auditlog.shapes.reading import Reading, Step
from kaudit_setup.auditlog.shapes.recognition.line_kinds import CRI_LINE, OWN_MESSAGE, Kind, kind_of
from kaudit_setup.auditlog.shapes.recognition.names import LEGACY
from kaudit_setup.auditlog.shapes.record_steps import find_quoted_steps, find_steps, name_of
from kaudit_setup.auditlog.shapes.rows import Rows, find_table
from kaudit_setup.auditlog.shapes.search_terms import escaped
from kaudit_setup.auditlog.shapes.steps import Cut, Decoded, Field, Item, Prefixed, begin_of, program_of
from kaudit_setup.values import replace

_MOST_LINES: Final = 200
_TIME: Final = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*"
_SYSLOG: Final = re.compile(
    rb"\A(?:<\d{1,3}>(?:1 )?.*|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ .*|<?\d*>?"
    + _TIME
    + rb" \S+ [\w/.-]+(?:\[\d+\])?: )\Z"
)
# anything but the inside of a JSON value
_PREFIX: Final = re.compile(rb'\A\s*(?:[^\s"\[]|\[pod/)')
SYSLOG: Final = "lines with a syslog prefix"
# a pattern is found quickly that begins with letters
_EVENT_STAMP: Final = re.compile(rb'stageTimestamp\\*"\s*:\s*\\*"(?=\d{4}-)')
_SERVICE: Final = re.compile(rb'"serviceName": ?"k8s\.io"')
_ENTRY_STAMP: Final = re.compile(rb'timestamp"\s*:\s*"(?=\d{4}-)')


def detect(head: bytes, *, whole: bool) -> Reading | None:
    """How to read a file that begins with `head` (`whole`: which is all of it); None for JSON lines, for what is no
    audit log, and where more has to be seen.
    """
    head = head.lstrip(b"\xef\xbb\xbf\0 \t\r\n")
    if all_plain(head):
        return None
    lines = head.split(b"\n")
    if not whole and len(lines) > 1:
        lines.pop()
    if _some_plain(lines[:_MOST_LINES]) and not _glued(lines[:_MOST_LINES]):
        return OUTPUT_LINES if any(map(OWN_MESSAGE, lines[:_MOST_LINES])) else None
    for detector in DETECTORS:
        found = detector(lines[:_MOST_LINES], head)
        if found is not None:
            return replace(found, stamp=_stamp(found, head), signs=_signs(found, head)) if found.stamp else found
    return None


def _some_plain(lines: Sequence[bytes]) -> bool:
    """Whether some line is an event, and not an element of an array over several lines."""
    before = b""
    for line in lines:
        if line.startswith(b"{") and not before.endswith((b",", b"[")) and is_bare(fields_of(line)):
            return True
        before = line.rstrip() or before
    return False


def _glued(lines: Sequence[bytes]) -> bool:
    """Whether some line is not one event alone: others follow in it, or a comma."""
    return any(SEVERAL.search(line) or line.rstrip().endswith(b"},") for line in lines if line.startswith(OWN_ORDER))


def _stamp(reading: Reading, head: bytes) -> bytes:
    """What stands before the times in this file; nothing where that is not the same everywhere."""
    mapped = any(isinstance(step, Gke) for step in reading.steps)
    said = dict(_quoted(head[:_STAMP_BYTES], _ENTRY_STAMP if mapped else _EVENT_STAMP, escaped=not mapped))
    # a body may hold another event's, as a string in a string
    least = min(said.values(), default=0) if reading.depth is None else 2**reading.depth - 1
    spelled = [one for one, backslashes in said.items() if backslashes == least]
    return spelled[0] if len(spelled) == 1 else b""


def _quoted(head: bytes, key: re.Pattern[bytes], *, escaped: bool) -> Iterator[tuple[bytes, int]]:
    """Where a key stands behind a quote, with the quote and the backslashes before it (if it may be `escaped`), and
    how many these are.
    """
    for found in key.finditer(head):
        quote = begin = found.start() - 1
        if head[quote : quote + 1] != b'"':
            continue
        while escaped and begin > 0 and head[begin - 1] == _BACKSLASH:
            begin -= 1
        yield head[begin : found.end()], quote - begin


_STAMP_BYTES: Final = 1 << 18
_BACKSLASH: Final = ord("\\")


def _signs(reading: Reading, head: bytes) -> tuple[bytes, ...]:
    """See `Reading`."""
    service = _SERVICE.search(head) if reading.steps[-1:] and isinstance(reading.steps[-1], Gke) else None
    return (b'"protoPayload"', service[0], b"}\n") if service and reading.kind is Kind.record else ()


def _cri(lines: Sequence[bytes], head: bytes) -> Reading | None:
    return _container(CRI_LINES, head) if any(map(CRI_LINE.match, lines[:5])) else None


def _docker(lines: Sequence[bytes], head: bytes) -> Reading | None:
    return _container(DOCKER_LINES, head) if Kind.docker in map(kind_of, lines[:5]) else None


def runtime(head: bytes) -> Reading | None:
    """How to read what a container wrote that is known to be kube-apiserver's, though it may hold no event yet."""
    lines = head.split(b"\n", 5)[:5]
    if any(map(CRI_LINE.match, lines)):
        return CRI_LINES
    return DOCKER_LINES if Kind.docker in map(kind_of, lines) else None


def _container(reading: Reading, head: bytes) -> Reading | None:
    """What a server wrote to standard output, in either of its formats."""
    if _mention(head):
        return reading
    if b" AUDIT: id=" not in head:
        return None
    name = f"{reading.name}, in the format `legacy`"
    return replace(reading, name=name, steps=(Legacy(),), depth=None, stamp=b"")


def _mention(head: bytes) -> bool:
    """Whether there are events: a server says hundreds of other lines before its first."""
    return b"audit.k8s.io" in head


def _journal(lines: Sequence[bytes], head: bytes) -> Reading | None:
    exported = lines[0].startswith((b"__CURSOR=", b"__REALTIME_TIMESTAMP="))
    return (
        Reading("a journald export", Kind.journal, Journal, (Cut(),), border=next_entry, seeming=True)
        if exported and _mention(head)
        else None
    )


def _legacy(lines: Sequence[bytes], head: bytes) -> Reading | None:
    del head
    said = any(LEGACY_LINE.match(line) for line in lines)
    return (
        Reading(LEGACY, Kind.legacy, Lines, (Legacy(),), depth=None, stamp=b"", border=any_line, tell=tell)
        if said
        else None
    )


def _records(lines: Sequence[bytes], head: bytes) -> Reading | None:
    """A JSON value in each line, which is no event but holds some."""
    del head
    for line in lines:
        if not line.startswith((b"{", b"[")):
            continue
        steps = find_steps(line)
        if steps:
            found = _reading(name_of(fields_of(line), steps), Kind.record, steps)
            return replace(found, steps=nested(steps))
    return None


def _quoted_lines(lines: Sequence[bytes], head: bytes) -> Reading | None:
    """A JSON string in each line."""
    del head
    steps = next((steps for steps in map(find_quoted_steps, lines) if steps is not None), None)
    return None if steps is None else _reading("a JSON string in each line", Kind.prefixed, steps)


def _prefixed(lines: Sequence[bytes], head: bytes) -> Reading | None:
    """Something before each event."""
    del head
    for line in lines:
        begin = begin_of(line)
        prefix = line[:begin]
        steps = find_steps(line[begin:]) if _PREFIX.match(prefix) else None
        if steps is not None:
            name = SYSLOG if _SYSLOG.match(prefix) else "lines with a time or a name before the event"
            return _reading(name, Kind.prefixed, (Prefixed(_programs(lines)), *steps))
    return None


def _programs(lines: Sequence[bytes]) -> set[bytes]:
    """Of what name kube-apiserver's lines are, if it is none that it is known by: if all are of one."""
    names = {program_of(line) for line in lines if b"auditID" in line}
    known = [name for name in names if not other_program(name.decode("utf-8", "replace"))]
    return names if len(names) == 1 and not known else set()


def _documents(lines: Sequence[bytes], head: bytes) -> Reading | None:
    """JSON over several lines, or in an array."""
    del lines
    if not head.startswith((b"{", b"[")):
        return None
    documents = Documents(learn(head))
    for text in documents.take(bytearray(head), last=True, finders=None).found.texts:
        steps = find_steps(text)
        if steps is not None:
            made = _reading(_document_name(head, text, steps), Kind.document, steps)
            first = steps[0] if steps else None
            records = first.records if isinstance(first, Field) and first.string and first.path else None
            signed = documents.signed(_once_each(steps, made.depth, text), records)
            made = replace(made, layout=partial(Spread, signed), border=documents.border, depth=None)
            return made if b"\n" in head.rstrip() else replace(made, documents=signed)
    return None


def _timed_documents(lines: Sequence[bytes], head: bytes) -> Reading | None:
    """JSON over several lines, each value behind a time, as `aws logs tail --format json` prints it."""
    if not _TIMED.match(lines[0]):
        return None
    found = Documents(None).take(bytearray(head), last=True, finders=None).found.texts
    steps = next((steps for steps in map(find_steps, found) if steps is not None), None)
    if steps is None:
        return None
    made = _reading("pretty-printed JSON, with a time before each event", Kind.prefixed, steps)
    return replace(made, layout=partial(Spread, Documents(None)), depth=None, border=None)


_TIMED: Final = re.compile(rb"\A" + _TIME + rb'(?: [^\s{"\[]+)* ?\{?\r?\Z')


def _once_each(steps: Sequence[Step], depth: int | None, text: bytes) -> tuple[bytes, ...]:
    """See `Documents`: each element has them once, unless somebody made an event look so. `text`: one element."""
    if not steps:
        return ()
    if not depth:
        return (b'"protoPayload"' if depth is None else b'"auditID"',)
    # in a string, so one that was cut is told from a whole one by how it ends
    ends = [end for end in (rb'}\n"', b'}"') if end in text] if depth == 1 else []
    return (escaped(OWN_ORDER, depth)[0], *ends[:1])


def _document_name(head: bytes, text: bytes, steps: Sequence[Step]) -> str:
    key = wrapper_key(head)
    if steps or key:
        return name_of([key] if key else fields_of(text), steps)
    if head[:1] == b"[":
        return "a JSON array"
    return "pretty-printed JSON" if b"\n" in head.rstrip() else "JSON without line breaks"


def _table(lines: Sequence[bytes], head: bytes) -> Reading | None:
    """CSV, which has the names of its columns in the first line."""
    del head
    table = find_table(lines)
    steps = find_steps(table[1]) if table else None
    if table is None or steps is None:
        return None
    layout = partial(Rows, table[0])
    return Reading(f"a table (CSV), {_under(steps)}", Kind.prefixed, layout, steps, depth=None)


def _under(steps: Sequence[Step]) -> str:
    column = next((step.path[0] for step in steps if isinstance(step, Field) and step.path), "")
    return f"with the event in the column `{column}`" if column else "with a column for each field"


def _several(lines: Sequence[bytes], head: bytes) -> Reading | None:
    """Several events in a line, or a comma behind each."""
    if not _glued(lines) or head.startswith(b"[") or b"\n" not in head.rstrip():
        return None
    return Reading("JSON, not one event in each line", Kind.prefixed, Lines, (Embedded(),), border=any_line)


def _in_text(lines: Sequence[bytes], head: bytes) -> Reading | None:
    """Events in text that is no JSON as a whole."""
    # a line of JSON over several lines may be a part of what a client sent
    if head.startswith((b"{", b"[")) or not any(embedded(line) for line in lines):
        return None
    return Reading(
        "lines with events in other text", Kind.prefixed, Lines, (Embedded(),), depth=None, border=any_line
    )


DETECTORS: Final[tuple[Callable[[Sequence[bytes], bytes], Reading | None], ...]] = (
    _cri,
    _docker,
    _journal,
    _legacy,
    _quoted_lines,
    _table,
    _records,
    _several,
    _prefixed,
    _documents,
    _timed_documents,
    _in_text,
)
"""In this order; the first that fits is taken."""


def _reading(name: str, kind: Kind, steps: tuple[Step, ...]) -> Reading:
    strings = sum(isinstance(step, Decoded | Item) or (isinstance(step, Field) and step.string) for step in steps)
    mapped = any(isinstance(step, MAPPED) for step in steps)
    return Reading(name, kind, Lines, steps, None if mapped else strings, border=any_line)
