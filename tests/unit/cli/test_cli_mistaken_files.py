"""Files that people give instead of an audit log are named as what they are, first, by every question."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from documentkit import document
from logkit import event, write

from kaudit_setup.cli import main
from kaudit_setup.policy import presets

EVENTS = "Kubernetes events, not audit events; they do not say who"
THING = {"apiVersion": "v1", "kind": "Pod", "name": "web-1", "namespace": "shop"}
CORE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Event",
    "metadata": {"name": "web-1.17a", "namespace": "shop", "uid": "u"},
    "count": 1,
    "eventTime": None,
    "involvedObject": THING,
    "message": "Stopping container app",
    "reason": "Killing",
    "type": "Normal",
}
NEW: dict[str, Any] = {
    "apiVersion": "events.k8s.io/v1",
    "kind": "Event",
    "metadata": CORE["metadata"],
    "note": "Stopping container app",
    "reason": "Killing",
    "regarding": THING,
}
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1"}, "spec": {"containers": [{"image": "x"}]}}
CONFIG = {"apiVersion": "v1", "clusters": [], "contexts": [], "current-context": "", "kind": "Config", "users": []}
CRI = "2026-05-01T10:00:00.1Z stderr F "
RANCHER = {
    "auditID": "8b7b3a54",
    "requestURI": "/v3/clusters",
    "sourceIPs": ["192.0.2.1"],
    "user": {"name": "user-f4tt2", "group": ["system:authenticated"]},
    "verb": "GET",
    "stage": "RequestReceived",
    "stageTimestamp": "2026-05-01 10:00:00 +0000",
}
KLOG = 'I0501 10:00:00.123456       1 server.go:42] "Starting" v="1"\n'


def listed(items: Sequence[Any], kind: str = "List", version: str = "v1") -> dict[str, Any]:
    return {"apiVersion": version, "items": list(items), "kind": kind, "metadata": {"resourceVersion": ""}}


def raw(items: Sequence[Any], kind: str, version: str = "v1") -> str:
    """As the API server answers: the kind first, in one line."""
    return json.dumps({"kind": kind, "apiVersion": version, "metadata": {}, "items": list(items)})


def pretty(value: Any) -> str:
    return json.dumps(value, indent=4, sort_keys=True) + "\n"


FILES: dict[str, tuple[str, str]] = {
    "events as kubectl prints them in JSON": (pretty(listed([CORE] * 9)), EVENTS),
    "and in YAML": (yaml.safe_dump(listed([CORE] * 9)), EVENTS),
    "an event": (yaml.safe_dump(CORE), EVENTS),
    "one line for each": ("".join(f"{json.dumps(CORE)}\n" for _ in range(9)), EVENTS),
    "a watch": ("".join(json.dumps({"type": "ADDED", "object": CORE}) + "\n" for _ in range(9)), EVENTS),
    "an EventList": (raw([CORE] * 9, "EventList"), EVENTS),
    "an empty EventList": (raw([], "EventList"), EVENTS),
    "events of the new API": (pretty(listed([NEW] * 9, "EventList", "events.k8s.io/v1")), EVENTS),
    "a table of events": (
        "LAST SEEN   TYPE     REASON    OBJECT\n5m          Normal   Killing   pod/web-1\n",
        EVENTS,
    ),
    "a table of events everywhere": (
        "NAMESPACE   LAST SEEN   TYPE   REASON   OBJECT\nshop  5m  Normal  x  y\n",
        EVENTS,
    ),
    "pods in JSON": (pretty(listed([POD] * 9)), "Kubernetes objects (Pod), not audit events; they do not say who"),
    "pods in YAML": (yaml.safe_dump(listed([POD] * 9)), "Kubernetes objects (Pod)"),
    "a PodList": (raw([POD] * 9, "PodList"), "Kubernetes objects (Pod)"),
    "a manifest": ("# web\n---\n" + yaml.safe_dump(POD), "Kubernetes objects (Pod)"),
    "a table of pods": (
        "NAME    READY   STATUS    RESTARTS   AGE\nweb-1   1/1   Running   0   5m\n",
        "a table that kubectl",
    ),
    "what describe prints": (
        "Name:         web-1\nNamespace:    shop\nPriority:     0\n",
        "what `kubectl describe` prints",
    ),
    "a policy": (presets.read("forensics")[1].decode(), "an audit policy, not a log"),
    "a policy in JSON": (pretty({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": []}), "an audit policy"),
    "a kubeconfig": (yaml.safe_dump(CONFIG), "a kubeconfig, not an audit log"),
    "auditd": ("type=SYSCALL msg=audit(1777629600.123:42): arch=c000003e syscall=59\n" * 3, "the log of auditd"),
    "klog": (KLOG * 3, "a component's own log (klog)"),
    "klog in a container's log": ((CRI + KLOG) * 3, "a component's own log (klog)"),
    "klog in a journal": (f"May 01 10:00:00 cp1 kubelet[1]: {KLOG}" * 3, "a component's own log (klog)"),
    "klog in JSON": (
        '{"ts":1777629600.1,"caller":"app/server.go:154","msg":"Version info","v":0}\n' * 3,
        "a component's own log (JSON)",
    ),
    "etcd": (
        '{"level":"info","ts":"2026-05-01T10:00:00Z","caller":"etcdserver/x.go:1"}\n' * 3,
        "a component's own log (JSON)",
    ),
    "Rancher": (f"{json.dumps(RANCHER)}\n" * 3, "the log of Rancher's own API, not of kube-apiserver"),
    "an application with stages": (
        '{"level":"info","stage":"build","msg":"web-1"}\n' * 3,
        "the log of another program",
    ),
    "an application": ("2026-05-01 10:00:00,123 INFO started\n" * 3, "the log of another program"),
}
QUESTIONS: tuple[tuple[str, ...], ...] = (
    ("who", "deleted", "pod/web-1", "-n", "shop"),
    ("who", "touched", "--user", "alice"),
    ("events",),
    ("top", "--by", "user"),
    ("stats",),
    ("estimate", "metadata"),
)


@pytest.mark.parametrize("kind", FILES)
def test_it_is_named_in_the_first_sentence(capfd: pytest.CaptureFixture[str], tmp_path: Path, kind: str) -> None:
    text, name = FILES[kind]
    log = tmp_path / "given"
    pack: Callable[[bytes], bytes]
    for pack in (bytes, gzip.compress, lambda data: data.decode().encode("utf-16")):
        log.write_bytes(pack(text.encode()))
        assert main([*QUESTIONS[0], "--log", str(log)]) == 1
        first = capfd.readouterr().out.splitlines()[0]
        assert re.search(f"could not be read as audit events .(?:they look|it looks) like {re.escape(name)}", first)
        assert "give the file that kube-apiserver writes (--audit-log-path)" in first


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_every_question_names_it(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, question: tuple[str, ...]
) -> None:
    log = tmp_path / "events.json"
    log.write_text(pretty(listed([CORE] * 9)))
    assert main([*question, "--log", str(log)]) == 1
    assert EVENTS in " ".join("".join(capfd.readouterr()).split())
    main([*question, "--log", str(log), "-o", "json"])
    assert EVENTS in json.dumps(document(capfd.readouterr().out))


def test_audit_events_about_events_and_objects_are_read(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = event(1, verb="create", requestObject=CORE, objectRef={"resource": "events", "name": "web-1.17a"})
    log = write(tmp_path / "audit.log", made, event(2, responseObject=POD))
    assert main(["top", "--by", "resource", "--log", str(log)]) == 0
    assert "events" in capfd.readouterr().out
    # and what is left of one is a damaged line, not an object
    log.write_text(json.dumps(event(2, responseObject=POD))[60:] + "\n")
    main([*QUESTIONS[0], "--log", str(log)])
    assert "Kubernetes objects" not in capfd.readouterr().out
