"""Lines of a log, written as stores and their web pages export them: tables, flat records, text around the event."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

from shapekit import Lines, Writer, dump, joined, legacy, text, whole

COLUMNS = {
    "level": "Level",
    "auditID": "AuditId",
    "stage": "Stage",
    "requestURI": "RequestUri",
    "verb": "Verb",
    "user": "User",
    "impersonatedUser": "ImpersonatedUser",
    "sourceIPs": "SourceIps",
    "userAgent": "UserAgent",
    "objectRef": "ObjectRef",
    "responseStatus": "ResponseStatus",
    "requestReceivedTimestamp": "RequestReceivedTime",
    "stageTimestamp": "StageReceivedTime",
    "annotations": "Annotations",
}
"""Of Azure's table AKSAudit."""


def table(*beside: str, column: str = "message", delimiter: str = ",", head: bool = True) -> Writer:
    """A table with the event in one column, behind others."""

    def write(lines: Lines) -> bytes:
        out = io.StringIO()
        rows = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
        if head:
            rows.writerow([*beside, column])
        rows.writerows([*("2026-11-23, 16:00" for _ in beside), text(line)] for line in lines)
        return out.getvalue().encode()

    return write


def levelled(value: Any, prefix: str = "") -> dict[str, Any]:
    """One level, with the way to each value as its name."""
    found = {}
    for key, inner in value.items():
        found |= levelled(inner, f"{prefix}{key}.") if isinstance(inner, dict) else {f"{prefix}{key}": inner}
    return found


def flat(prefix: str = "") -> Writer:
    return lambda lines: joined([dump(levelled(one, prefix)) for one in whole(lines)])


def flat_table(lines: Lines) -> bytes:
    records = [levelled(one) for one in whole(lines)]
    names = sorted({name for one in records for name in one})
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(names)
    for one in records:
        cells = [one.get(name, "-") for name in names]
        rows.writerow([", ".join(map(str, cell)) if isinstance(cell, list) else cell for cell in cells])
    return out.getvalue().encode()


def aks_rows(lines: Lines) -> bytes:
    return joined([dump({COLUMNS[key]: one[key] for key in COLUMNS if key in one}) for one in whole(lines)])


def aks_strings(lines: Lines) -> bytes:
    """As the portal exports a row: what is dynamic is a string."""
    found = [{COLUMNS[key]: one[key] for key in COLUMNS if key in one} for one in whole(lines)]
    return json.dumps(
        [{k: dump(v).decode() if isinstance(v, dict | list) else v for k, v in one.items()} for one in found],
        indent=1,
    ).encode()


def around(before: bytes, behind: bytes, *, string: bool = False) -> Writer:
    """Text before and behind each event."""
    return lambda lines: joined([before + (dump(text(line)) if string else line) + behind for line in lines])


def several(glue: bytes, count: int = 3) -> Writer:
    return lambda lines: joined([glue.join(lines[at : at + count]) for at in range(0, len(lines), count)])


def cri_legacy(lines: Lines) -> bytes:
    return joined([b"2026-11-23T16:00:00.1Z stdout F " + line for line in legacy(lines).splitlines()])


def search_answer(indent: int | None) -> Writer:
    """What Elasticsearch and OpenSearch answer, and their web pages save."""

    def write(lines: Lines) -> bytes:
        hits = [{"_index": "audit", "_id": str(at), "_source": one} for at, one in enumerate(whole(lines))]
        answer = {"took": 3, "_shards": {"total": 1}, "hits": {"total": {"value": len(hits)}, "hits": hits}}
        return json.dumps(answer, indent=indent).encode()

    return write


def results(lines: Lines) -> bytes:
    """What Splunk saves."""
    rows = [{"_time": "2026-11-23T16:00:00.000+00:00", "_raw": text(line)} for line in lines]
    return dump({"preview": False, "messages": [], "fields": [{"name": "_raw"}], "results": rows})


