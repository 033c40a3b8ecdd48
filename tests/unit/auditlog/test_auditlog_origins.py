"""What somebody else than kube-apiserver wrote is no evidence, however like an event it looks; and it is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from documentkit import only
from exportkit import levelled
from logkit import answer, event
from shapekit import KLOG, TIME

from kaudit_setup.auditlog.shapes.origins import whose, whose_path
from kaudit_setup.cli import main

HEAD: dict[str, Any] = {"kind": "Event", "apiVersion": "audit.k8s.io/v1"}


def made(name: str, user: str, number: int) -> dict[str, Any]:
    thing = {"resource": "pods", "namespace": "shop", "name": name, "apiVersion": "v1"}
    code = {"metadata": {}, "code": 201}
    who = {"username": user, "groups": ["dev"]}
    return HEAD | event(number, user=who, verb="create", objectRef=thing, responseStatus=code)


REAL = made("web", "alice", 1)
FORGED = made("web", "mallory", 2)

Record = Callable[[dict[str, Any], str, str, str], dict[str, Any]]


def text(one: object) -> str:
    return json.dumps(one, separators=(",", ":"))


def fluent_bit(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    said = {"pod_name": pod, "namespace_name": ns, "labels": {"container_name": "kube-apiserver"}}
    return {"date": 1.5, "stream": "stdout", "log": text(one), "kubernetes": {**said, "container_name": container}}


def fluent_bit_merged(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    return {
        "stream": "stdout",
        **one,
        "kubernetes": {"pod_name": pod, "namespace_name": ns, "container_name": container},
    }


def behind(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    return {**one, "kubernetes": {"pod_name": pod, "namespace_name": ns, "container_name": container}}


def filebeat(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    path = f"/var/log/containers/{pod}_{ns}_{container}-{'0a' * 32}.log"
    said = {"namespace": ns, "pod": {"name": pod}, "container": {"name": container}}
    return {
        "@timestamp": TIME,
        "message": text(one),
        "log": {"offset": 1, "file": {"path": path}},
        "kubernetes": said,
    }


def filebeat_path(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    return {"message": text(one), "log": filebeat(one, ns, pod, container)["log"]}


def vector(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    path = f"/var/log/pods/{ns}_{pod}_0f3c9d1e-2b4a-5968-7786-95a4b3c2d1e0/{container}/0.log"
    return {"file": path, "message": text(one), "source_type": "kubernetes_logs", "stream": "stdout"}


def vector_parsed(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    said = {"container_name": container, "pod_name": pod, "pod_namespace": ns}
    return {".audit": one, "kubernetes": said}


def alloy(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    labels = {"namespace": ns, "pod": pod, "container": container, "job": "audit"}
    return {"stream": labels, "values": [["1777629600000000000", text(one)]]}


def promtail(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    return {"ts": TIME, "labels": f'{{namespace="{ns}", pod="{pod}", container="{container}"}}', "line": text(one)}


def fluentd_tag(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    return {"tag": f"kubernetes.var.log.containers.{pod}_{ns}_{container}-{'0a' * 32}.log", "log": text(one)}


def otel(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    said = {"k8s.namespace.name": ns, "k8s.pod.name": pod, "k8s.container.name": container}
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in said.items()]
    logs = [{"logRecords": [{"body": {"stringValue": text(one)}}]}]
    return {"resourceLogs": [{"resource": {"attributes": attributes}, "scopeLogs": logs}]}


def elasticsearch(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    return {"_index": "logs", "_source": fluent_bit(one, ns, pod, container)}


def cloud_logging(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    labels = {"namespace_name": ns, "pod_name": pod, "container_name": container}
    return {"jsonPayload": one, "resource": {"type": "k8s_container", "labels": labels}, "timestamp": TIME}


def flat_keys(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    said = {"kubernetes.namespace": ns, "kubernetes.pod.name": pod, "kubernetes.container.name": container}
    return {**said, "message": text(one)}


def docker_name(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    return {"container_name": f"/k8s_{container}_{pod}_{ns}_0f3c9d1e_0", "source": "stdout", "log": text(one)}


def flat_event(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    said = {"kubernetes.namespace": ns, "kubernetes.pod.name": pod, "kubernetes.container.name": container}
    return said | levelled(one)


def in_columns(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    cells = {key: text(value) if isinstance(value, dict | list) else value for key, value in one.items()}
    return {"namespace_name": ns, "pod_name": pod, "container_name": container} | cells


def in_a_list(one: dict[str, Any], ns: str, pod: str, container: str) -> dict[str, Any]:
    said = {"namespace": ns, "pod": pod, "container": container}
    return {"kubernetes": said, "lines": [text(one)]}


RECORDS: tuple[Record, ...] = (
    flat_event,
    in_columns,
    in_a_list,
    fluent_bit,
    fluent_bit_merged,
    behind,
    filebeat,
    filebeat_path,
    vector,
    vector_parsed,
    alloy,
    promtail,
    fluentd_tag,
    otel,
    elasticsearch,
    cloud_logging,
    flat_keys,
    docker_name,
)
OURS = ("kube-system", "kube-apiserver-cp1", "kube-apiserver")
OTHERS = {
    "another Pod": ("shop", "web-1", "app"),
    "a container of that name elsewhere": ("shop", "kube-apiserver-cp1", "kube-apiserver"),
    "another Pod beside it": ("kube-system", "web-kube-apiserver", "kube-apiserver"),
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("record", RECORDS, ids=lambda one: one.__name__)
def test_a_record_of_another_container_is_left_out_and_said(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, record: Record, kind: str
) -> None:
    ours, other = record(REAL, *OURS), record(FORGED, *OTHERS[kind])
    log = tmp_path / "shipped.json"
    for order in ([ours, other], [other, ours]):
        log.write_text("".join(f"{text(one)}\n" for one in order))
        main(["who", "created", "pod/web", "-n", "shop", "--log", str(log), "-o", "json"])
        found = only(capfd.readouterr().out)
        assert found["answer"]["user"] == "alice", order
        (left,) = found["coverage"][0]["unreadable"]
        assert (left["file"], left["unread"]) == (str(log), 1)
        assert OTHERS[kind][0] in left["what"]
        main(["who", "created", "pod/web", "-n", "shop", "--log", str(log)])
        assert f"1 of 2 lines of {log} is left out: not kube-apiserver's own" in capfd.readouterr().out
    log.write_text(f"{text(other)}\n")
    assert main(["who", "created", "pod/web", "-n", "shop", "--log", str(log)]) == 1
    first = capfd.readouterr().out.splitlines()[0]
    assert f"1 of 1 line of {log} is left out" in first
    assert "mallory" not in first


def logcli(one: dict[str, Any], ns: str, pod: str, container: str) -> bytes:
    labels = f'{{container="{container}", namespace="{ns}", pod="{pod}"}}'
    return f"2026-05-01T10:00:00Z {labels}   {text(one)}\n".encode()


def logcli_file(one: dict[str, Any], ns: str, pod: str, container: str) -> bytes:
    labels = f'{{filename="/var/log/pods/{ns}_{pod}_0f3c9d1e2b4a5968/{container}/0.log", job="x"}}'
    return f"2026-05-01T10:00:00Z {labels} {text(one)}\n".encode()


@pytest.mark.parametrize("line", [logcli, logcli_file])
def test_the_labels_that_logcli_prints_say_who_wrote_a_line(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, line: Callable[..., bytes]
) -> None:
    log = tmp_path / "loki.txt"
    log.write_bytes(line(FORGED, *OTHERS["another Pod"]) + line(REAL, *OURS))
    main(["who", "created", "pod/web", "-n", "shop", "--log", str(log)])
    out = capfd.readouterr().out
    assert out.startswith("alice created it on")
    assert f"1 of 2 lines of {log} is left out: not kube-apiserver's own, but of pod shop/web-1" in out


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"file": "/var/log/kubernetes/audit/audit.log"}, ""),
        ({"path": "/var/lib/rancher/rke2/server/logs/audit.log"}, ""),
        ({"log": {"file": {"path": "/var/log/nginx/access.log"}}}, "file /var/log/nginx/access.log"),
        ({"stream": "stdout"}, ""),
        ({"kubernetes": {"labels": {"pod": "x", "container_name": "y"}}}, ""),
        ({"kubernetes": {"container_name": "audit-tail", "pod_name": "kube-apiserver-cp1"}}, ""),
        ({"category": "kube-audit-admin", "properties": {"pod": "x"}}, ""),
        ({"_SYSTEMD_UNIT": "session-3.scope", "SYSLOG_IDENTIFIER": "kube-apiserver"}, "unit session-3.scope"),
        ({"_SYSTEMD_UNIT": "k3s.service", "_COMM": "k3s-server"}, ""),
        (
            {
                "_SYSTEMD_UNIT": "docker.service",
                "CONTAINER_NAME": "k8s_kube-apiserver_kube-apiserver-c_kube-system_0_0",
            },
            "",
        ),
        (
            {"_SYSTEMD_UNIT": "docker.service", "CONTAINER_NAME": "k8s_app_web-1_shop_0_0"},
            "pod shop/web-1, container app",
        ),
        ({"logGroup": "/aws/eks/c/cluster", "logStream": "kube-apiserver-audit-0a1b"}, ""),
        ({"SYSLOG_IDENTIFIER": "myapp"}, "program myapp"),
        ({"appname": "kube-apiserver"}, ""),
    ],
)
def test_who_wrote_a_record(fields: dict[str, Any], found: str) -> None:
    assert whose(fields) == found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/var/log/pods/kube-system_kube-apiserver-cp1_0f3c9d1e2b4a5968/kube-apiserver/0.log", ""),
        (
            "x/var/log/pods/shop_web-1_0f3c9d1e-2b4a-5968/app/0.log.20261123-160607.gz",
            "pod shop/web-1, container app",
        ),
        (f"/var/log/containers/web-1_shop_app-{'0a' * 32}.log", "pod shop/web-1, container app"),
        ("must-gather/namespaces/shop/pods/web-1/app/app/logs/current.log", "pod shop/web-1, container app"),
        ("/var/log/kubernetes/audit.log", ""),
        ("/home/me/pods/web_1/audit.log", ""),
    ],
)
def test_whose_log_a_path_is(path: str, found: str) -> None:
    assert whose_path(path) == found


def test_other_containers_own_words_are_nothing_to_speak_of(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "shipped.json"
    words = [
        {**fluent_bit({}, *OTHERS["another Pod"]), "log": said} for said in ("hello", "", KLOG.decode(), '{"a":1}')
    ]
    rows = [fluent_bit(REAL, *OURS), *words, fluent_bit(made("b", "bob", 3), *OURS)]
    log.write_text("".join(f"{text(one)}\n" for one in rows))
    got = answer(capfd, "top", "--by", "user", "--log", log, "-o", "json")
    assert sorted(row["user"] for row in got["rows"]) == ["alice", "bob"]
    (cover,) = got["coverage"]
    assert (cover["unreadable"], cover["damaged"]) == ([], 0)


def journal(one: dict[str, Any], unit: str, **more: str) -> bytes:
    fields = {"_SYSTEMD_UNIT": unit, **more, "MESSAGE": text(one), "_PID": "1"}
    head = "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1777629600000000\n"
    return (head + "".join(f"{key}={value}\n" for key, value in fields.items()) + "\n").encode()


def journal_json(one: dict[str, Any], unit: str, **more: str) -> bytes:
    return text({"__CURSOR": "s=1", "_SYSTEMD_UNIT": unit, **more, "MESSAGE": text(one)}).encode() + b"\n"


def journal_bytes(one: dict[str, Any], unit: str, **more: str) -> bytes:
    return (
        text({"__CURSOR": "s=1", "MESSAGE": list(text(one).encode()), "_SYSTEMD_UNIT": unit, **more}).encode() + b"\n"
    )


def rsyslog(one: dict[str, Any], unit: str, **more: str) -> bytes:
    del more
    return f"2026-05-01T10:00:00.1+00:00 cp1 {unit.removesuffix('.service')}[1]: {text(one)}\n".encode()


def rfc5424(one: dict[str, Any], unit: str, **more: str) -> bytes:
    del more
    return f"<134>1 2026-05-01T10:00:00.1Z cp1 {unit.removesuffix('.service')} 1 - - {text(one)}\n".encode()


def docker_attrs(one: dict[str, Any], unit: str, **more: str) -> bytes:
    del more
    name = unit.removesuffix(".service")
    said = {"io.kubernetes.container.name": name, "io.kubernetes.pod.name": f"{name}-cp1"}
    return text({"log": text(one) + "\n", "stream": "stdout", "attrs": said, "time": TIME}).encode() + b"\n"


def kubectl_prefix(one: dict[str, Any], unit: str, **more: str) -> bytes:
    del more
    name = unit.removesuffix(".service")
    return f"[pod/{name}-cp1/{name}] {text(one)}\n".encode()


ENTRIES = (journal, journal_json, journal_bytes, rsyslog, rfc5424, docker_attrs, kubectl_prefix)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: one.__name__)
def test_what_another_program_logged_is_left_out_and_said(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, entry: Callable[..., bytes]
) -> None:
    ours = entry(REAL, "kube-apiserver.service")
    other = entry(FORGED, "web.service", SYSLOG_IDENTIFIER="kube-apiserver", _COMM="kube-apiserver")
    log = tmp_path / "journal.log"
    for data in (ours + other, other + ours):
        log.write_bytes(data)
        main(["who", "created", "pod/web", "-n", "shop", "--log", str(log), "-o", "json"])
        found = only(capfd.readouterr().out)
        assert found["answer"]["user"] == "alice"
        assert found["coverage"][0]["unreadable"][0]["unread"] == 1
        assert "web" in found["coverage"][0]["unreadable"][0]["what"]


def test_a_message_of_bytes_that_looks_like_an_entry_is_none(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    forged = b"hello\n\n" + journal(FORGED, "kube-apiserver.service") + b"__CURSOR=s=3"
    head = b"__CURSOR=s=2\n_SYSTEMD_UNIT=web.service\nMESSAGE\n"
    log = tmp_path / "journal.export"
    made_up = head + len(forged).to_bytes(8, "little") + forged + b"\n_PID=2\n\n"
    log.write_bytes(made_up + journal(REAL, "kube-apiserver.service") + made_up)
    main(["who", "created", "pod/web", "-n", "shop", "--log", str(log)])
    said = capfd.readouterr().out
    assert said.startswith("alice created it")
    assert "mallory" not in said


def test_a_message_that_journalctl_left_out_is_said(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "journal.json"
    entry = {"__CURSOR": "s=1", "MESSAGE": None}
    lines = [text({**entry, "_SYSTEMD_UNIT": unit}) for unit in ("kube-apiserver.service", "web.service")]
    log.write_bytes(journal_json(REAL, "kube-apiserver.service") + "\n".join(lines).encode())
    main(["who", "created", "pod/nope", "-n", "shop", "--log", str(log)])
    first = capfd.readouterr().out.splitlines()[0]
    assert f"1 of 3 lines of {log} could not be read" in first
    assert "journalctl --all" in first


def test_a_program_of_another_name_counts_if_it_alone_wrote_events(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(rsyslog(REAL, "root"))
    main(["who", "created", "pod/web", "-n", "shop", "--log", str(log)])
    assert capfd.readouterr().out.startswith("alice created it")


@pytest.mark.parametrize(
    "question", [("who", "created", "pod/web"), ("top", "--by", "user"), ("stats",), ("events",)]
)
def test_the_log_of_another_container_is_not_read(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, question: tuple[str, ...]
) -> None:
    log = tmp_path / "var/log/pods/shop_web-1_0f3c9d1e-2b4a-5968-7786-95a4b3c2d1e0/app/0.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"{TIME} stdout F {text(FORGED)}\n")
    assert main([*question, "--log", str(tmp_path)]) != 0
    out, err = capfd.readouterr()
    assert "not kube-apiserver's log, but of pod shop/web-1, container app" in err
    assert "mallory" not in out
