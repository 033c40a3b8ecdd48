"""The simulated server's log keeps its rights as kube-apiserver's does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kaudit_setup.sandbox.audit import LogFile


@pytest.mark.parametrize(("mode", "compress"), [(0o640, False), (0o640, True), (None, True)])
def test_a_log_gives_its_rights_on_to_those_that_follow(tmp_path: Path, mode: int | None, compress: bool) -> None:
    """lumberjack.go: openNew, compressLogFile; a log that is not there is made for its owner alone."""
    log = tmp_path / "audit.log"
    if mode is not None:
        log.touch()
        log.chmod(mode)
    options: Any = SimpleNamespace(max_size=10, max_backup=0, compress=compress)
    file = LogFile(log, options, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    file.ensure()
    file.write(b"12345678\n")
    file.write(b"12345678\n")
    found = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert found == dict.fromkeys(
        ["audit.log", "audit-2026-01-01T00-00-00.000.log" + ".gz" * compress], mode or 0o600
    )
