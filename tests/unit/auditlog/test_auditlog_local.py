"""Everything that a log can be on disk: read, counted and said; never fatal, never silent."""

from __future__ import annotations

import gzip
import io
import json
import resource
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from kaudit_setup.auditlog import reader, search
from kaudit_setup.auditlog.coverage.node import Coverage, coverage
from kaudit_setup.auditlog.files import LogFile, within
from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.literals import spelled
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.search import Hit, candidates, numbered
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.errors import InputError

SCENARIO = Path(__file__).parents[2] / "data/logs/scenario-1.36.2-metadata/audit.log.gz"


def line(n: int, *, minute: int = 0, name: str = "needle", pad: int = 0) -> bytes:
    moment = f"2026-11-23T{16 + minute // 60:02}:{minute % 60:02}:{n % 60:02}.000000Z"
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"id-{n}",
        "stage": "ResponseComplete",
        "requestURI": "/" + "x" * pad,
        "verb": "get",
        "user": {"username": "alice"},
        "objectRef": {"resource": "pods", "namespace": "ns", "name": name},
        "requestReceivedTimestamp": moment,
        "stageTimestamp": moment,
    }
    return json.dumps(event, separators=(",", ":")).encode()


def found(path: Path, *needles: str, window: Window = ALWAYS) -> tuple[list[Hit], Coverage]:
    files = find_logs([str(path)]).files
    tallies: dict[str, Tally] = {}
    hits = list(candidates(files, [spelled(n) for n in needles or ("needle",)], window, tallies))
    (one,) = coverage(files, tallies)
    return hits, one


def test_the_real_scenario_is_found_with_line_numbers() -> None:
    hits, cover = found(SCENARIO, "my-suspicious-pod")
    lines = gzip.decompress(SCENARIO.read_bytes()).split(b"\n")
    expected = [i for i, text in enumerate(lines, 1) if b"my-suspicious-pod" in text]
    assert [h.line for h in hits] == expected
    assert [h.text for h in hits] == [lines[i - 1] for i in expected]
    assert (cover.lines, cover.damaged) == (len(lines) - 1, 0)
    assert cover.first == "2026-11-23T16:16:43.285313Z"
    assert cover.last == "2026-11-23T16:19:24.477542Z"


@pytest.mark.parametrize("unit", [1 << 12, 10_000, 1 << 20])
def test_units_of_any_size_give_every_line_once(tmp_path: Path, unit: int) -> None:
    path = tmp_path / "audit.log"
    texts = [line(n, pad=n * 37 % 900) for n in range(200)]
    path.write_bytes(b"\n".join(texts) + b"\n")
    for block in (600, 1 << 14):
        seen = []
        for one in reader.plan(find_logs([str(path)]).files, unit):
            for part in reader.blocks(one, Tally(), block):
                seen += bytes(part.view).splitlines()
        assert seen == texts


