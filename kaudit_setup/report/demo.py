"""What `demo` says between the commands that it runs."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.demo import Ran
from kaudit_setup.report.documents.document import Item, Seconds

BEGINNING = """\
This node is SIMULATED: a folder with kubeadm's files, a scripted kubelet, and a stand-in for kube-apiserver that
audits by the policy it is given. Real are the tool, SSH (on 127.0.0.1), the scripts that it runs there, and TLS.
Nothing on this machine or in any cluster is changed; everything is removed at the end."""


class DemoCommand(Item, frozen=True, kw_only=True):
    """One command of the demo."""

    command: str
    exit_code: int
    seconds: Seconds
    output: str


class Demo(Item, frozen=True, kw_only=True):
    """The whole demo."""

    simulated: bool
    seconds: Seconds
    commands: tuple[DemoCommand, ...]


def as_item(ran: Sequence[Ran], seconds: float) -> Demo:
    """Every command with its exit status and output, for programs."""
    commands = (DemoCommand(command=r.command, exit_code=r.code, seconds=r.seconds, output=r.output) for r in ran)
    return Demo(simulated=True, seconds=round(seconds, 1), commands=tuple(commands))


def say_bold(text: str) -> None:
    """A paragraph of its own on standard output, bold where there are colours."""
    from rich.console import Console
    from rich.text import Text

    Console(highlight=False, soft_wrap=True).print(Text(f"\n{text}", style="bold"))
