"""What tests of several commands share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from logkit import event, write

from kaudit_setup.cli import connect
from kaudit_setup.fleet.survey import Candidate
from kaudit_setup.node.local import LocalNode


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[LocalNode]:
    made = []
    for n, name in enumerate(("cp1", "cp2")):
        folder = tmp_path / name / "var/log/kubernetes/audit"
        write(
            folder / "audit-2026-11-23T16-30-00.000.log",
            *[event(i * 2 + n, auditID=f"{name}-{i}") for i in range(50)],
        )
        write(folder / "audit.log", *[event(i * 2 + n, auditID=f"{name}-{i}") for i in range(50, 90)])
        made.append(LocalNode(tmp_path / name))

    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[list[Candidate]]:
        yield [Candidate(node) for node in made]

    monkeypatch.setattr(connect, "nodes", opened)
    return made
