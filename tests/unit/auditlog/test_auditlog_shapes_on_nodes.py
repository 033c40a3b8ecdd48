"""Logs on nodes in shapes that a grep there cannot search: the same lines are found, whatever the shape."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from logkit import SCENARIO
from shapekit import ENCODINGS, KLOG, PACKED, SAME, Writer, cri, docker, gke, legacy

from kaudit_setup.auditlog.decode import decode_leniently, project
from kaudit_setup.auditlog.filters import make_filter
from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.sources.fetch import narrowed
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.sources.nodes import RemoteLogs
from kaudit_setup.auditlog.sources.several_nodes import NodeLogs
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.errors import NodeError
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.shell import script

SCRIPT = script("lib") + script("logs")
ALL = gzip.decompress(SCENARIO.read_bytes()).splitlines()
RECORDED = ALL[500:750]
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
@pytest.mark.parametrize("encoding", ["UTF-16 of PowerShell", "UTF-16 without a mark", "UTF-8 with a mark"])
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


@pytest.fixture
def busybox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node with nothing but BusyBox."""
    program = shutil.which("busybox")
    if program is None:
        pytest.skip("busybox is not installed: the scripts are tried with this machine's own tools only")
    applets = tmp_path / "applets"
    applets.mkdir()
    for name in subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split():
        (applets / name).symlink_to(program)
    monkeypatch.setenv("PATH", str(applets))


def put(root: Path, data: bytes, name: str = "audit.log") -> None:
    (root / "srv").mkdir(exist_ok=True)
    (root / "srv" / name).write_bytes(data)


SIFTED: dict[str, Writer] = {
    "CRI": cri,
    "CRI in parts": lambda lines: cri(lines, 300),
    "docker": docker,
    "docker in parts": lambda lines: docker(lines, 300),
    "legacy": legacy,
    "legacy in CRI": lambda lines: cri(legacy(lines).splitlines(), 300),
    "legacy in docker": lambda lines: docker(legacy(lines).splitlines()),
    "GKE": gke,
} | {name: SAME[name] for name in ("pretty", "pretty array", "array of lines", "EventLists", "RFC 3164", "Vector")}


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("shape", SIFTED)
def test_only_lines_that_may_fit_cross_the_network(tmp_path: Path, shape: str, packed: str) -> None:
    """The whole file is 100 kB or more, compressed. What is looked at of a file in a shape that its machine does not
    know by itself, to learn how it is written, takes some kB; that is all the same for a larger file.
    """
    data = PACKED[packed](SIFTED[shape](ALL))
    put(tmp_path, data)
    texts, logs = found(tmp_path, "/srv/audit.log")
    assert len(texts) <= 2
    assert logs.moved < (2_000 if shape in {"CRI", "CRI in parts", "docker", "docker in parts"} else 10_000)
    (tmp_path / "here").mkdir()
    put(tmp_path / "here", data)
    here = LocalLogs(find_logs([str(tmp_path / "here/srv/audit.log")]).files)
    assert [hit.text for hit in here.candidates([NEEDLE])] == texts
    (there,), (cover,) = logs.coverage(), here.coverage()
    assert there.first == json.loads(ALL[0])["requestReceivedTimestamp" if "legacy" in shape else "stageTimestamp"]
    assert (there.last, there.lines, there.damaged, there.gaps) == (cover.last, cover.lines, 0, ())
    # its first event; an earlier one may stand behind it
    assert "" < cover.first <= there.first <= there.last


@pytest.mark.parametrize("shape", ["CRI in parts", "docker in parts", "pretty", "legacy"])
@pytest.mark.usefixtures("busybox")
def test_busybox_is_enough_to_sift(tmp_path: Path, shape: str) -> None:
    put(tmp_path, SIFTED[shape](ALL))
    texts, logs = found(tmp_path, "/srv/audit.log")
    assert len(texts) in {1, 2}
    assert logs.moved < 10_000


def test_a_line_is_that_in_which_the_event_begins(tmp_path: Path) -> None:
    put(tmp_path, cri(RECORDED, 300))
    logs = RemoteLogs([LocalNode(tmp_path)], SCRIPT, ["/srv/audit.log"])
    (hit,) = logs.candidates([NEEDLE])
    lines = (tmp_path / "srv/audit.log").read_bytes().splitlines()
    assert lines[hit.line - 1].partition(b" stdout P ")[2] == hit.text[:300]