def test_damaged_lines_are_counted_and_located(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(
        line(1)
        + b"\n"
        + b"garbage\n"
        + line(2)[:60]
        + b"\n"
        + b"\n"
        + b"\0\0\0"
        + line(3)
        + b"\r\n"
        + line(4)
        + b"\n"
    )
    hits, cover = found(path)
    assert [h.line for h in hits] == [1, 5, 6]
    assert hits[1].text == line(3), "NUL bytes and the carriage return are taken off"
    assert [(d.line, d.what) for _, d in cover.located] == [
        (2, "not a JSON object"),
        (3, "a line cut short"),
        (5, "NUL bytes"),
    ]
    assert cover.lines == 6


def test_an_unfinished_last_line_is_said(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(line(1) + b"\n" + line(2)[:80])
    hits, cover = found(path)
    assert len(hits) == 1
    assert [d.what for _, d in cover.located] == ["an unfinished last line"]


def test_a_whole_last_line_without_a_newline_is_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(line(1) + b"\n" + line(2))
    hits, cover = found(path)
    assert ([h.line for h in hits], cover.damaged) == ([1, 2], 0)


def test_lines_up_to_ten_megabytes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    long = line(2, pad=10 << 20)
    path.write_bytes(line(1) + b"\n" + long + b"\n" + line(3) + b"\n")
    hits, cover = found(path)
    assert [h.line for h in hits] == [1, 2, 3]
    assert hits[1].text == long
    assert cover.damaged == 0


def test_longer_lines_are_damage_and_what_follows_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LONGEST_LINE_BYTES", 1 << 20)
    path = tmp_path / "audit.log"
    path.write_bytes(line(1) + b"\n" + line(2, pad=3 << 20) + b"\n" + line(3) + b"\n")
    hits, cover = found(path)
    assert [h.text for h in hits] == [line(1), line(3)]
    assert "longer than 1 MiB" in cover.located[0][1].what


def test_a_hole_of_nul_bytes_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    with path.open("wb") as out:
        out.seek(40 << 20)
        out.write(line(1) + b"\n")
    hits, cover = found(path)
    assert [h.text for h in hits] == [line(1)]
    assert hits[0].offset == 40 << 20
    assert [damage.what for _, damage in cover.located] == ["a hole of NUL bytes"], "one hole, however large"


@pytest.mark.parametrize("keep", [10, 200, -20, -4])
def test_a_gzip_cut_short_gives_what_it_holds(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "audit-2026-11-23T16-20-54.099.log.gz"
    whole = b"".join(line(n, pad=n % 50) + b"\n" for n in range(300))
    path.write_bytes(gzip.compress(whole)[:keep])
    hits, cover = found(path)
    assert len(hits) < 300 or keep == -4
    assert any("cut short" in str(one) for one in cover.unreadable)
    assert cover.damaged >= 1


def test_a_damaged_gzip_gives_what_stands_before_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "audit.log.gz"
    text = b"".join(line(n, minute=n % 60, pad=n % 97) + b"\n" for n in range(3000))
    packed = gzip.compress(text, mtime=0)
    path.write_bytes(packed[:-8] + b"\1\2\3\4" + packed[-4:])
    hits, cover = found(path)
    assert len(hits) == 3000, "only the check sum is wrong"
    assert cover.damaged == 1
    half = len(packed) // 2
    path.write_bytes(packed[:half] + b"\xff" * 100 + packed[half + 100 :])
    readable = zlib.decompressobj(wbits=31).decompress(packed[:half]).count(b"\n")
    hits, cover = found(path)
    assert len(hits) >= readable - 1
    assert any("damaged" in str(one) for one in cover.unreadable)


def test_frames_of_zstd_follow_each_other_however_long(tmp_path: Path) -> None:
    texts = [b"".join(line(n, pad=n % 97) + b"\n" for n in range(at, at + 1000)) for at in (0, 1000)]
    skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"none"
    frames = [zstandard.compress(text) for text in texts]
    (tmp_path / "audit.log").write_bytes(frames[0] + frames[1])
    (tmp_path / "parallel.log").write_bytes(skippable + frames[0] + skippable + frames[1])
    for name in ("audit.log", "parallel.log"):
        hits, cover = found(tmp_path / name)
        assert (len(hits), cover.damaged, cover.unreadable) == (2000, 0, ())


def test_gzip_members_follow_each_other_and_names_may_lie(tmp_path: Path) -> None:
    members = gzip.compress(line(1) + b"\n") + gzip.compress(line(2) + b"\n")
    (tmp_path / "packed.log").write_bytes(members)
    (tmp_path / "plain.log.gz").write_bytes(line(3) + b"\n")
    assert len(found(tmp_path / "packed.log")[0]) == 2
    (tmp_path / "many.log").write_bytes(b"".join(gzip.compress(line(n) + b"\n") for n in range(50)))
    assert [h.text for h in found(tmp_path / "many.log")[0]] == [line(n) for n in range(50)]
    assert len(found(tmp_path / "plain.log.gz")[0]) == 1


def test_rotated_files_come_oldest_first_and_once(tmp_path: Path) -> None:
    names = [
        "audit.log",
        "audit-2026-11-23T16-20-54.099.log",
        "audit-2026-11-23T16-20-54.099.log.gz",
        "audit-2026-11-22T16-20-54.099.log.gz",
    ]
    for name in names:
        (tmp_path / name).write_bytes(gzip.compress(line(1)) if name.endswith("gz") else line(1))
    (tmp_path / "notes.txt").write_text("no log")
    (tmp_path / "other.log").write_text("some other program's log\n")
    files = find_logs([str(tmp_path), str(tmp_path / "audit.log"), str(tmp_path / "*.log")]).files[:3]
    assert [Path(f.path).name for f in files] == [names[3], names[1], names[0]]


def test_nodes_are_told_apart_by_folder_or_stem(tmp_path: Path) -> None:
    for where in ("cp1/var/log/kubernetes/audit/audit.log", "cp2/audit.log", "flat/audit-cp3.log", "flat/cp4.jsonl"):
        path = tmp_path / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(line(1))
    assert [f.node for f in find_logs([str(tmp_path)]).files] == ["cp1", "cp2", "cp3", "cp4"]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for wrong in (tmp_path / "none.log", tmp_path / "*.gz", tmp_path):
        with pytest.raises(InputError):
            find_logs([str(wrong)])


@pytest.mark.parametrize("packed", [False, True])
def test_files_outside_the_window_are_not_read(tmp_path: Path, packed: bool) -> None:
    for hour in range(10, 16):
        path = tmp_path / f"audit-2026-11-23T{hour}-00-00.000.log"
        text = b"".join(line(n, minute=60 * (hour - 17) + n) + b"\n" for n in range(0, 60, 5))
        path.with_name(path.name + ".gz" * packed).write_bytes(gzip.compress(text) if packed else text)
    files = find_logs([str(tmp_path)]).files
    kept = within(files, Window.of("2026-11-23T12:30:00Z", None))
    assert [Path(f.path).name[17:19] for f in kept] == ["13", "14", "15"]
    kept = within(files, Window.of(None, "2026-11-23T10:30:00Z"))
    assert [Path(f.path).name[17:19] for f in kept] == ["10", "11", "12", "13", "14", "15"]
    assert len(within(files, Window.of(None, "2026-11-23T05:30:00Z"))) == 1


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["2026-10-01T00-00-00.000", "2026-11-23T21-05-00.000", "2026-12-24T00-00-00.000"])
def test_a_file_whose_name_is_wrong_is_read(tmp_path: Path, name: str, packed: bool) -> None:
    """Named by hand, or by a clock in another zone; all of it lies in the window, and so does what follows."""
    path = tmp_path / f"audit-{name}.log"
    text = b"".join(line(n, minute=n) + b"\n" for n in range(0, 60, 5))
    path.with_name(path.name + ".gz" * packed).write_bytes(gzip.compress(text) if packed else text)
    (tmp_path / "audit.log").write_bytes(line(1, minute=61) + b"\n")
    assert len(found(tmp_path, window=Window.of("2026-11-23T16:20:00Z", "2026-11-23T17:20:00Z"))[0]) == 9


def test_lines_outside_the_window_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(line(n, minute=n) + b"\n" for n in range(30)))
    hits, _ = found(path, window=Window.of("2026-11-23T16:10:00Z", "2026-11-23T16:12:59Z"))
    assert [h.line for h in hits] == [11, 12, 13]


def test_gaps_are_found_inside_and_between_files(tmp_path: Path) -> None:
    early = b"".join(line(n, minute=n // 60) + b"\n" for n in range(600))
    late = b"".join(line(n, minute=40 + n // 60) + b"\n" for n in range(600))
    (tmp_path / "audit-2026-11-23T16-50-00.000.log").write_bytes(early + late)
    (tmp_path / "audit.log").write_bytes(line(1, minute=90) + b"\n")
    cover = found(tmp_path)[1]
    assert [(a[11:16], b[11:16]) for a, b in cover.gaps] == [("16:09", "16:40"), ("16:49", "17:30")]


def test_what_is_not_in_the_order_of_time_is_covered_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    lines = [line(n, minute=n // 60) + b"\n" for n in (*range(600), *range(1800, 2400))]
    path.write_bytes(b"".join([*lines[500:], *lines[:500]]))
    cover = found(path)[1]
    assert [moment[11:19] for moment in (cover.first, cover.last)] == ["16:00:00", "16:39:59"]
    assert [(a[11:16], b[11:16]) for a, b in cover.gaps] == [("16:09", "16:30")]
    assert "the clock went back once" in cover.notes


def test_what_is_no_time_is_not_shown_as_one(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    evil = line(1).replace(b"2026-11-23T16:00:01.000000Z", b"2026-\x1b[31m-T\xe2\x80\xaeZ")
    path.write_bytes(evil + b"\n" + line(2) + b"\n" + evil + b"\n")
    hits, cover = found(path)
    assert len(hits) == 3
    assert (cover.first, cover.last) == ("2026-11-23T16:00:02.000000Z",) * 2


def test_a_rotation_while_reading_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(line(1, name="needle-old") + b"\n")
    files = find_logs([str(path)]).files
    path.rename(tmp_path / "audit-2026-11-23T16-20-54.099.log")
    path.write_bytes(line(2, name="needle-new") + b"\n")
    tallies: dict[str, Tally] = {}
    hits = list(candidates(files, [b"needle"], tallies=tallies))
    assert [b"needle-old" in h.text for h in hits] == [True]
    assert any("was rotated while" in note for note in coverage(files, tallies)[0].notes)


def test_a_file_that_is_gone_or_compressed_meanwhile(tmp_path: Path) -> None:
    first = tmp_path / "audit-2026-11-23T16-20-54.099.log"
    second = tmp_path / "audit-2026-11-23T17-20-54.099.log"
    for path in (first, second):
        path.write_bytes(line(1) + b"\n")
    files = find_logs([str(tmp_path)]).files
    first.unlink()
    packed = second.with_name(second.name + ".gz")
    packed.write_bytes(gzip.compress(second.read_bytes()))
    second.unlink()
    tallies: dict[str, Tally] = {}
    assert len(list(candidates(files, [b"needle"], tallies=tallies))) == 1
    (cover,) = coverage(files, tallies)
    assert cover.damaged == 1
    assert any("rotated away" in str(one) for one in cover.unreadable)
    assert any(str(packed) in note for note in cover.notes)


def test_lines_are_numbered_later_where_they_were_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "CHECK_BELOW_BYTES", 0)
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(line(n, name="needle" if n % 40 == 7 else "other") + b"\n" for n in range(5000)))
    hits, cover = found(path)
    assert {h.line for h in hits} == {0}
    assert [h.line for h in numbered(hits)] == [n + 1 for n in range(5000) if n % 40 == 7]
    assert any("only the matching lines" in note for note in cover.notes), "what was not checked is said"


def test_standard_input_plain_and_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = line(1) + b"\n" + line(2) + b"\n"
    for data in (text, gzip.compress(text)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        hits = list(candidates(find_logs(["-"]).files, [b"needle"]))
        assert [(h.file.node, h.line) for h in hits] == [("stdin", 1), ("stdin", 2)]


def test_literals_are_spelled_as_go_spells_them() -> None:
    assert spelled('a<b>&"\\\n') == b'a\\u003cb\\u003e\\u0026\\"\\\\\\n'


@pytest.fixture
def few_open_files() -> Iterator[int]:
    """How many files this process may open at a time."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    yield 256
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_more_files_than_a_process_may_open_are_read_one_at_a_time(tmp_path: Path, few_open_files: int) -> None:
    count = 4 * few_open_files
    for n in range(count):
        (tmp_path / f"audit-2026-11-{1 + n // 100:02}T{n % 20:02}-{n // 20 % 5:02}-00.000.log").touch()
    (tmp_path / "audit.log").write_bytes(line(1) + b"\n")
    files = find_logs([str(tmp_path)]).files
    assert len(files) == count + 1
    assert len(list(candidates(files, [b"needle"]))) == 1
    assert isinstance(files[0], LogFile)
