"""Logs on nodes in shapes that a grep there cannot search: the same lines are found, whatever the shape."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from logkit import SCENARIO
from shapekit import ENCODINGS, PACKED, SAME, Writer, cri, docker

from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.sources.nodes import RemoteLogs
from kaudit_setup.auditlog.sources.several_nodes import NodeLogs
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.shell import script

SCRIPT = script("lib") + script("logs")
RECORDED = gzip.decompress(SCENARIO.read_bytes()).splitlines()[500:750]
NEEDLE = b'"name":"my-suspicious-pod"'
WANTED = [line for line in RECORDED if NEEDLE in line]
PODS = "var/log/pods/kube-system_kube-apiserver-cp1_0f3c9d1e2b4a5968778695a4b3c2d1e0/kube-apiserver"
MANIFEST = """apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver, namespace: kube-system}
spec:
  containers:
  - name: kube-apiserver
    command:
    - kube-apiserver
    - --audit-policy-file=/p.yaml
    - --audit-log-path=-
"""


def found(root: Path, *paths: str) -> tuple[list[bytes], RemoteLogs]:
    logs = RemoteLogs([LocalNode(root)], SCRIPT, paths)
    return [hit.text for hit in logs.candidates([NEEDLE])], logs


@pytest.mark.parametrize(
    "shape",
    [
        "CRI",
        "CRI in parts",
        "docker in parts",
        "pretty",
        "array of lines",
        "EventList",
        "AKS",
        "journald export",
        "RFC 3164",
        "Fluent Bit, parsed",
    ],
)
@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
def test_a_search_on_a_node_finds_what_it_finds_here(tmp_path: Path, shape: str, packed: str) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv/audit.log").write_bytes(PACKED[packed](SAME[shape](RECORDED)))
    texts, logs = found(tmp_path, "/srv/audit.log")
    assert len(WANTED) == 1
    assert [text for text in texts if text in WANTED] == WANTED
    (cover,) = logs.coverage()
    assert (bool(cover.first), cover.unreadable) == (True, ())


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("encoding", ["UTF-16 of PowerShell", "UTF-8 with a mark"])
def test_a_search_on_a_node_finds_what_windows_wrote(tmp_path: Path, encoding: str, packed: str) -> None:
    (tmp_path / "srv").mkdir()
    written = ENCODINGS[encoding](b"".join(line + b"\n" for line in RECORDED))
    (tmp_path / "srv/audit.log").write_bytes(PACKED[packed](written))
    texts, _ = found(tmp_path, "/srv/audit.log")
    assert set(WANTED) <= {text.rstrip() for text in texts}


@pytest.mark.parametrize("writer", [cri, lambda lines: cri(lines, 300), docker, lambda lines: docker(lines, 300)])
def test_a_server_that_writes_to_standard_output_is_found_by_itself(tmp_path: Path, writer: Writer) -> None:
    (tmp_path / "etc/kubernetes/manifests").mkdir(parents=True)
    (tmp_path / "etc/kubernetes/manifests/kube-apiserver.yaml").write_text(MANIFEST)
    (tmp_path / PODS).mkdir(parents=True)
    part = len(RECORDED) // 3
    for name, lines in (
        ("0.log.20261123-160607.gz", RECORDED[:part]),
        ("0.log", RECORDED[part : 2 * part]),
        ("1.log", RECORDED[2 * part :]),
    ):
        data = writer(lines)
        (tmp_path / PODS / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    texts, logs = found(tmp_path)
    assert [text for text in texts if text in WANTED] == WANTED
    (there,) = logs.listings()
    assert [Path(file.path).name for file in there.files] == ["0.log.20261123-160607.gz", "0.log", "1.log"]
    assert {file.node for file in there.files} == {logs.listings()[0].host}
    (tmp_path / "here").mkdir()
    here, notes = NodeLogs.on([LocalNode(tmp_path)], SCRIPT).fetch(None, tmp_path / "here", lambda *_: None)
    assert isinstance(here, LocalLogs)
    assert {hit.text for hit in here.candidates([b"auditID"])} == set(RECORDED), notes


def test_an_empty_log_and_one_that_is_rewritten_are_searched_there(tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv/audit.log").write_bytes(b"")
    (tmp_path / "srv/audit-2026-11-23T10-00-00.000.log").write_bytes(
        b'{"stage":"Panic","name":"my-suspicious-pod"}\n' * 3
    )
    texts, _ = found(tmp_path, "/srv/audit*.log")
    assert texts == [b'{"stage":"Panic","name":"my-suspicious-pod"}'] * 3