@pytest.mark.parametrize("most", [20, 7])
@pytest.mark.parametrize("writer", [cri, docker])
def test_what_is_sought_may_be_cut_in_two(
    tmp_path: Path, writer: Callable[[Sequence[bytes], int], bytes], most: int
) -> None:
    event = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "1", "stage": "ResponseComplete"}
    ends = {**event, "requestObject": {"a": "one\\n\ntwo\\\\n"}, "objectRef": {"name": "my-suspicious-pod"}}
    line = json.dumps(ends, separators=(",", ":")).encode()
    put(tmp_path, writer([line.replace(b'"1"', b'"%d"' % n) for n in range(40)], most))
    texts, _ = found(tmp_path, "/srv/audit.log")
    assert texts == [line.replace(b'"1"', b'"%d"' % n) for n in range(40)]


def test_the_parts_of_two_streams_are_joined_each_by_itself(tmp_path: Path) -> None:
    line = WANTED[0]
    parts = [b"2026-05-01T10:00:00Z stdout P " + line[:200], b"2026-05-01T10:00:00Z stdout F " + line[200:]]
    other = b"2026-05-01T10:00:00Z stderr P I0501 words, "
    ends = b"2026-05-01T10:00:00Z stderr F and their end"
    put(tmp_path, b"\n".join([other, parts[0], ends, other, parts[1], ends, b""]))
    assert found(tmp_path, "/srv/audit.log")[0] == [line]


def test_many_words_of_the_server_before_its_first_event(tmp_path: Path) -> None:
    words = b"2026-05-01T10:00:00Z stderr F " + KLOG.replace(b"audit.k8s.io", b"etcd") + b"\n"
    put(tmp_path, words * 3000 + cri(RECORDED))
    texts, logs = found(tmp_path, "/srv/audit.log")
    assert texts == WANTED
    assert logs.moved < 2000
    assert logs.coverage()[0].unreadable == ()


def test_damage_in_what_was_sifted_is_said(tmp_path: Path) -> None:
    lines = cri(RECORDED).splitlines(keepends=True)
    lines[40] = lines[40].rstrip(b"\n")[:-30] + b"\n"
    lines[80] = lines[80][:60] + b"\0" * 50 + lines[80][110:]
    put(tmp_path, b"".join(lines))
    texts, logs = found(tmp_path, "/srv/audit.log")
    assert texts == WANTED
    (cover,) = logs.coverage()
    assert [(path, damage.line) for path, damage in cover.located][:1] == [(f"{tmp_path}/srv/audit.log", 41)]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [("awk", "kill -9 $$", "awk ended with status 137"), ("awk", "exit 2", "awk ended with status 2")],
)
def test_sifting_that_did_not_happen_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, why: str
) -> None:
    put(tmp_path, cri(RECORDED))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
    (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(NodeError, match=why):
        found(tmp_path, "/srv/audit.log")


def test_a_node_without_awk_gives_the_file(tmp_path: Path) -> None:
    put(tmp_path, cri(RECORDED, 300))
    logs = RemoteLogs([LocalNode(tmp_path)], SCRIPT.replace("have awk", "false"), ["/srv/audit.log"])
    assert [hit.text for hit in logs.candidates([NEEDLE])] == WANTED


@pytest.mark.parametrize("shape", ["CRI", "docker in parts", "pretty"])
def test_patterns_and_times_narrow_what_is_inside_of_other_shapes(tmp_path: Path, shape: str) -> None:
    put(tmp_path, SIFTED[shape](ALL))
    moment = json.loads(ALL[1400])["stageTimestamp"]
    for typed, since in (({"verb": ["create"], "code": ["403"]}, None), ({"verb": ["get"]}, moment)):
        wanted = make_filter(typed, Window.of(since, None))
        logs = RemoteLogs([LocalNode(tmp_path)], SCRIPT, ["/srv/audit.log"])
        (folder := tmp_path / f"here{since}").mkdir()
        kept = {hit.text for hit in narrowed(logs, wanted, folder).candidates([])}
        fits, decoder = wanted.test(), project(wanted.fields())
        events = ((line, decode_leniently(decoder, line)[0]) for line in ALL)
        expected = {line for line, event in events if event is not None and fits(event)}
        assert expected
        assert expected <= kept
        assert len(kept) < len(ALL) // 3


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("kind: Policy\napiVersion: audit.k8s.io/v1\nrules: []\n", "an audit policy, not a log"),
        ("LAST SEEN   TYPE     REASON   OBJECT\n5m   Normal   Killing  pod/my-suspicious-pod\n", "Kubernetes events"),
        ("I0501 10:00:00.123456       1 server.go:42] Starting\n", "a component's own log (klog)"),
    ],
)
def test_what_is_no_audit_log_is_named(tmp_path: Path, text: str, name: str) -> None:
    put(tmp_path, text.encode())
    _, logs = found(tmp_path, "/srv/audit.log")
    (cover,) = logs.coverage()
    (said,) = cover.unreadable
    assert name in str(said)
