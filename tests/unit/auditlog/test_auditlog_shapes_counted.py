"""Who counts is told the kind and the size of an event that nobody writes: as it would be, were it written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from documentkit import document
from logkit import SCENARIO
from shapekit import Writer, gcloud, gke, legacy

from kaudit_setup.cli import main

RECORDED = gzip.decompress(SCENARIO.read_bytes()).splitlines()[500:560]
SHAPES: dict[str, Writer] = {"GKE": gke, "gcloud": gcloud, "legacy": legacy}
EVER = ("--since", "2000-01-01")
"""For a stretch of time each event is looked at, so all of them are written."""


def answer(capfd: pytest.CaptureFixture[str], *asked: str) -> dict[str, Any]:
    assert main([*asked, "-o", "json"]) == 0
    (found,) = document(capfd.readouterr().out)["items"]
    return {key: found[key] for key in ("rows", "total")}


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(RECORDED[11]), **fields}, ensure_ascii=False).encode()


REF = {"resource": "pods", "namespace": "shop", "name": "web-1", "apiVersion": "v1"}
ODD = {
    "nothing": RECORDED[11],
    "a body": changed(requestObject={"kind": "Pod", "spec": {"note": "a\nb <&> é"}}),
    "a long body": changed(requestObject={"note": "x" * 5000}, responseObject={"kind": "Pod"}),
    "a refusal": changed(responseObject={"kind": "Status", "status": "Failure", "code": 409}),
    "an answer that goes on": changed(stage="ResponseStarted"),
    "an ID with quotes": changed(auditID='a"b\\c'),
    "a name with quotes": changed(objectRef={**REF, "name": 'a"b'}),
    "a wide name": changed(objectRef={**REF, "namespace": "é", "name": "ü"}),
    "a name with a slash": changed(objectRef={**REF, "name": "a/b", "subresource": "exec"}),
    "an object of the cluster": changed(objectRef={"resource": "nodes", "name": "cp1", "apiVersion": "v1"}),
    "a namespace": changed(objectRef={"resource": "namespaces", "namespace": "x", "name": "x", "apiVersion": "v1"}),
    "no object": changed(objectRef={}, requestURI="/healthz?a=1"),
    "a user agent like an object": changed(userAgent="core/v1/namespaces/shop/pods/web-1"),
    "a time with more digits": changed(stageTimestamp="2026-11-23T16:00:00.123456789Z"),
    "a time with fewer digits": changed(stageTimestamp="2026-11-23T16:00:00Z"),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("odd", ODD)
def test_what_is_counted_is_what_would_be_written(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, odd: str, shape: str
) -> None:
    log = tmp_path / "audit.log"
    lines = [*RECORDED[:40], ODD[odd], *RECORDED[40:], ODD[odd]]
    log.write_bytes(SHAPES[shape](lines))
    for by in ("user,verb,resource", "name,namespace", "path,agent,code,stage"):
        counted = answer(capfd, "top", "--by", by, "--log", str(log))
        assert counted == answer(capfd, "top", "--by", by, "--log", str(log), *EVER)


def test_an_entry_of_another_service_is_not_counted(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    entries = gke(RECORDED).splitlines()
    log.write_bytes(
        b"\n".join([*entries[:9], entries[9].replace(b'"k8s.io"}', b'"container.googleapis.com"}'), *entries[10:]])
    )
    counted = answer(capfd, "top", "--by", "user", "--log", str(log))
    assert counted["total"]["events"] == len(RECORDED) - 1
    assert counted == answer(capfd, "top", "--by", "user", "--log", str(log), *EVER)


def test_an_entry_may_be_nested_as_deep_as_can_just_be_read(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """How deep that is depends on who reads; what was read once is read again further down."""
    log = tmp_path / "audit.log"
    text = gcloud([*RECORDED[:2], changed(requestObject={"x": "deep"}), *RECORDED[2:4]])
    for depth in range(840, 940):
        log.write_bytes(text.replace(b'"deep"', b"[" * depth + b"]" * depth))
        counted = answer(capfd, "top", "--by", "user", "--log", str(log))
        assert counted["total"]["events"] in {4, 5}, depth
