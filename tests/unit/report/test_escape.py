"""Hostile strings cannot move a cursor, hide or reorder text."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from kaudit_setup.report.escape import safe


def test_the_usual_tricks_are_spelled_out() -> None:
    assert safe("a\x1b[31mb") == r"a\x1b[31mb"
    assert safe("a\nb\r\x00") == r"a\x0ab\x0d\x00"
    assert safe("x\u202ey") == r"x\u202ey"


def test_an_honest_string_is_left_alone() -> None:
    assert safe("kubectl/v1.23.3 (linux/amd64)") == "kubectl/v1.23.3 (linux/amd64)"
    assert safe("Grüße, мир") == "Grüße, мир"


@given(st.text())
def test_nothing_hostile_survives(text: str) -> None:
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in safe(text))
