"""Moments in local time and in UTC, and ages as kubectl writes them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from kaudit_setup.report.presentation import Presentation, presenting
from kaudit_setup.report.times import age, localized, shown, zone

MOMENT = "2026-11-23T16:17:36.781678Z"


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_times_are_local_and_utc_where_that_is_asked_for() -> None:
    assert (shown(MOMENT), zone()) == ("2026-11-23 17:17:36", "CET")
    with presenting(Presentation(utc=True)):
        assert (shown(MOMENT), zone()) == ("2026-11-23 16:17:36", "UTC")


@pytest.mark.usefixtures("berlin")
def test_a_moment_in_a_sentence_is_shown_like_one_in_a_table() -> None:
    said = f"alice did it on 2026-11-23 16:17:36 UTC, bob at {MOMENT}; covers {MOMENT} to {MOMENT}."
    here = "2026-11-23 17:17:36 CET"
    assert localized(said) == f"alice did it on {here}, bob at {here}; covers {here} to {here}."
    with presenting(Presentation(utc=True)):
        there = "2026-11-23 16:17:36 UTC"
        assert localized(said) == f"alice did it on {there}, bob at {there}; covers {there} to {there}."


@pytest.mark.parametrize(
    "name",
    [
        f"backup-{MOMENT}",
        f"{MOMENT}.log",
        f"/var/log/{MOMENT}",
        "2026-99-23T16:17:36Z",
        "2026-11-23T16:17:36Z-a4d55c",
        "2026-11-23T16:17:36+01:00",
    ],
)
@pytest.mark.usefixtures("berlin")
def test_a_name_that_holds_a_moment_stays_a_name(name: str) -> None:
    assert localized(f"see {name} there") == f"see {name} there"


@pytest.mark.parametrize("odd", ["", "yesterday", "9999-99-99T00:00:00Z"])
def test_what_is_no_time_stays_as_it_is(odd: str) -> None:
    assert (shown(odd), age(odd)) == (odd, "-")


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("2026-11-23T16:17:00Z", "36s"),
        ("2026-11-23T16:16:00Z", "96s"),
        ("2026-11-23T16:05:00Z", "12m"),
        ("2026-11-23T13:17:00Z", "3h"),
        ("2026-11-18T16:17:00Z", "5d"),
        ("2027-01-01T00:00:00Z", "0s"),
    ],
)
def test_ages_are_those_of_kubectl(then: str, said: str) -> None:
    assert age(then, datetime(2026, 11, 23, 16, 17, 36, tzinfo=UTC)) == said
