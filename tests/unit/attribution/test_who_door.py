"""These tests take `attribution` from `tests/kits/attributionkit.py`, so that moving its insides breaks none."""

from __future__ import annotations

import re
from pathlib import Path


def test_nothing_behind_the_door_is_imported() -> None:
    behind = re.compile(r"^\s*(?:from|import) kaudit_setup\.attribution\.", re.MULTILINE)
    tests = sorted(Path(__file__).parent.glob("test_*.py"))
    assert tests
    assert [test.name for test in tests if behind.search(test.read_text(encoding="utf-8"))] == []