def insights(lines: Lines) -> bytes:
    """`aws logs get-query-results`."""
    rows = [[{"field": "@timestamp", "value": "x"}, {"field": "@message", "value": text(line)}] for line in lines]
    return json.dumps({"results": rows, "status": "Complete"}, indent=4).encode()


def strings(indent: int | None, *, under: str = "") -> Writer:
    """A list of strings: `aws logs … --query 'events[].message'`, Ansible's `stdout_lines`."""

    def write(lines: Lines) -> bytes:
        found: Any = list(map(text, lines))
        return json.dumps({under: found} if under else found, indent=indent).encode() + b"\n"

    return write


def blocks_of(count: int) -> Writer:
    """Several lines in one string, as Ansible keeps an output, and Fluent Bit what it takes for one message."""

    def write(lines: Lines) -> bytes:
        blocks = [lines[at : at + count] for at in range(1, len(lines), count)]
        return joined([dump({"log": joined(block).decode()}) for block in [lines[:1], *blocks]])

    return write


def spelled(line: Any, spell: Callable[[str], str]) -> dict[str, Any]:
    """An event with the names of its own fields, and of theirs, in another spelling."""
    return {
        spell(key): {spell(name): part for name, part in inner.items()}
        if key in {"user", "objectRef", "impersonatedUser", "responseStatus"}
        else inner
        for key, inner in line.items()
    }


def columns(spell: Callable[[str], str], *, strings: bool = False) -> Writer:
    """A table of a database, exported as JSON. `strings`: objects and lists are in strings."""

    def one(line: Any) -> dict[str, Any]:
        found = spelled(line, spell)
        return {k: dump(v).decode() if isinstance(v, dict | list) and strings else v for k, v in found.items()}

    return lambda lines: joined([dump(one(line)) for line in whole(lines)])


def tailed(between: str) -> Writer:
    """`aws logs tail --format json`."""

    def write(lines: Lines) -> bytes:
        head = f"2026-11-23T16:00:00.123000+00:00 kube-apiserver-audit-1{between}"
        return joined([(head + json.dumps(one, indent=4)).encode() for one in whole(lines)])

    return write


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


NESTED: dict[str, Writer] = {
    "Elasticsearch's answer": search_answer(None),
    "Elasticsearch's answer, pretty": search_answer(2),
    "Splunk's results": results,
    "results of Insights": insights,
}
EXPORTS: dict[str, Writer] = {
    "Kibana's CSV": table("@timestamp", "_id"),
    "Azure's CSV": table("TimeGenerated [UTC]", "Category", column="log_s"),
    "a table with tabs": table("time", column="line", delimiter="\t"),
    "a table without names of columns": table("time", head=False),
    "Fluent Bit's out_file": around(b'kube.audit: [1764000000.1, {"log": ', b"}]", string=True),
    "logfmt": around(b"host=cp1 message=", b" source=file", string=True),
    "text of the AWS CLI": around(b"EVENTS\t123\tkube-apiserver-audit-x\t", b"\t1764000000123"),
    "a comma behind each line": around(b"", b","),
    "several in a line": several(b""),
    "several in a line, parted": several(b" "),
    "all in one line": b"".join,
    "flat": flat(),
    "flat below a key": flat("kubernetes.audit."),
    "flat in a table": flat_table,
    "rows of AKSAudit": aks_rows,
    "rows of AKSAudit with strings": aks_strings,
    "a list of strings": strings(None),
    "a list of strings, pretty": strings(4),
    "a list of strings under a key": strings(None, under="stdout_lines"),
    "a string in each line": lambda lines: joined([dump(text(line)) for line in lines]),
    "several lines in a string": blocks_of(4),
    "all lines in a string": lambda lines: json.dumps(
        {"data": {"audit.log": joined(lines).decode()}}, indent=1
    ).encode(),
    "aws logs tail --format json": tailed(" "),
    "the same, below the time": tailed("\n"),
    "columns in lower case": columns(str.lower),
    "columns in upper case": columns(str.upper),
    "columns in snake case": columns(snake),
    "objects in strings": columns(str, strings=True),
    **NESTED,
}
"""They say all that the lines say."""
