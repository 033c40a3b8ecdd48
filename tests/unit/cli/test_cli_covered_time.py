"""The time that logs cover, which rates are made of: gaps, windows, pauses, several nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
from logkit import answer, event, moment, write

from kaudit_setup.cli import main


def test_rates_of_a_window_are_those_of_its_own_time(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A busy minute at the end of a quiet hour; half of it is asked about, and then more than there is."""
    quiet, busy = range(0, 3600, 300), range(3601, 3661)
    log = write(tmp_path / "audit.log", *[event(n) for n in (*quiet, *busy)])
    half = ["--log", log, "--since", moment(3631), "--until", moment(3660), "-o", "json"]
    top = answer(capfd, "top", "--by", "level", *half)
    assert (top["total"]["events"], top["rows"][0]["eventsPerSecond"]) == (30, round(30 / 29, 4))
    replay = answer(capfd, "estimate", "metadata", "--log-maxage", "0", *half)
    assert replay["seconds"] == 29
    rate = replay["logged"]["bytes"] / 29
    assert replay["logged"]["keptSeconds"] == pytest.approx(11 * 100 * (1 << 20) / rate, rel=0.001)
    wide = ["--since", "2026-11-23T00:00:00Z", "--until", "2026-11-24T00:00:00Z"]
    assert answer(capfd, "top", "--by", "level", "--log", log, *wide, "-o", "json") == answer(
        capfd, "top", "--by", "level", "--log", log, "-o", "json"
    )


def test_a_short_log_covers_seconds(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "audit.log", event(0), event(29))
    assert main(["top", "--by", "verb", "--log", str(path)]) == 0
    assert " in 29 s, " in capfd.readouterr().out


DAY = 24 * 3600


def twice(path: Path, later: int) -> Path:
    """A log of 29 minutes, an event a second, and the same again so many seconds later."""
    write(path.with_name("audit-2026-11-23T18-00-00.000.log"), *[event(n) for n in range(1741)])
    return write(path, *[event(0, **{k: in_days(n + later) for k in STAMPS}) for n in range(1741)])


STAMPS = ("requestReceivedTimestamp", "stageTimestamp")


def in_days(n: int) -> str:
    return f"2026-11-{23 + (16 * 3600 + n) // DAY}T{moment(n)[11:]}"


def test_time_in_gaps_is_not_covered(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    twice(tmp_path / "audit.log", 2 * DAY)
    log = ["--log", tmp_path]
    minutes, missing = 58 * 60, 48 * 3600 - 29 * 60
    (node,) = answer(capfd, "stats", *log, "-o", "json")
    assert (node["seconds"], node["gapSeconds"], round(node["eventsPerSecond"] * 3600)) == (minutes, missing, 3602)
    text = answer(capfd, "stats", *log)
    assert "(48.5 h, of which 47.5 h are gaps)" in text
    assert ", 3602 events and " in text
    total = answer(capfd, "top", "--by", "verb", *log, "-o", "json")
    assert (total["total"]["seconds"], total["total"]["gapSeconds"]) == (minutes, missing)
    assert round(total["rows"][0]["eventsPerSecond"] * 3600) == 3602
    text = answer(capfd, "top", "--by", "verb", *log)
    assert " in 58 min, " in text
    assert "gaps of 47.5 h in total are not counted" in text
    rare = ["estimate", "metadata", "--log-maxage", "0", *log]
    replay = answer(capfd, *rare, "-o", "json")
    assert (replay["seconds"], replay["gapSeconds"]) == (minutes, missing)
    size = replay["logged"]["bytes"]
    assert replay["logged"]["keptSeconds"] == pytest.approx(1100 * (1 << 20) / size * 58 * 60, rel=0.001)
    assert any("gaps of 47.5 h in total are not counted" in note for note in replay["notes"])
    text = answer(capfd, *rare)
    assert "from 58 min of log;" in text
    assert "note: gaps of 47.5 h in total are not counted" in text


def test_a_window_is_asked_about_without_the_gaps_in_it(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    twice(tmp_path / "audit.log", DAY)
    asked = ["--log", tmp_path, "--since", "2026-11-23T16:19:00Z", "--until", "2026-11-24T16:10:00Z", "-o", "json"]
    for command in (["top", "--by", "verb"], ["estimate", "metadata"]):
        got = answer(capfd, *command, *asked)
        total = got.get("total", got)
        assert (total["seconds"], total["gapSeconds"]) == (20 * 60, 24 * 3600 - 29 * 60)
    nothing = ["--since", "2026-11-23T18:00:00Z", "--until", "2026-11-24T02:00:00Z", "-o", "json"]
    got = answer(capfd, "top", "--by", "verb", "--log", tmp_path, *nothing)
    assert (got["total"]["seconds"], got["total"]["events"]) == (0, 0)


def test_the_time_of_nodes_is_one_for_rates_and_adds_up_for_what_is_kept(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for node in ("cp1", "cp2"):
        write(tmp_path / node / "audit.log", *[event(n) for n in range(1741)])
    half = 29 * 60
    assert answer(capfd, "top", "--by", "verb", "--log", tmp_path, "-o", "json")["total"]["seconds"] == half
    assert answer(capfd, "estimate", "quiet", "--log", tmp_path, "-o", "json")["seconds"] == 58 * 60
    assert "from 58 min of log on 2 nodes together;" in answer(capfd, "estimate", "quiet", "--log", tmp_path)
    assert "from 29 min of log;" in answer(capfd, "estimate", "quiet", "--log", tmp_path / "cp1")


def test_what_one_node_lacks_another_covers(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    twice(tmp_path / "cp1/audit.log", 2 * 3600)
    write(tmp_path / "cp2/audit.log", *[event(n) for n in range(0, 7201, 60)])
    got = answer(capfd, "top", "--by", "verb", "--log", tmp_path, "-o", "json")["total"]
    assert (got["seconds"], got["gapSeconds"]) == (2 * 3600 + 29 * 60, 0)
    assert "gaps" not in answer(capfd, "top", "--by", "verb", "--log", tmp_path)


def test_pauses_of_a_log_that_says_little_are_part_of_it(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bursts = [event(at + n) for at in (0, 4_000, 9_000, 12_000, 20_000) for n in range(3)]
    log = write(tmp_path / "audit.log", *bursts)
    seconds = 20_002
    for command in (["top", "--by", "verb"], ["estimate", "metadata"]):
        shown = answer(capfd, *command, "--log", log, "-o", "json")
        assert shown.get("total", shown)["seconds"] == pytest.approx(seconds, rel=0.01)
    days_later = dict.fromkeys(("requestReceivedTimestamp", "stageTimestamp"), "2026-11-28T07:00:00.000000Z")
    write(tmp_path / "audit.log", *bursts, event(**days_later))
    (node,) = answer(capfd, "stats", "--log", log, "-o", "json")
    assert (node["seconds"], node["gapSeconds"]) == (
        pytest.approx(seconds, rel=0.01),
        pytest.approx(105.4 * 3600, rel=0.01),
    )
