"""The whole command line on a simulated node: fixtures for whoever writes a flow test.

def test_something(sandbox: Sandbox, cli: Cli) -> None:
    done = cli("enable", "--policy", "metadata", "--yes")
    assert done.code == 0, done
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flowkit import Before, Cli

from kaudit_setup.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A fresh node for each test; its short grace period keeps failing changes short."""
    with Sandbox.start(grace=1) as running:
        yield running


@pytest.fixture
def before(sandbox: Sandbox) -> Before:
    """The node as it is now."""
    return Before.of(sandbox)


@pytest.fixture
def cli(sandbox: Sandbox, tmp_path: Path) -> Cli:
    """The tool, against this test's node."""
    home = tmp_path / "home"
    home.mkdir()
    return Cli(sandbox, home)
