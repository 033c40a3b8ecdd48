"""The whole command line on a simulated node: fixtures for whoever writes a flow test.

def test_something(sandbox: Sandbox, cli: Cli) -> None:
    done = cli("enable", "--policy", "metadata", "--yes")
    assert done.code == 0, done
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fleetkit import Fleet, nodes
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


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Three nodes of one cluster, for all tests of a file."""
    with nodes(tmp_path_factory.mktemp("ssh"), "cp1 cp2 cp3") as found:
        yield found


@pytest.fixture
def fleet(three: Fleet, capsys: pytest.CaptureFixture[str]) -> Iterator[Fleet]:
    """The three nodes without auditing, well-behaved."""
    three.capture = capsys
    yield three
    three.restore()
