"""Logs that are followed, through rotation, packing, truncation and lost connections: nothing twice, nothing lost."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
from logkit import event, write

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.filters import Filter, make_filter
from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.follow.polling import LocalTail, RemoteTail, Tail, with_rotated
from kaudit_setup.auditlog.follow.stream import Batch, Followed, Following, Pace
from kaudit_setup.auditlog.query import Row
from kaudit_setup.auditlog.record import record_of
from kaudit_setup.auditlog.sources.log_node import LogNode
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.errors import NodeError
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.shell import script

QUICK = Pace(0.01, 0.02)


def local(folder: Path) -> LocalTail:
    return LocalTail("here", lambda: find_logs([str(folder)]).files)


def append(path: Path, *numbers: int) -> None:
    with path.open("a") as log:
        for n in numbers:
            log.write(json.dumps(event(n), separators=(",", ":")) + "\n")


def how(wanted: Filter | None = None, **more: bool) -> Followed:
    return Followed(wanted or Filter(), pace=QUICK, **more)


def ids(rows: Sequence[Row]) -> list[str]:
    return [record_of(row.body).audit_id for row in rows]


@contextmanager
def following_in(tails: Sequence[Tail], how: Followed) -> Iterator[Following]:
    """The logs, followed for half a minute at most: a test that waits for what never comes fails."""
    with Following(tails, how) as following:
        late = threading.Timer(30, following.__exit__, (None, None, None))
        late.start()
        try:
            yield following
        finally:
            late.cancel()


def take(batches: Iterator[Batch], count: int) -> list[str]:
    """The first so many events; waits for them."""
    rows = (row for batch in batches for row in batch.rows)
    return ids(list(islice(rows, count)))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "audit.log", event(1), event(2))


def test_what_is_written_from_now_on_and_fits(log: Path) -> None:
    wanted = make_filter({"user": ["alice"]}, ALWAYS)
    with following_in([local(log.parent)], how(wanted)) as following:
        other = event(3, user={"username": "bob"})
        with log.open("a") as out:
            out.write(json.dumps(other) + "\n")
        append(log, 4, 5)
        assert take(following.batches(), 2) == ["id-4", "id-5"]


def test_since_a_moment_also_what_was_written_then(log: Path) -> None:
    with following_in([local(log.parent)], how(Filter(window=Window.of("2026-11-23T16:00:02Z", None)))) as following:
        batches = following.batches()
        assert take(batches, 1) == ["id-2"]
        append(log, 3)
        assert take(batches, 1) == ["id-3"]


class Gated(LocalTail):
    """A log that is looked at only when the test says so."""

    def __init__(self, folder: Path) -> None:
        super().__init__("here", lambda: find_logs([str(folder)]).files)
        self.gate = threading.Semaphore(1)

    def files(self) -> Sequence[LogFile]:
        self.gate.acquire()
        return super().files()


def rotate(log: Path, second: int, *, pack: bool = False) -> None:
    old = log.with_name(f"audit-2026-11-23T16-00-{second:02}.000.log")
    log.rename(old)
    log.touch()
    if pack:
        packed = old.with_name(old.name + ".gz")
        packed.write_bytes(gzip.compress(old.read_bytes()))
        old.unlink()


@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize("times", [1, 3])
def test_rotations_between_two_looks_lose_nothing(log: Path, pack: bool, times: int) -> None:
    tail = Gated(log.parent)
    with following_in([tail], how()) as following:
        batches = following.batches()
        append(log, 3)
        tail.gate.release()
        assert take(batches, 1) == ["id-3"]
        expected = []
        for n in range(times):
            append(log, 10 + n)
            rotate(log, 10 + n, pack=pack)
            expected.append(f"id-{10 + n}")
        append(log, 20)
        tail.gate.release(2)
        assert take(batches, times + 1) == [*expected, "id-20"]
        append(log, 21)
        tail.gate.release(2)
        assert take(batches, 1) == ["id-21"]


def test_a_file_that_is_still_being_packed_waits(log: Path) -> None:
    tail = Gated(log.parent)
    with following_in([tail], how(lines=True)) as following:
        batches = following.batches()
        append(log, 3)
        rotate(log, 3)
        old = log.with_name("audit-2026-11-23T16-00-03.000.log")
        half = old.with_name(old.name + ".gz")
        half.write_bytes(gzip.compress(old.read_bytes())[:-20])
        tail.gate.release()
        assert take(batches, 1) == ["id-3"]
        half.write_bytes(gzip.compress(old.read_bytes()))
        old.unlink()
        append(log, 4)
        tail.gate.release(2)
        assert take(batches, 1) == ["id-4"]


def test_retention_takes_old_files_away(log: Path) -> None:
    old = write(log.parent / "audit-2026-11-23T15-00-00.000.log", event(0))
    tail = Gated(log.parent)
    with following_in([tail], how(lines=True)) as following:
        old.unlink()
        append(log, 3)
        rotate(log, 4, pack=True)
        append(log, 5)
        tail.gate.release(2)
        assert take(following.batches(), 2) == ["id-3", "id-5"]


def test_a_log_that_is_truncated_is_read_from_its_beginning(log: Path) -> None:
    tail = Gated(log.parent)
    with following_in([tail], how()) as following:
        log.write_text("")
        append(log, 3)
        tail.gate.release()
        assert take(following.batches(), 1) == ["id-3"]


def test_half_a_line_waits_for_its_end(log: Path) -> None:
    tail = Gated(log.parent)
    with following_in([tail], how()) as following:
        text = json.dumps(event(3)) + "\n"
        with log.open("a") as out:
            out.write(text[:50])
            out.flush()
            tail.gate.release()
            out.write(text[50:])
        append(log, 4)
        tail.gate.release(3)
        assert take(following.batches(), 2) == ["id-3", "id-4"]


class Shaky(LocalTail):
    """A log that cannot be reached for some looks after the first."""

    def __init__(self, folder: Path, *failing: int) -> None:
        super().__init__("cp1", lambda: find_logs([str(folder)]).files)
        self.failing, self.looks = failing, 0

    def files(self) -> Sequence[LogFile]:
        self.looks += 1
        if self.looks - 1 in self.failing:
            raise NodeError("the connection broke")
        return super().files()


def test_a_lost_connection_is_said_once_and_nothing_is_lost(log: Path) -> None:
    with following_in([Shaky(log.parent, 1, 2, 3)], how()) as following:
        append(log, 3)
        batches = list(islice(following.batches(), 3))
    assert [batch.trouble for batch in batches[:2]] == [
        "cp1: the connection broke; trying again",
        "cp1: its log can be read again",
    ]
    assert ids(batches[2].rows) == ["id-3"]


def test_a_log_that_cannot_be_reached_at_first_is_followed_later(tmp_path: Path, log: Path) -> None:
    other = write(tmp_path / "other/audit.log", event(7))
    tails: list[Tail] = [local(log.parent), Shaky(other.parent, 0)]
    with following_in(tails, how()) as following:
        assert take(following.batches(), 1) == ["id-7"]
    with pytest.raises(NodeError, match="the connection broke"), following_in([Shaky(log.parent, 0)], how()):
        pass


def test_several_logs_and_copies_of_a_request_once(tmp_path: Path, log: Path) -> None:
    other = write(tmp_path / "other/audit.log", event(0))
    with following_in([local(log), local(other.parent)], how()) as following:
        append(log, 3)
        append(other, 3)
        append(other, 4)
        batches = following.batches()
        assert sorted(take(batches, 2)) == ["id-3", "id-4"]
        append(log, 5)
        assert take(batches, 1) == ["id-5"]


def test_a_request_is_shown_when_it_begins_to_answer_and_not_again_at_its_end(log: Path) -> None:
    with following_in([local(log.parent)], how()) as following:
        stages = [event(3, stage=stage) for stage in ("RequestReceived", "ResponseStarted", "ResponseComplete")]
        with log.open("a") as out:
            out.writelines(json.dumps(one) + "\n" for one in stages)
        append(log, 4)
        assert take(following.batches(), 2) == ["id-3", "id-4"]


def test_on_a_node(tmp_path: Path) -> None:
    log = write(tmp_path / "var/log/kubernetes/audit/audit.log", event(1))
    node = LocalNode(tmp_path)
    for paths in ((), with_rotated(["/var/log/kubernetes/audit/audit.log"])):
        tail = RemoteTail(LogNode(node, script("lib") + script("logs")), paths)
        with following_in([tail], how()) as following:
            batches = following.batches()
            begin = 10 * (1 + len(paths))
            append(log, begin)
            assert take(batches, 1) == [f"id-{begin}"]
            append(log, begin + 1)
            rotate(log, begin, pack=not paths)
            append(log, begin + 2)
            assert take(batches, 2) == [f"id-{begin + 1}", f"id-{begin + 2}"]


def test_lines_are_numbered_where_that_is_known(log: Path) -> None:
    with following_in([local(log.parent)], how(Filter(window=Window.of("2026-11-23T16:00:00Z", None)))) as following:
        batches = following.batches()
        append(log, 3)
        rows = list(islice((row for batch in batches for row in batch.rows), 3))
    assert [row.place.line for row in rows] == [1, 2, 3]


def test_a_log_on_standard_output_is_followed_parts_of_a_line_joined(log: Path) -> None:
    def cri(text: str) -> str:
        half = len(text) // 2
        stamp = "2026-11-23T16:00:00.000000000Z stdout"
        return f"{stamp} P {text[:half]}\n{stamp} F {text[half:]}\n"

    log.write_text(cri(json.dumps(event(1))) + "2026-11-23T16:00:00.0Z stderr F I1123 some words\n")
    tail = Gated(log.parent)
    with following_in([tail], how()) as following:
        batches = following.batches()
        with log.open("a") as out:
            first, second = cri(json.dumps(event(3))).splitlines(keepends=True)
            out.write(cri(json.dumps(event(2))) + first)
            out.flush()
            tail.gate.release(2)
            assert take(batches, 1) == ["id-2"]
            out.write(second)
        tail.gate.release(2)
        assert take(batches, 1) == ["id-3"]


def test_what_cannot_be_followed_is_said(log: Path) -> None:
    log.write_text(json.dumps([event(n) for n in range(9)], indent=1) + "\n")
    since = Filter(window=Window.of("2026-11-23T16:00:00Z", None))
    with following_in([local(log.parent)], how(since)) as following:
        assert "events are not on lines of their own here" in next(following.batches()).trouble
