"""Every time that a command shows to people is in one zone, that of its tables; programs get the log's own."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from documentkit import document
from logkit import SCENARIO

from kaudit_setup.cli import main

UTC_TIMES = re.compile(r"\b16:1\d:\d\d")  # all of that log, in UTC
HERE_TIMES = re.compile(r"\b17:1\d:\d\d")
QUESTIONS = (
    "who created pod/my-suspicious-pod",
    "who touched --user kubernetes-admin",
    "who touched pod/my-suspicious-pod -v",
    "who deleted pods -A",
    "who deleted pod/nobody",
    "who changed deploy/web -n shop --diff",
    "events --limit 3",
    "events --user nobody",
    "stats",
)


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("words", QUESTIONS)
def test_times_are_those_of_one_zone(words: str, capfd: pytest.CaptureFixture[str]) -> None:
    main([*words.split(), "--log", str(SCENARIO)])
    here = "".join(capfd.readouterr())
    assert HERE_TIMES.search(here)
    assert not UTC_TIMES.search(here)
    main([*words.split(), "--log", str(SCENARIO), "--utc"])
    there = "".join(capfd.readouterr())
    assert not HERE_TIMES.search(there)
    assert len(UTC_TIMES.findall(there)) == len(HERE_TIMES.findall(here))


@pytest.mark.parametrize(
    ("since", "more"),
    [("2026-11-23 17:17:36", ()), ("2026-11-23 16:17:36", ("--utc",)), ("2026-11-23T16:17:36Z", ())],
)
def test_a_time_without_a_zone_is_one_as_it_is_shown(
    since: str, more: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    until = since.replace(":36", ":37")
    argv = ["events", "--log", str(SCENARIO), "--since", since, "--until", until, *more, "-o", "json"]
    main(argv)
    found = document(capfd.readouterr().out)["items"]
    assert found
    assert {one["time"][:18] for one in found} == {"2026-11-23T16:17:3"}


def test_programs_get_the_times_of_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    main(["who", "created", "pod/my-suspicious-pod", "--log", str(SCENARIO), "-o", "json"])
    (item,) = document(capfd.readouterr().out)["items"]
    assert item["answer"]["time"].startswith("2026-11-23T16:17:36.")


def test_the_evidence_is_that_of_the_lines_that_are_shown(capfd: pytest.CaptureFixture[str]) -> None:
    main(["who", "touched", "--user", "kubernetes-admin", "--log", str(SCENARIO)])
    text = capfd.readouterr().out
    timeline, evidence = text.partition("Evidence")[::2]
    marks = re.findall(r"\[\d+\]", timeline)
    assert len(marks) == 5
    assert re.findall(r"^  (\[\d+\])", evidence, re.MULTILINE) == marks
