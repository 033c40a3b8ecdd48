"""A file with the records of several clusters, as stores keep them, is not taken for the log of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from documentkit import only
from logkit import event
from shapekit import dump, gke_entry

from kaudit_setup.cli import main

HEAD: dict[str, Any] = {"kind": "Event", "apiVersion": "audit.k8s.io/v1"}
Record = Callable[[dict[str, Any], str], dict[str, Any]]


def made(number: int, user: str) -> dict[str, Any]:
    thing = {"resource": "pods", "namespace": "shop", "name": "web", "apiVersion": "v1"}
    return HEAD | event(number, user={"username": user}, verb="create", objectRef=thing)


def text(one: object) -> str:
    return dump(one).decode()


def cloud_logging(one: dict[str, Any], cluster: str) -> dict[str, Any]:
    labels = {"cluster_name": cluster, "location": "eu", "project_id": "p"}
    return gke_entry(one) | {"resource": {"type": "k8s_cluster", "labels": labels}}


def azure(one: dict[str, Any], cluster: str) -> dict[str, Any]:
    place = f"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/{cluster}"
    return {"category": "kube-audit", "resourceId": place, "properties": {"log": text(one)}}


def cloudwatch(one: dict[str, Any], cluster: str) -> dict[str, Any]:
    return {"logGroup": f"/aws/eks/{cluster}/cluster", "logEvents": [{"id": "1", "message": text(one)}]}


def ecs(one: dict[str, Any], cluster: str) -> dict[str, Any]:
    return {"orchestrator": {"cluster": {"name": cluster}}, "message": text(one)}


def loki(one: dict[str, Any], cluster: str) -> dict[str, Any]:
    return {"stream": {"cluster": cluster}, "values": [["1", text(one)]]}


def otel(one: dict[str, Any], cluster: str) -> dict[str, Any]:
    attributes = [{"key": "k8s.cluster.name", "value": {"stringValue": cluster}}]
    logs = [{"logRecords": [{"body": {"stringValue": text(one)}}]}]
    return {"resourceLogs": [{"resource": {"attributes": attributes}, "scopeLogs": logs}]}


def search(one: dict[str, Any], cluster: str) -> dict[str, Any]:
    return {"_index": "audit", "_source": {"cluster_name": cluster, "log": text(one)}}


RECORDS: tuple[Record, ...] = (cloud_logging, azure, cloudwatch, ecs, loki, otel, search)


@pytest.mark.parametrize(
    ("record", "pretty"),
    [*((one, False) for one in RECORDS), *((one, True) for one in RECORDS if one not in {cloudwatch, loki})],
)
def test_records_of_two_clusters_are_not_mixed(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, record: Record, pretty: bool
) -> None:
    found = [record(made(1, "alice"), "prod"), record(made(2, "mallory"), "staging")]
    log = tmp_path / "export.json"
    log.write_text(json.dumps(found, indent=2) if pretty else "".join(f"{text(one)}\n" for one in found))
    for question in (["who", "created", "pod/web", "-n", "shop"], ["top", "--by", "user"], ["stats"]):
        assert main([*question, "--log", str(log)]) == 1
        out, err = capfd.readouterr()
        said = " ".join((out + err).split()).lower()
        assert "it holds the logs of several clusters" in said
        assert "staging" in said
        assert "mallory" not in said
    main(["who", "created", "pod/web", "-n", "shop", "--log", str(log), "-o", "json"])
    assert only(capfd.readouterr().out)["answer"] is None


def test_an_entry_may_name_only_its_cluster(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "export.json"
    kind = {"type": "k8s_cluster"}
    resources = [kind | {"labels": {"cluster_name": name}} for name in ("prod", "staging")]
    entries = [gke_entry(made(number, "alice")) | {"resource": one} for number, one in enumerate(resources)]
    log.write_text("".join(f"{text(one)}\n" for one in entries))
    assert main(["who", "created", "pod/web", "-n", "shop", "--log", str(log)]) == 1
    assert "several clusters: prod, staging)" in " ".join(capfd.readouterr().out.split())


@pytest.mark.parametrize("record", RECORDS, ids=lambda one: one.__name__)
def test_records_of_one_cluster_are_read(capfd: pytest.CaptureFixture[str], tmp_path: Path, record: Record) -> None:
    """Whatever is called a cluster in what was asked of it, and in what others wrote."""
    said = {"labels": {"cluster": "postgres-1"}, "namespace_name": "kube-system", "pod_name": "kube-apiserver-cp1"}
    asked = made(1, "alice") | {"level": "Request", "requestObject": {"cluster": "x", "labels": {"cluster": "y"}}}
    other = {"cluster": "theirs", "log": text(made(2, "mallory")), "kubernetes": {"namespace_name": "shop"}}
    lines = [record(asked, "prod"), record(made(3, "alice"), "prod") | {"kubernetes": said}, other]
    log = tmp_path / "export.json"
    log.write_text("".join(f"{text(one)}\n" for one in lines))
    main(["who", "created", "pod/web", "-n", "shop", "--log", str(log), "-o", "json"])
    assert only(capfd.readouterr().out)["answer"]["user"] == "alice"
