"""Of which clusters records are, as they say it themselves: stores keep the logs of several in one place.

Sources: Cloud Logging, monitored resource `k8s_cluster`; Azure Monitor, `resourceId` of diagnostic logs; CloudWatch,
log groups of EKS; ECS, `orchestrator.cluster.name`; OpenTelemetry, `k8s.cluster.name`; `cluster`, as shippers add it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any, Final

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.shapes.events import REFUSED, may_hold
from kaudit_setup.auditlog.shapes.forms import count_lines
from kaudit_setup.auditlog.shapes.origins import whose
from kaudit_setup.auditlog.shapes.reading import Reading
from kaudit_setup.auditlog.shapes.recognition.line_kinds import Kind

_STRING: Final = rb'\\*"([^"\\]*)'
# each begins with letters that are found at once: one pattern for all takes twenty times as long
_NAMED: Final = (
    rb'cluster(?:[._]?name)?\\*"\s*:\s*' + _STRING,
    rb'cluster[._]name\\*"\s*,\s*\\*"value\\*"\s*:\s*\{\s*\\*"stringvalue\\*"\s*:\s*' + _STRING,
    rb'cluster\\*"\s*:\s*\{\s*\\*"name\\*"\s*:\s*' + _STRING,
    rb'project_id\\*"\s*:\s*' + _STRING,
    rb'location\\*"\s*:\s*' + _STRING,
    rb'/managedclusters/([^/"\\]+)',
    rb'/aws/eks/([^/"\\]+)',
)
# labels of a Pod say nothing of the kind: operators call their own things clusters
_NAME: Final = (
    r"(?:(?:labels|stream|fields|tags|attributes|resource\.attributes)\.)?"
    r"(?:(?:k8s|kubernetes|orchestrator)\.)?cluster(?:[._]?name)?"
)
# what was asked of a cluster is not what says which one it is
_ASKED: Final = frozenset({"protoPayload", "requestObject", "responseObject", "objectRef", "user", "annotations"})
_DEEPEST: Final = 7


def may_differ(data: bytes) -> bool:
    """Whether records may be of several clusters: what they say of it is not the same everywhere. In other files
    nothing has to be taken apart.
    """
    low = data.lower()
    return any(len(set(re.findall(pattern, low))) > 1 for pattern in _NAMED)


def mixture(reading: Reading, head: bytes) -> str:
    """What to say of a file that begins so, if its records are of several clusters: what happened in one of them must
    not be taken for what happened in another. Empty for any other file.
    """
    if reading.kind in _WITHOUT_RECORDS or not may_differ(head):
        return ""
    named = clusters_in(reading, head)
    more = ", ..." if len(named) > _MOST_NAMED else ""
    return f"{SEVERAL}: {', '.join(named[:_MOST_NAMED])}{more}" if len(named) > 1 else ""


SEVERAL: Final = "it holds the logs of several clusters"
ONE_EACH: Final = "export each cluster's records by themselves, and give them as --cluster NAME=FILE"
_MOST_NAMED: Final = 3
_WITHOUT_RECORDS: Final = frozenset({Kind.plain, Kind.cri, Kind.docker, Kind.journal, Kind.legacy})


def clusters_in(reading: Reading, head: bytes) -> list[str]:
    """The clusters that the records name with which a file begins, in their order; none if they name none."""
    data = bytearray(head[: head.rfind(b"\n") + 1] or head + b"\n")
    block = Block(data, len(data), 0, None, count_lines(data))
    found: dict[str, None] = {}
    layout = reading.layout()
    texts = [*layout.cut(block, None).texts, *layout.rest().texts]
    for text in filter(may_hold, texts):
        with suppress(*REFUSED):
            record = msgspec.json.decode(text[max(text.find(b"{"), 0) :])
            if isinstance(record, dict) and not whose(record):
                found |= dict.fromkeys(_named(record, "", 0))
    return list(found)


def _named(value: object, way: str, depth: int) -> Iterator[str]:
    """The clusters that are named in a value, to which `way` leads."""
    if isinstance(value, str):
        return iter(_said(way, value))
    inside = _inside(value, way) if depth < _DEEPEST else ()
    return chain.from_iterable(_named(inner, below, depth + 1) for below, inner in inside)


def _inside(value: object, way: str) -> Iterable[tuple[str, object]]:
    """What is in a list or an object, each with the way to it."""
    if isinstance(value, list):
        return [(way, one) for one in value]
    return _fields(value, f"{way}." if way else "") if isinstance(value, Mapping) else ()


def _fields(fields: Mapping[str, Any], before: str) -> Iterable[tuple[str, object]]:
    if fields.get("type") == "k8s_cluster":
        labels = fields.get("labels")
        place = [str(labels[key]) for key in _PLACE if labels.get(key)] if isinstance(labels, Mapping) else []
        return [("cluster", "/".join(place))]
    if isinstance(value := fields.get("value"), Mapping):  # an attribute of OpenTelemetry
        return [(f"{before}{fields.get('key')}", value.get("stringValue"))]
    return ((f"{before}{key}", inner) for key, inner in fields.items() if key not in _ASKED)


_PLACE: Final = ("project_id", "location", "cluster_name")


def _said(way: str, value: str) -> list[str]:
    """The cluster that a string names, if it is one that does."""
    key = way.lower()
    forms = [form for end, form in _FORMS if key.endswith(end)]
    if re.fullmatch(_NAME, _below_lists(key)):
        forms.append("(.+)")
    return [found[1] for form in forms if (found := re.fullmatch(form, value))]


_FORMS: Final = (("resourceid", r"(?i).*/managedclusters/([^/]+)"), ("loggroup", r"/aws/eks/(.+)/cluster"))


def _below_lists(way: str) -> str:
    """Without the names of lists that records are in."""
    return re.sub(r"^(?:(?:streams|records|hits|_source|resourcelogs|data|result|results|logs|common)\.)+", "", way)
