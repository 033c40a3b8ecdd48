"""Several clusters are changed side by side: every thread is interrupted between almost any two of its steps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fleetkit import hosts, nodes

_HASTY = "import sys; sys.setswitchinterval(1e-6); from kaudit_setup.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.slow
def test_enable_on_several_hosts_under_a_tiny_switch_interval(tmp_path: Path) -> None:
    """A process of its own: the first use of each library is in it. A death by a signal is a negative status."""
    names = "cp1 cp2 cp3"
    with nodes(tmp_path, names, of=names) as fleet:
        argv = [*hosts(names), "--ssh-config", str(fleet.config)]
        for command in (["enable", "--policy", "metadata", "--yes"], ["status"]):
            ran = subprocess.run(
                [sys.executable, "-c", _HASTY, *command, *argv],
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert ran.returncode == 0, f"{ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        assert fleet.audited == names.split()
