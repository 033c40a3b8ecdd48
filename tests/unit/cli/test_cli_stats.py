"""`stats`: what a log is like."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from logkit import answer, event, write

from kaudit_setup.cli import main


def test_stats_describe_every_node(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(tmp_path / "cp1/audit-2026-11-23T16-10-00.000.log", *[event(n) for n in range(100)])
    write(tmp_path / "cp1/audit.log", *[event(n) for n in range(2400, 2500)])
    path = write(tmp_path / "cp2/audit.log", event(1, level="Request"))
    path.write_bytes(path.read_bytes() + b"garbage\n" + b'{"kind":"Ev')
    nodes = {n["node"]: n for n in answer(capfd, "stats", "--log", tmp_path, "-o", "json")}
    one, two = nodes["cp1"], nodes["cp2"]
    assert (one["files"], one["events"], one["lines"], one["damaged"]) == (2, 200, 200, 0)
    assert [(g["from"][11:19], g["to"][11:19]) for g in one["gaps"]] == [("16:01:39", "16:40:00")]
    assert one["levels"] == {"Metadata": 200}
    assert one["rotation"]["rotated"] == 1
    sizes = sorted(len(json.dumps(event(n), separators=(",", ":"))) + 1 for n in [*range(100), *range(2400, 2500)])
    assert one["eventBytes"]["max"] == sizes[-1]
    assert sizes[100] <= one["eventBytes"]["p50"] <= sizes[100] * 65 / 64
    assert two["damaged"] == 2
    assert [(d["line"], d["what"][:3]) for d in two["damagedLines"]] == [(0, "an "), (2, "not")] or [
        (d["line"], d["what"][:3]) for d in two["damagedLines"]
    ] == [(2, "not"), (0, "an ")]
    text = answer(capfd, "stats", "--log", tmp_path)
    assert "audit.log:2" in text


def test_percentiles_of_sizes_are_near(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", *[event(n, userAgent="x" * (n * n // 20)) for n in range(1000)])
    sizes = sorted(map(len, log.read_bytes().splitlines(keepends=True)))
    (node,) = answer(capfd, "stats", "--log", log, "-o", "json")
    for name, at in (("p50", 500), ("p95", 950), ("p99", 990)):
        assert sizes[at - 1] <= node["eventBytes"][name] < sizes[at - 1] * 1.016
    assert node["eventBytes"]["max"] == sizes[-1]


WORDS = b"2026-05-01T10:00:00.1Z stderr F I0501 10:00:00.1 1 server.go:632] words\n"
OWN_LOG = "pods/kube-system_kube-apiserver-cp1_0f3c9d1e2b4a5968778695a4b3c2d1e0/kube-apiserver/0.log"


def test_what_the_server_says_before_its_first_event_is_no_damage(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A server that audits to standard output says other things there, too; another Pod's log is no audit log."""
    for path, damaged in ((OWN_LOG, 0), ("app/0.log", 50)):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(WORDS * 50)
        main(["stats", "--log", str(tmp_path / path), "-o", "json"])
        (one,) = json.loads(capfd.readouterr().out)["items"]
        assert (one["events"], one["damaged"], bool(one["unreadable"])) == (0, damaged, damaged > 0)


def test_each_node_is_named_with_its_cluster(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for cluster in "ab":
        write(tmp_path / cluster / "cp1/audit.log", event(1), event(2))
    named = [f"--cluster={name}={tmp_path / name}" for name in "ab"]
    found = answer(capfd, "stats", *named, "-o", "json")
    assert [(one["cluster"], one["node"], one["events"]) for one in found] == [("a", "cp1", 2), ("b", "cp1", 2)]
    text = answer(capfd, "stats", *named)
    assert [line for line in text.splitlines() if not line.startswith(" ")] == ["a/cp1", "b/cp1"]


@pytest.mark.parametrize("question", ["stats", "events", "top --by user", "who deleted pod/x"])
def test_that_a_file_is_cut_short_is_said_once(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, question: str
) -> None:
    whole = write(tmp_path / "audit.log", *[event(n, userAgent=f"{n * 7919:x}") for n in range(500)])
    cut = tmp_path / "cut" / "audit.log.gz"
    cut.parent.mkdir()
    cut.write_bytes(gzip.compress(whole.read_bytes())[:-4000])
    main([*question.split(), "--log", str(cut)])
    out, err = capfd.readouterr()
    assert (out + err).count("cut short") == 1, out + err
    assert "unfinished" not in out + err
