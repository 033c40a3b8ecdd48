"""A second factor, a one-time code behind the key, against a real OpenSSH sshd and PAM: over both transports."""

from __future__ import annotations

import os
import pty
import re
import secrets
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from logkit import event, write
from sshkit import OpenSsh, find_sshd

PAM = Path("/etc/pam.d")
EXEC, ECHO = (f"pam_{name}.so" for name in ("exec", "echo"))
MODULES = [
    Path(folder)
    for folder in ("/lib/x86_64-linux-gnu/security", "/lib/aarch64-linux-gnu/security", "/lib64/security")
]
# what PAM says before it asks; a host may be anybody's
SAYS = "code \x1b[2J\x1b]0;owned\x07 please\n"
CODE = "493817"
LOG = "/srv/kaudit/audit.log"
# takes each code once, and counts how often it was asked
CHECK = """#!/bin/sh
echo asked >>"$(dirname "$0")/asked"
[ "$(tr -d '\\000')" = "$(cat "$(dirname "$0")/code")" ] && rm "$(dirname "$0")/code"
"""


def missing() -> str:
    if os.geteuid() != 0:
        return "only root can give an sshd a PAM service"
    if find_sshd() is None or shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        return "no OpenSSH here (install openssh-server and openssh-client)"
    if not PAM.is_dir() or not any((folder / EXEC).exists() for folder in MODULES):
        return "no PAM with pam_exec here"
    return ""


pytestmark = pytest.mark.skipif(bool(missing()), reason=f"left out is a second factor: {missing()}")


@dataclass(frozen=True, slots=True)
class Asking:
    """An sshd that wants a code after the key."""

    server: OpenSsh
    folder: Path

    def expect(self, code: str) -> None:
        """This code, once."""
        (self.folder / "code").write_text(code)
        (self.folder / "asked").write_text("")

    @property
    def asked(self) -> int:
        return len((self.folder / "asked").read_text().splitlines())


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """A running sshd takes the PAM service of its own name (auth-pam.c: SSHD_PAM_SERVICE), so that none of the
    machine's is used.
    """
    folder = tmp_path_factory.mktemp("second-factor")
    name = f"kaudit-test-{secrets.token_hex(4)}"
    service, sshd = PAM / name, folder / name
    check, says = folder / "check", folder / "says"
    check.write_text(CHECK)
    check.chmod(0o700)
    says.write_text(SAYS)
    sshd.symlink_to(find_sshd() or "")
    root = folder / "root"
    write(root / LOG.lstrip("/"), *map(event, range(50)))
    server = OpenSsh(
        folder,
        root,
        first="UsePAM yes\nKbdInteractiveAuthentication yes\nPermitRootLogin yes\n"
        "AuthenticationMethods publickey,keyboard-interactive\n",
    )
    service.write_text(
        f"auth optional {ECHO} file={says}\nauth required {EXEC} quiet expose_authtok {check}\n"
        # for the part of it that is not asking (pam_setcred), which needs one that says yes
        "auth required pam_permit.so\n"
        "account required pam_permit.so\nsession required pam_permit.so\n"
    )
    try:
        server.start(str(sshd))
        yield Asking(server, folder)
    finally:
        server.stop()
        service.unlink()


def on_terminal(argv: list[str], home: Path, answer: str) -> tuple[int, str]:
    """Run it on a terminal of its own, answer each prompt; its exit status and all that the terminal showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm", "NO_COLOR": "1"}
        os.execve(argv[0], argv, environment)
    shown, asked, deadline = b"", 0, time.monotonic() + 60
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1)
        if not ready:
            continue
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            # the other end is closed: it has ended
            break
        if not chunk:
            break
        shown += chunk
        prompts = len(re.findall(rb"[Pp]assword: (?=\Z|\r)", shown))
        if prompts > asked:
            asked = prompts
            os.write(terminal, answer.encode() + b"\n")
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), shown.decode("utf-8", "replace")


def run(asking: Asking, transport: str, home: Path, answer: str, *words: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "kaudit_setup", *words, "--host", "real", "--ssh-config", str(asking.server.config)]
    return on_terminal([*argv, "--transport", transport], home, answer)


@pytest.mark.parametrize("transport", ["paramiko", "openssh"])
def test_the_code_is_asked_for_once_and_not_echoed(asking: Asking, tmp_path: Path, transport: str) -> None:
    asking.expect(CODE)
    # several commands on the node, each of which is shown; none looks at its processes, as other API servers may run
    # on this machine
    code, shown = run(asking, transport, tmp_path, CODE, "stats", "--log", LOG, "-vv")
    assert "50 events" in shown, shown
    assert code == 0, shown
    assert len(re.findall(r"real:\s+\S+ s  command ", shown)) > 1, shown
    assert asking.asked == 1
    assert CODE not in shown
    assert "Password: \r\n" in shown, "nothing else is drawn while somebody types"
    assert "\x1b[2J" not in shown
    assert "\x1b]0;" not in shown
    assert "owned" in shown


@pytest.mark.parametrize("transport", ["paramiko", "openssh"])
def test_a_wrong_code_is_said_as_what_it_is(asking: Asking, tmp_path: Path, transport: str) -> None:
    asking.expect(CODE)
    code, shown = run(asking, transport, tmp_path, "000000", "status")
    assert code != 0, shown
    assert "Traceback" not in shown
    assert "refused" in shown, shown


@pytest.mark.parametrize("transport", ["paramiko", "openssh"])
def test_where_nobody_can_be_asked_it_ends_with_a_word(asking: Asking, tmp_path: Path, transport: str) -> None:
    asking.expect(CODE)
    argv = [sys.executable, "-m", "kaudit_setup", "status", "--host", "real", "--transport", transport]
    done = subprocess.run(
        [*argv, "--ssh-config", str(asking.server.config)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )
    assert done.returncode != 0
    assert "real" in done.stderr
    assert "Traceback" not in done.stderr
    assert asking.asked == 0
