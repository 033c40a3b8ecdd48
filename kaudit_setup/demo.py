"""The main job on a simulated node, step by step, each as a user would type it."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from kaudit_setup.errors import Exit, KauditError
from kaudit_setup.sandbox.box import Sandbox


@dataclass(frozen=True, slots=True)
class Step:
    """One command: what it shows, what is typed, and how it should end. `on_node`: it is typed on the node."""

    why: str
    argv: tuple[str, ...]
    expected: Exit = Exit.OK
    on_node: bool = False

    def typed(self, host: str) -> str:
        """The command as a user would type it on this machine."""
        return shlex.join(["ssh", host, shlex.join(self.argv)] if self.on_node else self.argv)


@dataclass(frozen=True, slots=True)
class Ran:
    """One command that was run: its exit status, how long it took, and what it printed (if that was asked for)."""

    command: str
    code: int
    seconds: float
    output: str


def steps(host: str, pod: str = "my-suspicious-pod") -> tuple[Step, ...]:
    """The tour: review, enable, proof, who created a pod, undo."""
    on = ("--host", host)
    enable = ("kaudit-setup", "enable", "--policy", "metadata", *on)
    return (
        Step("First the review: what would change, and nothing else.", (*enable, "--dry-run"), Exit.WOULD_CHANGE),
        Step("Do it: back up, patch, wait for the new server, prove that it writes; or undo.", (*enable, "--yes")),
        Step("Again: nothing to do, nothing is restarted.", (*enable, "--yes")),
        Step("Is it really on?", ("kaudit-setup", "status", *on)),
        Step(
            "Somebody with the administrator's key makes a Pod in another user's name.",
            ("kubectl", "--as=foobar", "run", pod, "--image=nginx"),
            on_node=True,
        ),
        Step("Who was it?", ("kaudit-setup", "who", "created", f"pod/{pod}", *on)),
        Step("And back, byte for byte, proved in the same way.", ("kaudit-setup", "rollback", *on, "--yes")),
        Step("Is it really off? (Exit status 1 says so to scripts.)", ("kaudit-setup", "status", *on), Exit.FAILED),
    )


def run(step: Step, node: Sandbox, *, capture: bool) -> Ran:
    """Run one command. Without `capture` what the tool prints goes straight to the terminal.

    Raises KauditError if it does not end as it should.
    """
    began = time.monotonic()
    code, output = _over_ssh(step.argv, node) if step.on_node else _tool(step.argv, node, capture=capture)
    typed = step.typed(node.host)
    if code != step.expected:
        raise KauditError(
            f"the demo's `{typed}` ended with exit status {code} instead of {int(step.expected)}",
            details=output,
            hint="this is a bug of the demo or of the tool; please report what is printed above",
        )
    return Ran(typed, code, round(time.monotonic() - began, 2), output)


def _tool(argv: Sequence[str], node: Sandbox, *, capture: bool) -> tuple[int, str]:
    """The tool as its own process."""
    sys.stdout.flush()
    ran = subprocess.run(
        [sys.executable, "-m", "kaudit_setup", *argv[1:], "--ssh-config", str(node.ssh_config)],
        stdout=subprocess.PIPE if capture else None,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout or ""


def _over_ssh(argv: Sequence[str], node: Sandbox) -> tuple[int, str]:
    from kaudit_setup.node.ssh.paramiko_node import SshNode
    from kaudit_setup.node.ssh.target import SshOptions, SshTarget

    with closing(SshNode(SshTarget.parse(node.host), SshOptions(config_file=node.ssh_config))) as there:
        ran = there.sh('"$@"', argv, timeout=30)
    return ran.code, (ran.out + ran.err).decode("utf-8", "replace")
