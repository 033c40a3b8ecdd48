"""Hostile strings cannot move a cursor, hide or reorder text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaudit_setup.report.escape import safe


def test_the_usual_tricks_are_spelled_out() -> None:
    assert safe("a\x1b[31mb") == r"a\x1b[31mb"
    assert safe("a\nb\r\x00") == r"a\x0ab\x0d\x00"
    assert safe("x\u202ey") == r"x\u202ey"


@pytest.mark.parametrize(
    "hidden",
    ["\u00a0", "\u00ad", "\u034f", "\u115f", "\u1160", "\u17b4", "\u180b", "\u180e", "\u2000", "\u200b"],
    ids=ascii,
)
def test_letters_and_spaces_that_show_nothing_are_shown(hidden: str) -> None:
    """`alice`, and `alice` with something invisible behind it, are two users."""
    assert safe(f"alice{hidden}") == f"alice{hidden.encode('ascii', 'backslashreplace').decode()}"


@pytest.mark.parametrize(
    "hidden",
    ["\u2060", "\u2800", "\u3000", "\u3164", "\ufe00", "\ufe0f", "\ufeff", "\uffa0", "\U0001d159", "\U000e0020"],
    ids=ascii,
)
def test_fillers_and_selectors_are_shown(hidden: str) -> None:
    assert safe(f"alice{hidden}") == f"alice{hidden.encode('ascii', 'backslashreplace').decode()}"


def test_an_honest_string_is_left_alone() -> None:
    assert safe("kubectl/v1.23.3 (linux/amd64)") == "kubectl/v1.23.3 (linux/amd64)"
    assert safe("Grüße, мир") == "Grüße, мир"


@given(st.text())
def test_nothing_hostile_survives(text: str) -> None:
    assert not any(
        unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or c in "\u3164\ufe0f\u2800" for c in safe(text)
    )
