"""What rotation keeps: worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaudit_setup.rotation import MEGABYTE, Kept, Rotation, container_log_rotation, kept

HOUR = 3600


@pytest.mark.parametrize(
    ("rotation", "rate", "used", "free", "expected"),
    [
        # 11 files of 100 MB at 100 MB an hour
        (Rotation(30, 10, 100), 100 * MEGABYTE / HOUR, 0, None, Kept(1100 * MEGABYTE, 11.0, "size", None)),
        # a slow log: thirty days come first; they hold 720 MB, and the current file its 100
        (Rotation(30, 10, 100), MEGABYTE / HOUR, 0, None, Kept(820 * MEGABYTE, 720.0, "age", None)),
        # no bound on files
        (Rotation(30, 0, 100), 100 * MEGABYTE / HOUR, 0, None, Kept(72100 * MEGABYTE, 720.0, "age", None)),
        # no bound at all, and no rotation at all
        (Rotation(0, 0, 100), MEGABYTE / HOUR, 0, 5 * MEGABYTE, Kept(None, None, "nothing", False, 5.0)),
        (Rotation(30, 10, 0), MEGABYTE / HOUR, 0, 5 * MEGABYTE, Kept(None, None, "nothing", False, 5.0)),
        # compressed: the ten old files take a tenth
        (Rotation(0, 10, 100, True), 100 * MEGABYTE / HOUR, 0, None, Kept(200 * MEGABYTE, 11.0, "size", None)),
        # what is used already does not need to fit again
        (
            Rotation(0, 10, 100),
            MEGABYTE,
            1000 * MEGABYTE,
            100 * MEGABYTE,
            Kept(1100 * MEGABYTE, 1100 / 3600, "size", True),
        ),
        (
            Rotation(0, 10, 100),
            MEGABYTE,
            999 * MEGABYTE,
            100 * MEGABYTE,
            Kept(1100 * MEGABYTE, 1100 / 3600, "size", False, 100 / 3600),
        ),
        # a log that stands still
        (Rotation(30, 10, 100), 0, 0, 2000 * MEGABYTE, Kept(1100 * MEGABYTE, None, "size", True)),
        (Rotation(0, 0, 0), 0, 0, 1, Kept(None, None, "nothing", True)),
    ],
)
def test_kept(rotation: Rotation, rate: float, used: int, free: int | None, expected: Kept) -> None:
    found = kept(rotation, rate, used=used, free=free)
    assert (found.bytes, found.bound, found.fits) == (expected.bytes, expected.bound, expected.fits)
    assert found.hours == pytest.approx(expected.hours)
    assert found.full_in_hours == pytest.approx(expected.full_in_hours)


@settings(max_examples=60, deadline=None)
@given(
    st.builds(Rotation, st.integers(0, 400), st.integers(0, 100), st.integers(0, 500), st.booleans()),
    st.floats(0, 1e9),
    st.floats(0, 1e9),
)
def test_a_faster_log_keeps_less_time(rotation: Rotation, one: float, two: float) -> None:
    slow, fast = kept(rotation, min(one, two)), kept(rotation, max(one, two))
    if slow.hours is not None and fast.hours is not None:
        assert slow.hours >= fast.hours
    if slow.bytes is not None and min(one, two) > 0:
        assert fast.bytes is not None


@pytest.mark.parametrize(
    ("size", "files", "most"),
    [
        ("", "", 50),
        ("10Mi", "5", 50),
        ("100Mi", "3", 300),
        ("1Gi", "2", 2048),
        ("50M", "10", 480),
        ("odd", "odd", 50),
    ],
)
def test_what_kubelet_keeps_of_standard_output(size: str, files: str, most: int) -> None:
    assert container_log_rotation(size, files).most == most << 20
