"""What a line is that is not an audit event: people name the log of another program by mistake."""

from __future__ import annotations

import re

LEGACY = "kube-apiserver's audit log in the format legacy, which is not JSON and cannot be read"
"""What is_foreign() does not count: kube-apiserver writes it, only readers of events cannot use it."""

# fields that every event has (audit/v1 types.go), also where a shipper rewrote the line or a crash cut it short
_EVENT = re.compile(rb'"(?:auditID|stageTimestamp|requestReceivedTimestamp)"|audit\.k8s\.io/')
_FORMS = (
    # staging/src/k8s.io/apiserver/pkg/audit/format.go:EventString
    (re.compile(rb'\S+ AUDIT: id="'), LEGACY),
    # audit/src/auditd-event.c:format_raw; `node=` where name_format is set
    (re.compile(rb"(?:node=\S+ )?type=\S+ msg=audit\("), "the log of auditd, not of kube-apiserver"),
    # klog/v2/internal/buffer/buffer.go:FormatHeader
    (
        re.compile(rb"[IWEF][0-9]{4} [0-9:.]+ +[0-9]+ \S+:[0-9]+\]"),
        "a log of messages (klog), not the audit log of kube-apiserver",
    ),
)
_ANOTHER = "the log of another program, not of kube-apiserver"
_BLANK = b"\0 \t\r\n\xef\xbb\xbf"


def describe(line: bytes) -> str:
    """What kind of log `line` is of, where it is not of kube-apiserver's audit log; empty if it may be."""
    bare = line.strip(_BLANK)
    known = next((what for form, what in _FORMS if form.match(bare)), "")
    if known or not bare or _EVENT.search(bare):
        return known
    return _ANOTHER


def is_foreign(line: bytes) -> bool:
    """Whether somebody else than kube-apiserver's audit backend wrote `line`."""
    return describe(line) not in {"", LEGACY}
