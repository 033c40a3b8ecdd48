"""What `demo` says between the commands that it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kaudit_setup.demo import Ran

BEGINNING = """\
This node is SIMULATED: a folder with kubeadm's files, a scripted kubelet, and a stand-in for kube-apiserver that
audits by the policy it is given. Real are the tool, SSH (on 127.0.0.1), the scripts that it runs there, and TLS.
Nothing on this machine or in any cluster is changed; everything is removed at the end."""


def as_data(ran: Sequence[Ran], seconds: float) -> dict[str, Any]:
    """Every command with its exit status and output, for programs."""
    commands = [
        {"command": one.command, "exit": one.code, "seconds": one.seconds, "output": one.output} for one in ran
    ]
    return {"simulated": True, "seconds": round(seconds, 1), "commands": commands}


def say_bold(text: str) -> None:
    """A paragraph of its own on standard output, bold where there are colours."""
    from rich.console import Console
    from rich.text import Text

    Console(highlight=False, soft_wrap=True).print(Text(f"\n{text}", style="bold"))
