"""Lines of a log, written as others keep them: what each shape of `auditlog/shapes` is tested with."""

from __future__ import annotations

import bz2
import codecs
import gzip
import json
import lzma
from collections.abc import Callable, Sequence
from typing import Any

import zstandard

Lines = Sequence[bytes]
Writer = Callable[[Lines], bytes]


def whole(lines: Lines) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def dump(value: object, **how: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, **how).encode()


def joined(lines: Lines) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def text(line: bytes) -> str:
    return line.decode()


def pretty(lines: Lines) -> bytes:
    return joined([json.dumps(one, indent=2, ensure_ascii=False).encode() for one in whole(lines)])


def pretty_array(lines: Lines) -> bytes:
    return json.dumps(whole(lines), indent=4).encode() + b"\n"


def array_of_lines(lines: Lines) -> bytes:
    return b"[\n" + b",\n".join(lines) + b"\n]\n"


def array(lines: Lines) -> bytes:
    return b"[" + b",".join(lines) + b"]"


def event_list(lines: Lines) -> bytes:
    head = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":['
    return head + b",".join(lines) + b"]}"


def event_lists(lines: Lines) -> bytes:
    return joined([event_list(lines[at : at + 7]) for at in range(0, len(lines), 7)])


def pretty_event_list(lines: Lines) -> bytes:
    return json.dumps(
        {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": whole(lines)}, indent=2
    ).encode()


TIME = "2026-05-01T10:00:00.123456789Z"
KLOG = b"I0501 10:00:00.123456       1 server.go:42] Starting with audit.k8s.io/v1"


def cri(lines: Lines, most: int = 1 << 30) -> bytes:
    found: list[bytes] = []
    for number, line in enumerate(lines):
        at = 0
        while len(line) - at > most:
            found.append(f"{TIME} stdout P ".encode() + line[at : at + most])
            if number % 5 == 1:
                found.append(f"{TIME} stderr F ".encode() + KLOG)
            at += most
        found.append(f"{TIME} stdout F ".encode() + line[at:])
        if number % 3 == 0:
            found.append(f"{TIME} stderr F ".encode() + KLOG)
    return joined(found)


def go_json(value: object) -> bytes:
    """As encoding/json writes it."""
    found = dump(value)
    for char in "<>&":
        found = found.replace(char.encode(), f"\\u{ord(char):04x}".encode())
    return found


def docker(lines: Lines, most: int = 1 << 30) -> bytes:
    found: list[bytes] = []

    def put(piece: bytes, stream: str = "stdout") -> None:
        found.append(go_json({"log": piece.decode(), "stream": stream, "time": TIME}))

    for number, line in enumerate(lines):
        rest = line + b"\n"
        while len(rest) > most:
            put(rest[:most])
            rest = rest[most:]
            if number % 5 == 1:
                put(KLOG + b"\n", "stderr")
        put(rest)
    return joined(found)


def journal(lines: Lines) -> bytes:
    head = b"__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1777629600000000\n_SYSTEMD_UNIT=kube-apiserver.service\n"
    found = []
    for number, line in enumerate(lines):
        if number % 4 == 1:
            found.append(head + b"MESSAGE\n" + len(line).to_bytes(8, "little") + line + b"\n_PID=1\n\n")
        else:
            found.append(head + b"MESSAGE=" + line + b"\n_PID=1\n\n")
        found.append(head + b"MESSAGE=" + KLOG + b"\n\n")
    return b"".join(found)


def prefixed(prefix: str) -> Writer:
    return lambda lines: joined([prefix.encode() + line for line in lines])


def record(*path: str, times: int = 1, **beside: Any) -> Writer:
    """The event as a string under `path`, encoded so many times; 0: as an object."""

    def one(line: bytes) -> bytes:
        value: Any = json.loads(line)
        for time in range(times):
            value = text(line) if time == 0 else dump(value).decode()
        for key in reversed(path[1:]):
            value = {key: value}
        return (dump if times else go_json)({**beside, path[0]: value})

    return lambda lines: joined([one(line) for line in lines])


def aws_events(lines: Lines) -> bytes:
    events = [
        {
            "logStreamName": "kube-apiserver-audit-1",
            "timestamp": 1,
            "message": text(line),
            "ingestionTime": 2,
            "eventId": "3",
        }
        for line in lines
    ]
    return json.dumps({"events": events, "searchedLogStreams": []}, indent=4).encode() + b"\n"


def aws_log_events(lines: Lines) -> bytes:
    events = [{"timestamp": 1, "message": text(line), "ingestionTime": 2} for line in lines]
    return json.dumps({"events": events, "nextForwardToken": "f/1", "nextBackwardToken": "b/1"}).encode()


def subscription(lines: Lines) -> bytes:
    head = {
        "messageType": "DATA_MESSAGE",
        "owner": "1",
        "logGroup": "/aws/eks/c/cluster",
        "logStream": "kube-apiserver-audit-1",
    }
    return joined(
        [
            dump(
                {
                    **head,
                    "subscriptionFilters": ["all"],
                    "logEvents": [{"id": "1", "timestamp": 2, "message": text(line)} for line in lines[at : at + 5]],
                }
            )
            for at in range(0, len(lines), 5)
        ]
    )


def aks(lines: Lines) -> bytes:
    return joined(
        [
            dump(
                {"time": TIME, "category": "kube-audit", "properties": {"log": text(line) + "\n", "stream": "stdout"}}
            )
            for line in lines
        ]
    )


def aks_records(lines: Lines) -> bytes:
    records = [
        {
            "operationName": "Microsoft.ContainerService/managedClusters/diagnosticLogs/Read",
            "category": "kube-audit",
            "properties": {"log": text(line), "pod": "p"},
        }
        for line in lines
    ]
    return dump({"records": records})


def loki(lines: Lines) -> bytes:
    values = [["1777629600000000000", text(line)] for line in lines]
    return dump({"streams": [{"stream": {"job": "audit"}, "values": values}]}) + b"\n"


def hosted(lines: Lines, namespace: str, pod: str = "kube-apiserver-7f9c5-abcde") -> bytes:
    """As Fluent Bit ships what a hosted control plane writes."""
    said = {"namespace_name": namespace, "pod_name": pod, "container_name": "kube-apiserver"}
    return record("log", kubernetes=said)(lines)


LABELS = '{container="kube-apiserver", namespace="kube-system", pod="kube-apiserver-cp1"}'


def logcli(lines: Lines) -> bytes:
    """As `logcli query` prints them: a time, the labels, padded, and the line."""
    return joined([f"2026-05-01T10:00:00Z {LABELS:<90} ".encode() + line for line in lines])


def logcli_jsonl(lines: Lines) -> bytes:
    labels = {"container": "kube-apiserver", "namespace": "kube-system", "pod": "kube-apiserver-cp1"}
    return joined([dump({"labels": labels, "line": text(line), "timestamp": TIME}) for line in lines])


def oc_node_logs(lines: Lines) -> bytes:
    return joined([b"ip-10-0-%d-2.ec2.internal " % (number % 3) + line for number, line in enumerate(lines)])


def output(lines: Lines) -> bytes:
    """As `kubectl logs` prints what a server wrote to its standard output."""
    trace = KLOG + b'\nTrace[1965387]: ---"Writing http response done" 502ms\n'
    return b"".join([line + b"\n" + trace if number % 4 == 1 else line + b"\n" for number, line in enumerate(lines)])


SAME: dict[str, Writer] = {
    "JSON lines": joined,
    "the output of a server": output,
    "pretty": pretty,
    "pretty array": pretty_array,
    "array of lines": array_of_lines,
    "array": array,
    "EventList": event_list,
    "EventLists": event_lists,
    "pretty EventList": pretty_event_list,
    "CRI": cri,
    "CRI in parts": lambda lines: cri(lines, 200),
    "docker": docker,
    "docker in parts": lambda lines: docker(lines, 200),
    "journald export": journal,
    "journald JSON": record("MESSAGE", __CURSOR="s=1", __REALTIME_TIMESTAMP="1", _COMM="kube-apiserver"),
    "RFC 3164": prefixed("May  1 10:00:00 cp1 kube-apiserver[1]: "),
    "RFC 3164 with a priority": prefixed("<134>May  1 10:00:00 cp1 kube-apiserver[1]: "),
    "RFC 5424": prefixed("<134>1 2026-05-01T10:00:00.123Z cp1 kube-apiserver 1 - - "),
    "rsyslog": prefixed("2026-05-01T10:00:00.123456+00:00 cp1 kube-apiserver[1]: "),
    "CloudWatch export": prefixed("2026-05-01T10:00:00.123Z "),
    "aws logs tail": prefixed("2026-05-01T10:00:00.123000+00:00 kube-apiserver-audit-1 "),
    "filter-log-events": aws_events,
    "get-log-events": aws_log_events,
    "subscription": subscription,
    "Fluent Bit": record("log", date=1777629600.1, kubernetes={"container_name": "kube-apiserver"}),
    "Fluent Bit, parsed": record("audit", times=0, date=1777629600.1),
    "Fluentd": lambda lines: joined(
        [
            b"2026-05-01T10:00:00+00:00\tkube.audit\t" + line
            for line in record("message", tag="audit")(lines).splitlines()
        ]
    ),
    "Vector": record("message", file="/var/log/audit.log", host="cp1", source_type="file"),
    "Vector, parsed": record(".audit", times=0, host="cp1"),
    "Logstash": lambda lines: joined(
        [
            dump({"@timestamp": TIME, "@version": "1", "message": text(one), "event": {"original": text(one)}})
            for one in lines
        ]
    ),
    "Filebeat": record("kubernetes", "audit", times=0, agent={"type": "filebeat"}),
    "Promtail": record("line", ts=TIME, labels='{job="audit"}'),
    "Loki": loki,
    "twice encoded": record("log", times=2, stream_="x"),
    "a string in an object": record("a", "b", "c"),
    "AKS": aks,
    "AKS records": aks_records,
    "oc adm node-logs": oc_node_logs,
    "logcli": logcli,
    "logcli without labels": lambda lines: joined([b"2026-05-01T10:00:00+02:00 {} " + line for line in lines]),
    "logcli of CRI lines": lambda lines: joined(
        [f"{TIME} {LABELS} {TIME} stdout F ".encode() + line for line in lines]
    ),
    "logcli -o jsonl": logcli_jsonl,
}
"""Shapes that hold every byte of an event."""


def gke_entry(event: dict[str, Any]) -> dict[str, Any]:
    ref = event.get("objectRef", {})
    group = ref.get("apiGroup", "")
    path = [group or "core", ref.get("apiVersion", "v1")]
    path += ["namespaces", ref["namespace"]] if ref.get("namespace") and ref["resource"] != "namespaces" else []
    path += [part for part in (ref.get("resource"), ref.get("name"), ref.get("subresource")) if part]
    code = event.get("responseStatus", {}).get("code", 0)
    payload: dict[str, Any] = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "authenticationInfo": {"principalEmail": event["user"].get("username", "")},
        "authorizationInfo": [{"granted": True, "permission": "x", "resource": "/".join(path)}],
        "methodName": f"io.k8s.{group or 'core'}.v1.{ref.get('resource', '')}.{event['verb']}",
        "requestMetadata": {
            "callerIp": event["sourceIPs"][-1],
            "callerSuppliedUserAgent": event.get("userAgent", ""),
        },
        "resourceName": "/".join(path) if ref else event["requestURI"].lstrip("/"),
        "serviceName": "k8s.io",
    }
    if code >= 400:
        payload["status"] = {"code": {403: 7, 404: 5, 409: 6, 401: 16}.get(code, 13), "message": "no"}
    for ours, theirs in (("requestObject", "request"), ("responseObject", "response")):
        if ours in event:
            payload[theirs] = event[ours]
    stage = event["stage"]
    return {
        "insertId": "i",
        "labels": event.get("annotations", {}),
        "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
        "operation": {
            "first": True,
            "last": stage != "ResponseStarted",
            "id": event["auditID"],
            "producer": "k8s.io",
        },
        "protoPayload": payload,
        "receiveTimestamp": "2030-01-01T00:00:00Z",
        "resource": {"labels": {"cluster_name": "c"}, "type": "k8s_cluster"},
        "timestamp": event["stageTimestamp"],
    }


