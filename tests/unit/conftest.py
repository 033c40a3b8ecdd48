"""Fixtures that several rooms' tests take."""

from __future__ import annotations

from pathlib import Path

import pytest
from eventkit import Asker


@pytest.fixture
def who(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Asker:
    """`who`, asked about a log that the test writes to `who.path`."""
    return Asker(tmp_path, capsys)
