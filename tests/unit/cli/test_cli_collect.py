"""`collect`: logs of nodes brought into a folder, run after run."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from logkit import answer, event, ids, write

from kaudit_setup.cli import main
from kaudit_setup.node.local import LocalNode


def test_collect_is_resumable_and_follows_rotation(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    home = tmp_path / "home"

    def run() -> Any:
        return answer(capfd, "collect", "--host", "cp1", "-d", home, "-o", "json")

    first = run()
    assert (len(first["files"]), first["fetched"]) == (4, 4)
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=home, check=False).returncode == 0
    assert {p.stat().st_mode & 0o777 for p in home.rglob("*") if p.is_file()} == {0o600}
    assert run()["fetched"] == 0, "a second run fetches nothing"
    log = tmp_path / "cp1/var/log/kubernetes/audit/audit.log"
    old = log.read_bytes()
    more = old + (json.dumps(event(500, pad="x" * 5000)) + "\n").encode()
    with log.open("ab") as out:
        out.write(more[len(old) :])
    again = run()
    assert (again["fetched"], len(again["files"])) == (1, 4)
    log.rename(log.with_name("audit-2026-11-23T16-50-00.000.log"))
    write(log, event(600))
    rotated = run()
    assert (rotated["fetched"], len(rotated["files"])) == (1, 5), "the rotated file is renamed here too"
    kept = {
        Path(f["file"]).name: (home / f["file"]).read_bytes()
        for f in rotated["files"]
        if f["node"] == str(nodes[0].name)
    }
    assert kept["audit-2026-11-23T16-50-00.000.log"] == more
    assert kept["audit.log"] == log.read_bytes()
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=home, check=False).returncode == 0
    victim = next(iter(sorted(home.rglob("audit.log"))))
    victim.write_bytes(b"tampered")
    assert run()["fetched"] == 1, "a copy that is not what the manifest says is fetched again"


def test_collect_goes_on_where_it_was_stopped(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    log = tmp_path / "cp1/var/log/kubernetes/audit/audit.log"
    folder = home / "".join(c if c.isalnum() or c in "-._" else "_" for c in nodes[0].name)
    folder.mkdir(parents=True)
    (folder / f".{log.stat().st_ino}.part").write_bytes(log.read_bytes()[:1000])
    other = log.with_name("audit-2026-11-23T16-30-00.000.log")
    (folder / f".{other.stat().st_ino}.part").write_bytes(b"not what is there")
    got = answer(capfd, "collect", "--host", "cp1", "-d", home, "-o", "json")
    assert got["fetched"] == 4
    assert (folder / "audit.log").read_bytes() == log.read_bytes()
    assert (folder / other.name).read_bytes() == other.read_bytes()


def lose(nodes: list[LocalNode], tmp_path: Path, *names: str) -> None:
    for name in names:
        shutil.rmtree(tmp_path / name / "var/log")


@pytest.mark.parametrize("lost", ["cp1", "cp2"])
def test_collect_goes_on_with_the_other_nodes(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, lost: str
) -> None:
    home = tmp_path / "home"
    lose(nodes, tmp_path, lost)
    assert main(["collect", "--host", "cp1", "-d", str(home), "-o", "json"]) == 1
    said = capfd.readouterr()
    document = json.loads(said.out)
    assert {f["node"] for f in document["items"][0]["files"]} == {str(tmp_path / ({"cp1", "cp2"} - {lost}).pop())}
    [error] = document["errors"]
    assert error["message"] == f"{tmp_path / lost}: no audit log was found"
    assert said.err.count("error: ") == 1
    assert f"error: {tmp_path / lost}: no audit log was found" in said.err
    assert agrees(home)
    assert main(["collect", "--host", "cp1", "-d", str(home)]) == 1
    assert "2 files in " in capfd.readouterr().out


def test_collect_names_every_node_that_fails(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    lose(nodes, tmp_path, "cp1", "cp2")
    assert main(["collect", "--host", "cp1", "-d", str(tmp_path / "home")]) == 1
    said = capfd.readouterr()
    assert "error: the logs of 2 nodes were not collected whole" in said.err
    assert all(f"{tmp_path / name}: no audit log was found" in said.err for name in ("cp1", "cp2"))
    assert said.out == ""


@pytest.mark.parametrize("how", ["another file", "cut and shorter", "cut and longer"])
def test_collect_keeps_what_the_node_has_deleted(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, how: str
) -> None:
    del nodes[1:]
    home = tmp_path / "home"
    run = ("collect", "--host", "cp1", "--log", "/var/log/kubernetes/audit/audit.log", "-d", home, "-o", "json")
    log = tmp_path / "cp1/var/log/kubernetes/audit/audit.log"
    write(log, *[event(n, auditID=f"old-{n}") for n in range(3)])
    (first,) = answer(capfd, *run)["files"]
    old = log.read_bytes()
    fetched = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
    os.utime(home / first["file"], (fetched, fetched))
    if how == "another file":
        log.rename(tmp_path / "its inode stays in use")
    new = write(tmp_path / "new.log", *[event(1800 + n) for n in range(1 if how == "cut and shorter" else 9)])
    log.write_bytes(new.read_bytes())
    again = answer(capfd, *run)
    kept, current = again["files"]
    assert (current["file"], current["bytes"]) == (first["file"], log.stat().st_size)
    assert (home / current["file"]).read_bytes() == log.read_bytes()
    assert (home / kept["file"]).read_bytes() == old
    assert kept == first | {"file": kept["file"], "inode": 0}
    assert [kept["file"] in note for note in again["notes"]] == [True]
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=home, check=False).returncode == 0
    assert {p.stat().st_mode & 0o777 for p in home.rglob("*") if p.is_file()} == {0o600}
    (node,) = answer(capfd, "stats", "--log", home, "-o", "json")
    assert (node["files"], node["events"], node["rotation"]["rotated"]) == (
        2,
        3 + len(new.read_text().splitlines()),
        1,
    )
    window = ("--since", "2026-11-23T16:00:02Z", "--until", "2026-11-23T16:10:00Z")
    assert ids(capfd, "--log", home, *window) == ["old-2"], "its name says when it ended"
    third = answer(capfd, *run)
    assert (third["fetched"], third["notes"], third["files"]) == (0, [], again["files"])


ROTATED = "audit-2026-11-23T10-{}.000.log.gz"


def packed(path: Path, *events: dict[str, Any]) -> Path:
    path.write_bytes(gzip.compress("".join(json.dumps(e) + "\n" for e in events).encode()))
    return path


def append(path: Path, data: bytes) -> bytes:
    path.write_bytes(path.read_bytes() + data)
    return path.read_bytes()


def agrees(home: Path) -> bool:
    """Whether SHA256SUMS says what the manifest says."""
    entries = json.loads((home / "manifest.json").read_text())
    return (home / "SHA256SUMS").read_text() == "".join(f"{e['sha256']}  {e['file']}\n" for e in entries)


@pytest.mark.parametrize("how", ["appended to", "changed", "cut", "emptied", "whole"])
@pytest.mark.parametrize("name", ["its own", "the same"])
def test_collect_keeps_what_the_node_has_deleted_though_it_was_altered_here(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, how: str, name: str
) -> None:
    del nodes[1:]
    home, folder = tmp_path / "home", tmp_path / "cp1/srv"
    folder.mkdir()
    run = ("collect", "--host", "cp1", "--log", "/srv", "-d", home, "-o", "json")
    old = packed(folder / ROTATED.format("01-40"), event(1))
    (first,) = answer(capfd, *run)["files"]
    copy = home / first["file"]
    data = copy.read_bytes()
    altered = {"appended to": data + b"x", "changed": data[:-1] + b"x", "cut": data[:-1], "emptied": b""}
    copy.write_bytes(kept := altered.get(how, data))
    # the inode is used again
    new = old.rename(folder / ROTATED.format("02-30")) if name == "its own" else old
    packed(new, *[event(n) for n in range(600, 630)])
    got = answer(capfd, *run)
    assert len(got["files"]) == 2
    one = next(f for f in got["files"] if f["inode"] == 0)
    assert one == first | {"inode": 0, "file": one["file"]}, "what it was is still known"
    assert (home / one["file"]).read_bytes() == kept
    assert (one["file"] == first["file"]) == (name == "its own")
    said = [note for note in got["notes"] if f"{one['file']} was altered here after it had been collected" in note]
    assert len(said) == (how != "whole")
    assert agrees(home)
    third = answer(capfd, *run)
    assert (third["fetched"], third["notes"], third["files"]) == (0, [], got["files"])


def of_one_node(nodes: list[LocalNode], tmp_path: Path) -> tuple[Path, Path, tuple[str | Path, ...]]:
    """Where the logs of one node are collected, where the node has them, and the command that does it."""
    del nodes[1:]
    home = tmp_path / "home"
    return home, tmp_path / "cp1/srv", ("collect", "--host", "cp1", "--log", "/srv", "-d", home, "-o", "json")


@pytest.mark.parametrize("how", ["appended to", "changed", "cut", "emptied"])
@pytest.mark.parametrize("grown", [False, True])
def test_collect_says_that_a_copy_was_altered_and_keeps_it(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, how: str, grown: bool
) -> None:
    home, folder, run = of_one_node(nodes, tmp_path)
    log = write(folder / "audit.log", *[event(n) for n in range(5)])
    (first,) = answer(capfd, *run)["files"]
    copy = home / first["file"]
    data = copy.read_bytes()
    altered = {"appended to": data + b"x", "changed": b"x" + data[1:], "cut": data[:-1], "emptied": b""}[how]
    differs = "its SHA-256 is another" if how == "changed" else f"it has {len(altered)} bytes, not {len(data)}"
    if grown:
        append(log, json.dumps(event(600)).encode() + b"\n")
    kept = []
    for times in (1, 2):
        copy.write_bytes(altered)
        got = answer(capfd, *run)
        assert (got["fetched"], len(got["files"]), copy.read_bytes()) == (1, 1, log.read_bytes())
        (note,) = got["notes"]
        assert f"{first['file']} was altered here after it had been collected from {first['path']}" in note
        assert "it was fetched again" in note
        assert times > 1 or differs in note
        kept = sorted(home.rglob("*.altered*"))
        # what was only cut is all in the node's own
        assert len(kept) == (times if how in {"appended to", "changed"} else 0)
        assert all(path.read_bytes() == altered for path in kept)
        assert not kept or note.endswith(f"the altered copy is kept as {kept[-1].relative_to(home)}")
    assert agrees(home)
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=home, check=False).returncode == 0
    (node,) = answer(capfd, "stats", "--log", home, "-o", "json")
    assert node["files"] == 1, "no command takes it for a log"
    last = answer(capfd, *run)
    assert (last["fetched"], last["notes"], sorted(home.rglob("*.altered*"))) == (0, [], kept)


def test_collect_knows_what_an_altered_copy_was_though_the_node_has_compressed_it(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    home, folder, run = of_one_node(nodes, tmp_path)
    log = write(folder / "audit.log", event(1))
    (first,) = answer(capfd, *run)["files"]
    altered = append(home / first["file"], b"x")
    whole = append(log, json.dumps(event(2)).encode() + b"\n")
    (folder / ROTATED.format("02-30")).write_bytes(gzip.compress(whole))
    log.rename(tmp_path / "its inode stays in use")
    write(log, event(600))
    got = answer(capfd, *run)
    assert [Path(f["file"]).name for f in got["files"]] == [ROTATED.format("02-30"), "audit.log"]
    (kept,) = home.rglob("*.altered")
    assert kept.read_bytes() == altered
    assert [kept.name in note for note in got["notes"]] == [True]
    assert agrees(home)


def test_collect_says_what_it_did_even_if_another_node_fails(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    run = ("collect", "--host", "cp1", "--host", "cp2", "-d", home)
    answer(capfd, *run)
    append(next(home.glob("*cp1/audit.log")), b"x")
    for path in (tmp_path / "cp2/var/log/kubernetes/audit").iterdir():
        path.unlink()
    assert main([str(word) for word in run]) == 1
    said = capfd.readouterr().err
    assert "no audit log was found" in said
    assert "was altered here after it had been collected" in said


def test_collect_blames_nobody_for_a_run_that_was_stopped(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    run = ("collect", "--host", "cp1", "-d", home, "-o", "json")
    first = answer(capfd, *run)["files"]
    log = tmp_path / "cp1/var/log/kubernetes/audit/audit.log"
    # the file was in its place, the manifest was not
    next(home.glob("*cp1/audit.log")).write_bytes(append(log, json.dumps(event(600)).encode() + b"\n"))
    got = answer(capfd, *run)
    assert (got["notes"], len(got["files"]), list(home.rglob("*.altered"))) == ([], len(first), [])


@pytest.mark.parametrize("same", ["inode", "name"])
def test_collect_says_that_what_the_node_has_deleted_is_missing_here(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, same: str
) -> None:
    home, folder, run = of_one_node(nodes, tmp_path)
    log = write(folder / "audit.log", event(1))
    (first,) = answer(capfd, *run)["files"]
    (home / first["file"]).unlink()
    if same == "inode":
        log = log.rename(folder / "audit-2026-11-23T10-00-00.000.log")
    else:
        log.rename(tmp_path / "its inode stays in use")
    write(log, event(600), event(601))
    got = answer(capfd, *run)
    assert [f"{first['file']} was collected before and is missing here" in note for note in got["notes"]] == [True]
    assert [f for f in got["files"] if f["inode"] == 0] == ([first | {"inode": 0}] if same == "inode" else [])
    again = answer(capfd, *run)
    assert (again["notes"], again["files"]) == ([], got["files"])


@pytest.mark.parametrize("how", ["deleted", "garbage", "another sum"])
def test_collect_repairs_the_sums_though_there_is_nothing_to_fetch(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, how: str
) -> None:
    home = tmp_path / "home"
    run = ("collect", "--host", "cp1", "-d", home, "-o", "json")
    answer(capfd, *run)
    sums = home / "SHA256SUMS"
    right = sums.read_bytes()
    sums.write_bytes(b"\xff\0" if how == "garbage" else b"0" * 64 + right[64:])
    if how == "deleted":
        sums.unlink()
    got = answer(capfd, *run)
    assert got["fetched"] == 0
    what = "was missing" if how == "deleted" else "did not match manifest.json"
    assert got["notes"] == [f"{sums} {what}; it was rewritten"]
    assert sums.read_bytes() == right
    assert sums.stat().st_mode & 0o777 == 0o600
    written = sums.stat().st_mtime_ns
    assert answer(capfd, *run)["notes"] == []
    assert sums.stat().st_mtime_ns == written


@pytest.mark.parametrize("since", ["compressed", "deleted", "collected", "replaced"])
def test_collect_removes_what_no_run_can_go_on_with(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, since: str
) -> None:
    home = tmp_path / "home"
    run = ("collect", "--host", "cp1", "-d", home, "-o", "json")
    folder = tmp_path / "cp1/var/log/kubernetes/audit"
    log = folder / "audit-2026-11-23T16-30-00.000.log"
    begun = log.read_bytes()[:3000]
    if since == "collected":
        answer(capfd, *run)
    mine, other = (home / re.sub(r"[^\w.-]|^\.+", "_", node.name) for node in nodes)
    for there in (mine, other):
        there.mkdir(parents=True, exist_ok=True)
    part, foreign = mine / f".{log.stat().st_ino}.part", other / ".1.part"
    part.write_bytes(begun)
    foreign.write_bytes(begun)
    if since == "compressed":
        log.with_name(f"{log.name}.gz").write_bytes(gzip.compress(log.read_bytes()))
    if since in {"compressed", "deleted"}:
        log.rename(tmp_path / "its inode stays in use")
    if since == "replaced":
        log.write_bytes(b"another " * 1000)
    del nodes[1:]
    lost = folder.rename(folder.with_name("lost"))
    assert main([str(word) for word in run]) == 1
    assert part.exists(), "not before a run was successful"
    capfd.readouterr()
    lost.rename(folder)
    got = answer(capfd, *run)
    assert part.exists() == (since == "deleted"), "then it is all that there is of that log"
    assert foreign.exists(), "that node was not asked"
    assert [
        f"{part.name} is all that a stopped run had fetched of a log that is not listed any more" in note
        for note in got["notes"]
    ] == ([True] if since == "deleted" else [])


def test_collect_takes_no_log_for_another_of_its_size(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    home, folder, run = of_one_node(nodes, tmp_path)
    old = write(folder / "audit-2026-11-23T10-01-40.000.log", event(1))
    (first,) = answer(capfd, *run)["files"]
    text = old.read_bytes()
    # its inode is used again
    new = write(old.rename(folder / "audit-2026-11-23T10-02-30.000.log"), event(2))
    assert new.stat().st_size == len(text)
    got = answer(capfd, *run)
    assert (got["fetched"], got["notes"]) == (1, [])
    assert {f["file"]: (home / f["file"]).read_bytes() for f in got["files"]} == {
        first["file"]: text,
        first["file"].replace("01-40", "02-30"): new.read_bytes(),
    }


def test_collect_keeps_nothing_that_another_file_holds(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    del nodes[1:]
    home = tmp_path / "home"
    folder = tmp_path / "cp1/var/log/kubernetes/audit"
    log = write(folder / "audit.log", event(2000))
    answer(capfd, "collect", "--host", "cp1", "-d", home, "-o", "json")
    text = write(log, event(2000), event(2001)).read_bytes()
    (folder / "audit-2026-11-23T16-50-00.000.log.gz").write_bytes(gzip.compress(text))
    log.rename(tmp_path / "its inode stays in use")
    write(log, event(3000))
    got = answer(capfd, "collect", "--host", "cp1", "-d", home, "-o", "json")
    names = [Path(f["file"]).name for f in got["files"]]
    assert names == ["audit-2026-11-23T16-30-00.000.log", "audit-2026-11-23T16-50-00.000.log.gz", "audit.log"]
    assert got["notes"] == []
    assert {p.name for p in home.rglob("audit*")} == set(names)


def test_collect_follows_logs_that_are_numbered(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    del nodes[1:]
    home = tmp_path / "home"
    folder = tmp_path / "cp1/srv"
    run = ("collect", "--host", "cp1", "--log", "/srv/audit.log*", "-d", home, "-o", "json")
    write(folder / "audit.log.1", event(1))
    write(folder / "audit.log", event(2))
    assert answer(capfd, *run)["fetched"] == 2
    (folder / "audit.log.1").rename(folder / "audit.log.2")
    (folder / "audit.log").rename(folder / "audit.log.1")
    write(folder / "audit.log", event(3))
    got = answer(capfd, *run)
    assert (got["fetched"], got["notes"]) == (1, [])
    assert {Path(f["file"]).name for f in got["files"]} == {"audit.log", "audit.log.1", "audit.log.2"}
    for one in got["files"]:
        assert (home / one["file"]).read_bytes() == (folder / Path(one["file"]).name).read_bytes()


def test_collect_knows_a_log_again_that_was_moved(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    del nodes[1:]
    run = ("collect", "--host", "cp1", "-d", tmp_path / "home", "-o", "json")
    write(tmp_path / "cp1/srv/a/audit.log", event(1))
    (first,) = answer(capfd, *run, "--log", "/srv/a/audit.log")["files"]
    (tmp_path / "cp1/srv/a").rename(tmp_path / "cp1/srv/b")
    write(tmp_path / "cp1/srv/b/audit.log", event(1), event(2))
    (again,) = answer(capfd, *run, "--log", "/srv/b/audit.log")["files"]
    assert (again["file"], again["path"]) == (first["file"], first["path"].replace("/srv/a/", "/srv/b/"))


def test_collect_gives_each_node_a_folder_of_its_own(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path
) -> None:
    class Called(LocalNode):
        name = ""

    roots = {"cp1:2222": tmp_path / "cp1", "cp1_2222": tmp_path / "cp2"}
    nodes[:] = [Called(root) for root in roots.values()]
    for node, name in zip(nodes, roots, strict=True):
        node.name = name
    home = tmp_path / "home"
    for fetched in (4, 0):
        got = answer(capfd, "collect", "--host", "cp1", "-d", home, "-o", "json")
        assert got["fetched"] == fetched
        where = {(f["node"], f["file"].partition("/")[0]) for f in got["files"]}
        assert where == {("cp1:2222", "cp1_2222"), ("cp1_2222", "cp1_2222-2")}
        nodes.reverse()
    for one in got["files"]:
        there = roots[one["node"]] / "var/log/kubernetes/audit" / Path(one["file"]).name
        assert (home / one["file"]).read_bytes() == there.read_bytes()


def test_collect_needs_a_host_and_a_place(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["collect", "-d", str(tmp_path)]) == 2
    assert main(["collect", "--host", "cp1"]) == 2
