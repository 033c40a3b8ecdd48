"""`demo`: the main job on a simulated node, told as a user would type it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options.output import Output, OutputOption
from kaudit_setup.errors import Exit, KauditError

if TYPE_CHECKING:
    from kaudit_setup.sandbox import Sandbox

app = typer.Typer(rich_markup_mode=None)

_SAID_FIRST = """\
This node is SIMULATED: a folder with kubeadm's files, a scripted kubelet, and a stand-in for kube-apiserver that
audits by the policy it is given. Real are the tool, SSH (on 127.0.0.1), the scripts that it runs there, and TLS.
Nothing on this machine or in any cluster is changed; everything is removed at the end."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command: what it shows, what is typed, and how it should end."""

    why: str
    argv: tuple[str, ...]
    expected: Exit = Exit.OK
    on_node: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """One command that was run."""

    command: str
    code: int
    seconds: float
    output: str = field(default="")


def steps(host: str, pod: str = "my-suspicious-pod") -> tuple[Step, ...]:
    """The story: review, enable, proof, who created a pod, undo."""
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


@app.command(
    epilog="""\b
Examples:
  kaudit-setup demo
  kaudit-setup demo --stay      (keep the node to play with, until Ctrl-C)
  kaudit-setup demo -o json"""
)
def demo(
    output: OutputOption = Output.text,
    stay: Annotated[bool, typer.Option("--stay", help="Keep the simulated node afterwards, until Ctrl-C.")] = False,
) -> None:
    """Show review, enable, proof, who and rollback on a simulated node; no root, no cluster, under 30 s."""
    from kaudit_setup.sandbox import Sandbox

    quiet = output is Output.json
    began = time.monotonic()
    if not quiet:
        typer.echo(_SAID_FIRST)
    with Sandbox.start() as node:
        told = [_run(step, node, quiet=quiet) for step in steps(node.host)]
        seconds = time.monotonic() - began
        if quiet:
            commands = [
                {"command": t.command, "exit": t.code, "seconds": t.seconds, "output": t.output} for t in told
            ]
            typer.echo(json.dumps({"simulated": True, "seconds": round(seconds, 1), "commands": commands}, indent=2))
        else:
            _say(f"{seconds:.0f} s, on a simulated node. On yours: kaudit-setup enable --policy metadata --host …")
        if stay:
            _wait(node)


def _run(step: Step, node: Sandbox, *, quiet: bool) -> Told:
    """Run one command as typed; raises KauditError if it does not end as it should."""
    typed = shlex.join(["ssh", node.host, shlex.join(step.argv)] if step.on_node else step.argv)
    if not quiet:
        _say(f"# {step.why}\n$ {typed}")
    began = time.monotonic()
    code, said = _over_ssh(step.argv, node) if step.on_node else _tool(step.argv, node, quiet=quiet)
    if code != step.expected:
        raise KauditError(
            f"the demo's `{typed}` ended with exit status {code} instead of {int(step.expected)}",
            details=said,
            hint="this is a bug of the demo or of the tool; please report what is printed above",
        )
    if step.on_node and not quiet:
        typer.echo(said, nl=False)
    return Told(typed, code, round(time.monotonic() - began, 2), said)


def _tool(argv: Sequence[str], node: Sandbox, *, quiet: bool) -> tuple[int, str]:
    """Run the tool as its own process; what it prints goes straight to the terminal unless `quiet`."""
    sys.stdout.flush()
    ran = subprocess.run(
        [sys.executable, "-m", "kaudit_setup", *argv[1:], "--ssh-config", str(node.ssh_config)],
        stdout=subprocess.PIPE if quiet else None,
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


def _say(text: str) -> None:
    from rich.console import Console
    from rich.text import Text

    Console(highlight=False, soft_wrap=True).print(Text(f"\n{text}", style="bold"))


def _wait(node: Sandbox) -> None:
    """Until Ctrl-C; says how to reach the node."""
    reach = shlex.quote(str(node.ssh_config))
    # this is how it is meant to end
    with suppress(KeyboardInterrupt):
        typer.echo(f"\nThe node stays until Ctrl-C:\n  ssh -F {reach} {node.host}")
        typer.echo(f"  kaudit-setup status --host {node.host} --ssh-config {reach}")
        while True:
            time.sleep(3600)
