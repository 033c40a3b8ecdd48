"""What lines that are not audit events look like: the forms in which people and log shippers keep audit logs.

A shape is told by its bytes, never by a file's name. To know another one, add a row to SHAPES; the first that fits is
taken, so the narrow ones stand first. What is no log at all, or another program's, is told by `not_a_log`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

OTHER_LOG: Final = "give the file that kube-apiserver writes (--audit-log-path)"
PLAIN: Final = "JSON lines"
"""The shape of what kube-apiserver writes itself."""
APART: Final = "give them as a file of their own, without other lines: then they are read"
FOREIGN: Final = "the log of another program, not of kube-apiserver"
_AS_JSON: Final = "have it written as JSON: `--format=json` of gcloud, `--output json` of the AWS CLI, `yq -o json`"
_AS_A_FILE: Final = "give it as a file on this machine: --log FILE, or unpack it: "
_ELSE: Final = "give a log that kube-apiserver wrote"
CRI, DOCKER = "a CRI container log", "a container log of Docker (json-file)"
CONTAINER_LOGS: Final = frozenset({CRI, DOCKER})
"""What a server has written to standard output, as container runtimes keep it."""
LEGACY: Final = "kube-apiserver's audit log in the format `legacy`"
# fields that every event has (audit/v1 types.go), also where a shipper rewrote the line or a crash cut it short
_EVENT: Final = rb'\\?"(?:auditID|stageTimestamp|requestReceivedTimestamp)\\?"|audit\.k8s\.io/'
_PROPER: Final = rb'\A\{"kind":"Event","apiVersion":"audit\.k8s\.io/'
_SAMPLE_HEAD, _SAMPLE_TAIL = 768, 256  # bytes that are kept of a line
MOST_SAMPLES: Final = 16
"""Lines that a shape is told by."""


class Shape(msgspec.Struct, frozen=True):
    """A form of text. `pattern` finds it in the first lines; `re` compiles it when it is first sought. `advice`: what
    to do about it.
    """

    name: str
    pattern: bytes
    advice: str


def _row(name: str, pattern: bytes, advice: str = APART) -> Shape:
    return Shape(name, pattern, advice)


def _wrapped(key: str) -> tuple[Shape, Shape]:
    """Records that hold the event under `key`: as a string, and as an object."""
    name = f"records of a log shipper, with the event under the key `{key}`"
    begin = rb'^\{.*"' + re.escape(key.encode()) + rb'": ?'
    event = rb'\{[^{}]*"(?:kind": ?"Event"|apiVersion": ?"audit\.k8s\.io|auditID"|stage")'
    return _row(name, begin + rb'"\{ ?\\"'), _row(name, begin + event)


_TIME: Final = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*"

SHAPES: Final[tuple[Shape, ...]] = (
    _row("a tar archive", rb"\A[^\0]{1,100}\0[\0-7 ]*[\s\S]{0,400}ustar", f"{_AS_A_FILE}tar -xf FILE"),
    _row("a zip archive", rb"PK\x03\x04", f"{_AS_A_FILE}unzip FILE"),
    _row(CRI, rb"^" + _TIME + rb" (?:stdout|stderr) [PF]\b"),
    _row(DOCKER, rb'^\{"log":.*"stream": ?"std(?:out|err)"'),
    _row("a journald export", rb"\A__CURSOR="),
    _row("journald's JSON", rb'^\{.*"__(?:CURSOR|REALTIME_TIMESTAMP)"'),
    _row(LEGACY, rb'^\S+ AUDIT: id="'),  # staging/src/k8s.io/apiserver/pkg/audit/format.go:EventString
    _row("Google Cloud audit log entries (protoPayload)", rb'"protoPayload": ?\{'),
    _row("diagnostic records of Azure (AKS)", rb'"category": ?"kube-audit'),
    _row(
        "the output of `aws logs`",
        rb'"events": ?\[\s*(?:\{\s*"(?:logStreamName|timestamp|eventId|ingestionTime|message)"|$)',
    ),
    _row("an EventList", rb'"kind": ?"(?:Event)?List"[^\0]*"items": ?\['),
    _row(
        "OpenTelemetry records with each event taken apart (kvlistValue)",
        rb'"kvlistValue": ?\{',
        "have the collector leave the line as a string in `body`",
    ),
    # how JSON and gzip begin in it
    _row(
        "records with their contents in base64",
        rb'"data": ?"(?:eyJ|ewog|H4sI)',
        "decode them first, for example with jq: `.message.data | @base64d` for Pub/Sub",
    ),
    *(row for key in ("message", "log", "MESSAGE", "msg", "line", "event", "body") for row in _wrapped(key)),
    _row("lines with a syslog prefix", rb"^(?:<\d+>)?(?:1 )?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ .*\{"),
    _row("lines with a syslog prefix", rb"^<\d+>.*\{"),
    _row("lines with a time or a name before the event", rb"^[^\s{\[\"][^{]{0,300}[ \t]\{\""),
    _row("a JSON array", rb"\A\s*\[\s*(?:\{|\]|$)"),
    _row("pretty-printed JSON", rb'\A\{[ \t\r]*$|^[ \t]+"[^"]*": '),
    _row("YAML", rb"\A(?:---[ \t\r]*$|(?:apiVersion|kind|items|events): ?|- |insertId: )", _AS_JSON),
    _row("YAML", rb"^(?:- |  )?(?:auditID|insertId|requestURI|stage|message): \S", _AS_JSON),
    _row("encrypted data", rb"\A(?:Salted__|-----BEGIN PGP |age-encryption\.org/)", "decrypt it first"),
    _row("a journal of systemd", rb"\ALPKSHHRH", "give what `journalctl --file FILE -o export` prints"),
    *(
        _row(f"data that {tool} has packed", begin, f"unpack it first: {how}")
        for tool, begin, how in (
            ("lz4", rb"\A\x04\x22\x4d\x18", "lz4 -d FILE"),
            ("lzma", rb"\A\x5d\0\0", "unlzma FILE"),
            ("7z", rb"\A7z\xbc\xaf\x27\x1c", "7z x FILE"),
            ("compress", rb"\A\x1f\x9d", "uncompress FILE"),
        )
    ),
    _row("binary data", rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]|\0[^\0\n]", _ELSE),
)


def sample(line: bytes) -> bytes:
    """As much of a line as its shape is told by."""
    whole = _SAMPLE_HEAD + _SAMPLE_TAIL
    return line if len(line) <= whole else line[:_SAMPLE_HEAD] + line[-_SAMPLE_TAIL:]


def classify(lines: Sequence[bytes]) -> Shape | None:
    """The shape of the first lines that are not events; None for an event that is damaged, and for any other text."""
    text = b"\n".join(lines[:MOST_SAMPLES]).removeprefix(b"\xef\xbb\xbf")
    if re.match(_PROPER, text):
        text = b"\n".join(line for line in lines[:MOST_SAMPLES] if not re.match(_PROPER, line))
    # most logs need none of it
    from kaudit_setup.auditlog.shapes.recognition.not_a_log import mistaken

    if other := mistaken(text):
        return Shape(other, b"", OTHER_LOG)
    return next((shape for shape in SHAPES if text and re.search(shape.pattern, text, re.MULTILINE)), None)


def describe_foreign(line: bytes) -> str:
    """What `line` is of if another program wrote it; empty if kube-apiserver's audit backend may have."""
    bare = line.strip(b"\0 \t\r\n\xef\xbb\xbf")
    shape = classify([bare])
    if shape is not None and shape.advice == OTHER_LOG:
        return shape.name
    ours = not bare or re.search(_EVENT, bare) or (shape is not None and shape.name == LEGACY)
    return "" if ours else FOREIGN
