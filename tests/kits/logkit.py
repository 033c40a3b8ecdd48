"""Made-up audit logs, and commands that are asked about them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from documentkit import document

from kaudit_setup.cli import main

DATA = Path(__file__).parents[1] / "data/logs"


SCENARIO = DATA / "scenario-1.36.2-metadata/audit.log.gz"


PROBES = DATA / "audit-1.20.2.jsonl.gz"


def logged(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in gzip.decompress(path.read_bytes()).splitlines()]


def moment(n: int) -> str:
    """Some seconds after four o'clock."""
    return f"2026-11-23T{(16 + n // 3600) % 24:02}:{n // 60 % 60:02}:{n % 60:02}.000000Z"


def event(n: int = 1, **fields: Any) -> dict[str, Any]:
    at = moment(n)
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"id-{n}",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/ns/pods/p",
        "verb": "get",
        "user": {"username": "alice", "groups": ["dev"]},
        "sourceIPs": ["10.0.0.1"],
        "userAgent": "kubectl/v1.36.2 (linux/amd64)",
        "objectRef": {"resource": "pods", "namespace": "ns", "name": "p", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": at,
        "stageTimestamp": at,
        **fields,
    }


def write(path: Path, *events: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(e, separators=(",", ":"), ensure_ascii=False) + "\n" for e in events))
    return path


REPORTS = {"Top", "Estimate", "Collection", "WhoAnswer"}
"""Kinds of which an answer has one item."""


def answer(capfd: pytest.CaptureFixture[str], *args: str | Path) -> Any:
    code = main([str(a) for a in args])
    out, err = capfd.readouterr()
    assert code == 0, err
    if "json" not in args:
        return out
    found = document(out)
    if found["kind"] not in REPORTS:
        return found["items"]
    return {"notes": [warning["message"] for warning in found["warnings"]], **found["items"][0]}


def ids(capfd: pytest.CaptureFixture[str], *args: str | Path) -> list[str]:
    return [e["auditID"] for e in answer(capfd, "events", "-o", "json", *args)]
