"""What people give instead of an audit log: objects and policies, what kubectl prints, other programs' logs.

Kubernetes' own events (`kubectl get events`) are mistaken for audit events most often: they say what happened to an
object, and never who did it (staging/src/k8s.io/api/core/v1/types.go:Event).
"""

from __future__ import annotations

import re
from typing import Final

from kaudit_setup.auditlog.shapes.recognition.rancher import of_rancher

EVENTS: Final = "Kubernetes events, not audit events; they do not say who"
POLICY: Final = "an audit policy, not a log"
KUBECONFIG: Final = "a kubeconfig, not an audit log"
_TABLE: Final = "a table that kubectl prints, not an audit log"
_MOST_KINDS: Final = 3

# a field of an object, as YAML or JSON, on a line of its own or not
_FIELD: Final = rb"(?:^|[{,]|- )[ \t]*[\"']?%b[\"']?[ \t]*:[ \t]*"
_KIND: Final = re.compile(_FIELD % b"kind" + rb"[\"']?([A-Z][A-Za-z0-9]{1,62})\b", re.MULTILINE)
_API: Final = re.compile(_FIELD % b"apiVersion" + rb"[\"']?([a-z][a-z0-9./-]{1,100})", re.MULTILINE)
# core/v1 and events.k8s.io/v1
_ABOUT: Final = re.compile(_FIELD % b"(?:involvedObject|regarding)", re.MULTILINE)
_AUDIT_EVENT: Final = re.compile(rb"auditID|stageTimestamp|requestReceivedTimestamp")

# (what it is, how it is known): by kinds of text that have no fields
_TEXTS: Final = (
    (EVENTS, re.compile(rb"\A(?:NAMESPACE +)?LAST SEEN +TYPE +REASON +")),
    (_TABLE, re.compile(rb"\A(?:NAMESPACE +)?NAME +(?:[A-Z][A-Z()/ -]+ +)*AGE\b")),
    ("what `kubectl describe` prints, not an audit log", re.compile(rb"\AName: +\S+\n(?:Namespace|Labels|Roles): ")),
    (
        "the log of auditd, not of kube-apiserver",  # audit/src/auditd-event.c:format_raw
        re.compile(rb"^(?:node=\S+ )?type=[A-Z_0-9]+ msg=audit\(", re.MULTILINE),
    ),
    (
        "a component's own log (klog), not an audit log",  # also behind what a container runtime or syslog writes
        re.compile(
            rb"^(?:\S+ std(?:out|err) F |\{\"log\":\"|[^{\"]{1,120}: )?[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ ",
            re.MULTILINE,
        ),
    ),
    (
        "a component's own log (JSON), not an audit log",  # klog's and etcd's
        re.compile(
            rb'^\{(?:"level": ?"[a-z]+", ?)?"ts": ?[^,]+, ?(?:"logger": ?"[^"]*", ?)?"caller": ?"', re.MULTILINE
        ),
    ),
)


def mistaken(text: bytes) -> str:
    """What the first lines of a file are, if they are something else than an audit log that people give instead;
    empty for anything else, and where audit events are in it.
    """
    events = [of_rancher(line) for line in text.splitlines() if _AUDIT_EVENT.search(line)]
    if events:
        return "the log of Rancher's own API, not of kube-apiserver" if all(events) else ""
    return _object(text) or _program(text)


def _program(text: bytes) -> str:
    return next((name for name, pattern in _TEXTS if pattern.search(text)), "")


def _object(text: bytes) -> str:
    """Of the fields that every object has."""
    if _ABOUT.search(text):
        return EVENTS
    version = _API.search(text)
    return _of_version(version[1].partition(b"/")[0], _kinds(text)) if version else ""


def _kinds(text: bytes) -> list[bytes]:
    return [kind for found in _KIND.findall(text) if (kind := found.removesuffix(b"List"))]


def _of_version(version: bytes, kinds: list[bytes]) -> str:
    named = ", ".join(dict.fromkeys(kind.decode() for kind in kinds[:_MOST_KINDS]))
    special = (name for kind, versions, name in _KINDS if kind in kinds and version in versions)
    # what else is of the group audit.k8s.io may be an audit log
    other = named and version != _AUDIT
    return next(special, f"Kubernetes objects ({named}), not audit events; they do not say who" if other else "")


_AUDIT: Final = b"audit.k8s.io"
# (kind, the groups or versions that it has, what it is)
_KINDS: Final = (
    (b"Policy", {_AUDIT}, POLICY),
    (b"Event", {b"v1", b"events.k8s.io"}, EVENTS),
    (b"Config", {b"v1"}, KUBECONFIG),
)
