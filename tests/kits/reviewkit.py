"""Nodes that are folders, named as the user named them, for commands that review changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from folderkit import MANIFEST, SAMPLE

from kaudit_setup.cli import connect
from kaudit_setup.fleet.survey import Candidate
from kaudit_setup.node.local import LocalNode


class Named(LocalNode):
    def __init__(self, root: Path, name: str) -> None:
        super().__init__(root)
        self._label = name

    @property
    def name(self) -> str:
        return self._label


def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> list[Path]:
    """What `--host` and all the others give from now on: cp1, cp2, …, each with an address of its own."""
    roots = [tmp_path / f"cp{n}" for n in range(1, count + 1)]
    for n, root in enumerate(roots, 1):
        (root / MANIFEST).parent.mkdir(parents=True)
        (root / MANIFEST).write_text(SAMPLE.read_text().replace("192.0.2.10", f"192.0.2.1{n}"))

    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[list[Candidate]]:
        yield [Candidate(Named(root, root.name)) for root in roots]

    monkeypatch.setattr(connect, "nodes", opened)
    return roots
