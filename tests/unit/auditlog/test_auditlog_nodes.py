"""The search on a node: the real script, run by the real sh on a folder, through the real port."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import queue
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.sources.log_node import Unpack
from kaudit_setup.auditlog.sources.nodes import Backlog, RemoteLogs
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.errors import NodeError
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.shell import script
from kaudit_setup.runner import Ran

SCRIPT = script("lib") + script("logs")
DEFAULT = "var/log/kubernetes/audit"


def line(n: int, name: str = "needle", pad: int = 300) -> bytes:
    moment = f"2026-11-23T{10 + n // 60 % 12:02}:{n % 60:02}:00.000000Z"
    event = {"kind": "Event", "auditID": f"id-{n}", "stage": "ResponseComplete", "requestURI": "/" + "x" * pad}
    return json.dumps(
        {**event, "objectRef": {"name": name}, "stageTimestamp": moment}, separators=(",", ":")
    ).encode()


@pytest.fixture
def node(tmp_path: Path) -> LocalNode:
    folder = tmp_path / DEFAULT
    folder.mkdir(parents=True)
    old = b"".join(line(n, "needle" if n % 10 == 0 else "other") + b"\n" for n in range(60))
    (folder / "audit-2026-11-23T11-00-00.000.log.gz").write_bytes(gzip.compress(old))
    new = b"".join(line(n, "needle" if n % 10 == 0 else "other") + b"\n" for n in range(60, 120))
    (folder / "audit.log").write_bytes(new)
    (folder / "unrelated.log").write_bytes(line(1))
    return LocalNode(tmp_path)


def search(
    node: LocalNode, *needles: str, window: Window = ALWAYS, paths: Sequence[str] = ()
) -> tuple[RemoteLogs, list[Hit]]:
    logs = RemoteLogs([node], SCRIPT, paths)
    return logs, list(logs.candidates([n.encode() for n in needles], window))


def test_matches_of_all_files_come_with_their_line_numbers(node: LocalNode) -> None:
    logs, hits = search(node, '"needle"')
    assert [(Path(h.file.path).name, h.line) for h in hits] == [
        (name, n * 10 + 1) for name in ("audit-2026-11-23T11-00-00.000.log.gz", "audit.log") for n in range(6)
    ]
    assert [h.text for h in hits] == [line(n) for n in range(0, 120, 10)]
    (cover,) = logs.coverage()
    assert (cover.files, cover.damaged, cover.lines) == (2, 0, 60)
    assert (cover.first[11:16], cover.last[11:16]) == ("10:00", "11:59")


def test_no_literal_means_every_line(node: LocalNode) -> None:
    assert len(search(node)[1]) == 120


def test_few_bytes_cross_the_network(node: LocalNode) -> None:
    logs, hits = search(node, "id-11")
    assert len(hits) == 11
    assert logs.moved <= 2 * sum(len(h.text) + 1 for h in hits)


def test_the_window_skips_files_and_lines(node: LocalNode) -> None:
    _, hits = search(node, "needle", window=Window.of("2026-11-23T11:15:00Z", "2026-11-23T11:45:00Z"))
    assert [h.line for h in hits] == [21, 31, 41]
    assert {Path(h.file.path).name for h in hits} == {"audit.log"}


@pytest.mark.parametrize(("written", "read"), [("2026-11-23T11:00:00Z", 1), ("2026-11-23T11:20:00Z", 2)])
def test_a_file_that_ended_before_the_window_is_not_even_read(
    node: LocalNode, tmp_path: Path, written: str, read: int
) -> None:
    (packed,) = tmp_path.rglob("*.log.gz")
    moment = datetime.fromisoformat(written).timestamp()
    os.utime(packed, (moment, moment))
    logs, hits = search(node, "needle", window=Window.of("2026-11-23T11:15:00Z", None))
    assert len(hits) == 4
    (cover,) = logs.coverage()
    assert cover.files == 2
    assert cover.first[11:13] == ("11" if read == 1 else "10")


def test_hostile_literals_are_literals(node: LocalNode, tmp_path: Path) -> None:
    evil = "$(touch pwned) `id` '; exit; \" -e .* [a"
    (tmp_path / DEFAULT / "audit.log").write_bytes(line(1, evil) + b"\n" + line(2) + b"\n")
    _, hits = search(node, json.dumps(evil)[1:-1])
    assert [h.text for h in hits] == [line(1, evil)]
    assert not list(tmp_path.rglob("pwned"))


def test_damage_is_said(node: LocalNode, tmp_path: Path) -> None:
    folder = tmp_path / DEFAULT
    packed = folder / "audit-2026-11-23T11-00-00.000.log.gz"
    packed.write_bytes(packed.read_bytes()[:-30])
    (folder / "audit.log").write_bytes(b"\0\0" + line(1) + b"\r\n" + b"garbage needle\n" + line(2)[:50])
    logs, hits = search(node, 'id-1"', "garbage")
    assert line(1) in [h.text for h in hits]
    (cover,) = logs.coverage()
    assert cover.damaged >= 3
    assert any("cut short" in str(one) for one in cover.unreadable)


def test_named_paths_folders_and_globs(node: LocalNode, tmp_path: Path) -> None:
    for paths, files in (
        ([f"/{DEFAULT}"], 2),
        ([f"/{DEFAULT}/audit.log"], 1),
        ([f"/{DEFAULT}/audit*"], 2),
        ([f"/{DEFAULT}/unrelated.log", f"/{DEFAULT}/audit.log"], 2),
    ):
        logs, _ = search(node, "needle", paths=paths)
        assert sum(cover.files for cover in logs.coverage()) == files, paths


def test_a_log_beside_no_server_is_said(tmp_path: Path) -> None:
    logs, hits = search(LocalNode(tmp_path), "needle")
    assert hits == []
    assert logs.coverage()[0].notes == ("no audit log was found here: name it with --log",)


def test_the_path_is_read_from_the_manifest(tmp_path: Path) -> None:
    manifests = tmp_path / "etc/kubernetes/manifests"
    manifests.mkdir(parents=True)
    (manifests / "kube-apiserver.yaml").write_text("  - command:\n    - --audit-log-path=/srv/a/trail.log\n")
    (tmp_path / "srv/a").mkdir(parents=True)
    (tmp_path / "srv/a/trail.log").write_bytes(line(1) + b"\n")
    (tmp_path / "srv/a/trail-2026-11-23T10-00-00.000.log").write_bytes(line(2) + b"\n")
    _, hits = search(LocalNode(tmp_path), "needle")
    assert [h.text for h in hits] == [line(2), line(1)]


def test_without_gzip_on_the_node_lines_come_plain(node: LocalNode) -> None:
    plain = RemoteLogs([node], SCRIPT.replace('have "$pack"', "false"))
    assert len(list(plain.candidates([b"needle"]))) == 12


def test_several_nodes_and_a_failing_one(node: LocalNode) -> None:
    class Broken:
        name = "cp9"

        def sh(
            self,
            script: str,
            args: Sequence[str] = (),
            *,
            stdin: bytes = b"",
            sink: Callable[[bytes], None] | None = None,
            timeout: float | None = None,
        ) -> Ran:
            return Ran(7, b"", b"no disk")

    logs = RemoteLogs([node, node], SCRIPT)
    assert len(list(logs.candidates([b"needle"]))) == 24
    with pytest.raises(NodeError, match="cp9"):
        list(RemoteLogs([node, Broken()], SCRIPT).candidates([b"needle"]))


def test_a_search_that_is_given_up_ends(node: LocalNode) -> None:
    hits = RemoteLogs([node], SCRIPT).candidates([])
    assert next(hits).line == 1
    hits.close()


def test_a_machine_is_held_back_by_the_bytes_of_its_lines() -> None:
    """The longest lines of an audit log have megabytes: a few of them wait, or many short ones."""
    for size, most in ((1 << 20, 5), (1000, 4000)):
        waiting = Backlog(4 << 20)
        count = 0
        with contextlib.suppress(queue.Full):
            while True:
                waiting.put_nowait(Hit(LogFile("cp1", "audit.log"), count, 0, b"x" * size))
                count += 1
        assert most / 2 < count <= most
        taken = [waiting.get_nowait() for _ in range(count)]
        assert [hit and hit.line for hit in taken] == list(range(count))
        assert waiting.empty()


def fake(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("grep", "kill -9 $$", "grep ended with status 137"),
        ("grep", "exit 2", "grep ended with status 2"),
        ("gzip", "kill -9 $$", "the search failed"),
        ("gzip", "head -c 20", "cut short|decompressed"),
        ("mktemp", "exit 1", "no folder"),
        ("mktemp", 'mkdir -p "$OUT" && echo "$OUT" && mkdir "$OUT/files"', "no room"),
        ("mktemp", 'mkdir -p "$OUT" && echo "$OUT" && ln -s /dev/full "$OUT/literals"', "no room"),
    ],
)
def test_a_search_that_did_not_happen_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, why: str
) -> None:
    """Never "no line fits": a killed grep, a full disk, an answer that is cut short."""
    log = tmp_path / "audit.log"
    log.write_bytes(b"".join(line(n) + b"\n" for n in range(50)))
    fake(tmp_path / "bin", name, text)
    monkeypatch.setenv("OUT", str(tmp_path / "work"))
    logs = RemoteLogs([LocalNode()], SCRIPT, [str(log)])
    logs.listings()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(NodeError, match=why):
        list(logs.candidates([b"id-1"]))


def test_nothing_of_a_search_stays_on_the_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(line(1) + b"\n")
    made = tmp_path / "made"
    fake(tmp_path / "bin", "mktemp", f'PATH=${{PATH#*:}}\nfolder=$(mktemp "$@") && echo "$folder" | tee -a {made}')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert list(RemoteLogs([LocalNode()], SCRIPT, [str(log)]).candidates([b"id-1"]))
    folders = made.read_text().split()
    assert folders
    assert not any(Path(folder).exists() for folder in folders)


def test_an_answer_that_is_far_larger_unpacked_takes_little_memory() -> None:
    """A gzip of a gigabyte of zeros has a megabyte."""
    sizes: list[int] = []
    unpack = Unpack(lambda data: sizes.append(len(data)))
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join(packer.compress(bytes(1 << 24)) for _ in range(16)) + packer.flush()
    unpack.feed(b"gzip\n" + packed)
    assert sum(sizes) == 1 << 28
    assert max(sizes) <= 1 << 20
