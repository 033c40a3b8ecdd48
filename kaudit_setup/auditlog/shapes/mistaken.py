"""What people give instead of an audit log: objects and policies, what kubectl prints, other programs' logs.

Kubernetes' own events (`kubectl get events`) are mistaken for audit events most often: they say what happened to an
object, and never who did it (staging/src/k8s.io/api/core/v1/types.go:Event).
"""

from __future__ import annotations

import re
from typing import Final

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
    if _AUDIT_EVENT.search(text):
        return ""
    return _object(text) or next((name for name, pattern in _TEXTS if pattern.search(text)), "")


def _object(text: bytes) -> str:
    versions = _API.findall(text)
    kinds = [kind.removesuffix(b"List") for kind in _KIND.findall(text)]
    if any(version.startswith(b"audit.k8s.io/") for version in versions):
        return POLICY if b"Policy" in kinds else ""
    if _ABOUT.search(text) or (versions and b"Event" in kinds):
        return EVENTS
    if not versions:
        return ""
    if b"Config" in kinds and versions[0] == b"v1":
        return KUBECONFIG
    named = list(dict.fromkeys(kind.decode() for kind in kinds if kind))[:_MOST_KINDS]
    return f"Kubernetes objects ({', '.join(named)}), not audit events; they do not say who" if named else ""
