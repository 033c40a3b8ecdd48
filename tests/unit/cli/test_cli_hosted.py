"""Hosted control planes: API servers that are Pods of another cluster, each namespace a cluster of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from documentkit import document, only
from logkit import event
from shapekit import cri, hosted, record

from kaudit_setup.cli import main

UID = "0f3c9d1e-2b4a-5968-7786-95a4b3c2d1e0"
QUESTION = ("who", "created", "pod/web", "-n", "shop")


def created(by: str, number: int) -> bytes:
    thing = {"resource": "pods", "namespace": "shop", "name": "web", "apiVersion": "v1"}
    code = {"metadata": {}, "code": 201}
    made = event(number, user={"username": by}, verb="create", objectRef=thing, responseStatus=code)
    return json.dumps(made, separators=(",", ":")).encode()


def asked(capfd: pytest.CaptureFixture[str], *args: str | Path) -> dict[str, Any]:
    main([*QUESTION, *map(str, args), "-o", "json"])
    return only(capfd.readouterr().out)


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    """What a shipper makes of two hosted clusters and their host, in one stream."""
    log = tmp_path / "shipped.json"
    log.write_bytes(
        hosted([created("blue", 1)], "clusters-blue")
        + hosted([created("green", 2)], "clusters-green")
        + hosted([created("host", 3)], "kube-system", "kube-apiserver-cp1")
        + hosted([created("mallory", 4)], "clusters-blue", "web-1").replace(
            b'"container_name":"kube-apiserver"', b'"container_name":"app"'
        )
    )
    return log


def test_each_hosted_cluster_is_read_by_itself(capfd: pytest.CaptureFixture[str], stream: Path) -> None:
    users = {
        origin: asked(capfd, "--log", stream, *(("--origin", origin) if origin else ()))["answer"]["user"]
        for origin in ("", "clusters-blue", "clusters-green", "clusters-blue/kube-*")
    }
    assert users == {"": "host", "clusters-blue": "blue", "clusters-green": "green", "clusters-blue/kube-*": "blue"}
    # and once more, as if nobody had asked
    assert asked(capfd, "--log", stream)["answer"]["user"] == "host"


@pytest.mark.parametrize("question", [QUESTION, ("stats",), ("top", "--by", "user"), ("events",)])
def test_what_is_left_out_is_said_with_the_option_that_reads_it(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, question: tuple[str, ...]
) -> None:
    log = tmp_path / "shipped.json"
    log.write_bytes(hosted([created("green", 2)], "shoot--team--green"))
    assert main([*question, "--log", str(log)]) == 1
    said = "".join(capfd.readouterr())
    assert "give --origin shoot--team--green" in " ".join(said.split())
    assert main([*question, "--log", str(log), "--origin", "shoot--team--green"]) == 0


def test_no_option_is_proposed_for_what_is_no_api_server(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "shipped.json"
    said = {"namespace_name": "shop", "pod_name": "web-1", "container_name": "app"}
    log.write_bytes(record("log", kubernetes=said)([created("mallory", 1)]))
    main([*QUESTION, "--log", str(log)])
    assert "--origin" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("pod", "container", "origin"),
    [
        ("clusters-blue_kube-apiserver-7f9c5-abcde", "kube-apiserver", "clusters-blue"),
        ("clusters-blue_kube-apiserver-7f9c5-abcde", "audit-logs", "clusters-blue"),  # HyperShift
        ("tenants_blue-5d9c7-abcde", "kube-apiserver", "tenants"),  # Kamaji
        ("vcluster-blue_blue-0", "syncer", "vcluster-blue/blue-*"),
    ],
)
def test_container_logs_of_hosted_servers(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, pod: str, container: str, origin: str
) -> None:
    folder = tmp_path / "pods" / f"{pod}_{UID}" / container
    folder.mkdir(parents=True)
    (folder / "0.log").write_bytes(cri([created("alice", 2)]))
    (folder / "0.log.20261123-160607").write_bytes(cri([created("before", 1)]))
    assert main([*QUESTION, "--log", str(folder)]) == 2
    said = capfd.readouterr().err
    assert "is left out: not kube-apiserver's log" in said
    # a Pod of any other name is nothing that can be guessed
    assert ("give --origin" in said) == ("/" not in origin)
    found = asked(capfd, "--log", folder, "--origin", origin)
    assert found["answer"]["user"] in {"alice", "before"}
    main(["stats", "--log", str(folder), "--origin", origin, "-o", "json"])
    (node,) = document(capfd.readouterr().out)["items"]
    assert (node["events"], node["files"]) == (2, 2)


@pytest.mark.parametrize("origin", ["", "UPPER", "a b", "a/b/c", "../x"])
def test_what_names_no_namespace_is_refused(capfd: pytest.CaptureFixture[str], stream: Path, origin: str) -> None:
    assert main([*QUESTION, "--log", str(stream), "--origin", origin]) == 2
    assert f"--origin {origin!r} is not NAMESPACE or NAMESPACE/POD" in capfd.readouterr().err
