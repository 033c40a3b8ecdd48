"""Bytes and lengths of time as people read them."""

from __future__ import annotations

import pytest

from kaudit_setup.report.quantities import hours, share, size


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (99.4 * 1024, "99.4 KiB"),
        (200 << 20, "200 MiB"),
        ((1 << 30) - 1, "1.0 GiB"),
        (5 << 40, "5.0 TiB"),
    ],
)
def test_sizes(given: float, said: str) -> None:
    assert size(given) == said


@pytest.mark.parametrize(
    ("given", "said"),
    [(0.008, "29 s"), (0.5, "30 min"), (3.51, "3.5 h"), (11, "11 h"), (71.9, "71.9 h"), (720, "30 days")],
)
def test_lengths_of_time(given: float, said: str) -> None:
    assert hours(given) == said


def test_shares() -> None:
    assert share(1, 8) == "12.5 %"
    assert share(0, 0) == "-"