def gke(lines: Lines) -> bytes:
    return joined([dump(gke_entry(one)) for one in whole(lines)])


def gcloud(lines: Lines) -> bytes:
    return json.dumps([gke_entry(one) for one in whole(lines)], indent=2).encode() + b"\n"


def quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def legacy(lines: Lines) -> bytes:
    found = []
    for one in whole(lines):
        user, asked = one["user"], one.get("impersonatedUser")
        groups = ",".join(map(quoted, user.get("groups", []))) or "<none>"
        as_groups = ",".join(map(quoted, asked.get("groups", []))) if asked else "<lookup>"
        said = {
            "id": quoted(one["auditID"]),
            "stage": quoted(one["stage"]),
            "ip": quoted(one["sourceIPs"][0]),
            "method": quoted(one["verb"]),
            "user": quoted(user.get("username", "<none>")),
            "groups": groups,
            "as": quoted(asked["username"] if asked else "<self>"),
            "asgroups": as_groups,
            "user-agent": quoted(one.get("userAgent", "")),
            "namespace": quoted(one.get("objectRef", {}).get("namespace", "<none>")),
            "uri": quoted(one["requestURI"]),
            "response": f'"{one.get("responseStatus", {}).get("code", "<deferred>")}"',
        }
        pairs = " ".join(f"{name}={value}" for name, value in said.items())
        found.append(f"{one['requestReceivedTimestamp']} AUDIT: {pairs}".encode())
    return joined(found)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :]),
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}


def crlf(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


def _text(data: bytes) -> str:
    return crlf(data).decode("utf-8")


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "UTF-8 with a mark": lambda data: codecs.BOM_UTF8 + data,
    "CRLF": crlf,
    "UTF-8 with a mark and CRLF": lambda data: codecs.BOM_UTF8 + crlf(data),
    "UTF-16 of PowerShell": lambda data: codecs.BOM_UTF16_LE + _text(data).encode("utf-16-le"),
    "UTF-16, big-endian": lambda data: codecs.BOM_UTF16_BE + _text(data).encode("utf-16-be"),
    "UTF-16 without a mark": lambda data: _text(data).encode("utf-16-le"),
}
"""As Windows' tools write text."""
