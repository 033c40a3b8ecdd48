"""What a host says before the login is shown, and cannot move the cursor; over both transports."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from flowkit import Cli

from kaudit_setup.sandbox import Faults, Sandbox

BANNER = "Authorised use only.\r\n\x1b[2J\x1b]0;pwned\x07Everything is logged.\r\n"


@pytest.mark.parametrize("transport", ["paramiko", "openssh"])
def test_a_banner_is_shown_escaped_on_standard_error(tmp_path: Path, transport: str) -> None:
    if transport == "openssh" and shutil.which("ssh") is None:
        pytest.skip("there is no ssh program")
    with Sandbox.start(faults=Faults(banner=BANNER)) as box:
        done = Cli(box, tmp_path)("status", "-o", "json", "--transport", transport)
    assert "Authorised use only." in done.err
    assert "Everything is logged." in done.err
    assert "\x1b" not in done.err
    assert done.err.count("Authorised use only.") == 1
    assert json.loads(done.out)["kind"] == "NodeStatus"
