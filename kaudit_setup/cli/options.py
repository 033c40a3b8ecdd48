"""The options that every family of commands spells the same way."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Output(StrEnum):
    """How an answer is printed."""

    text = "text"
    json = "json"


OutputOption = Annotated[
    Output, typer.Option("-o", "--output", help="text for people, json for programs.", show_default=True)
]
HostOption = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="[USER@]HOST[:PORT]",
        help="Node to work on, over SSH; repeatable. Default: this machine.",
    ),
]
SshConfigOption = Annotated[
    Path | None, typer.Option("--ssh-config", metavar="FILE", help="Instead of ~/.ssh/config.")
]
AcceptNewOption = Annotated[
    bool,
    typer.Option("--accept-new-host-key", help="Record unknown host keys; a changed key is still refused."),
]
AskBecomeOption = Annotated[
    bool,
    typer.Option("--ask-become-pass", help="Ask for the sudo password (needed where sudo -n is refused)."),
]
KubeVersionOption = Annotated[
    str | None,
    typer.Option("--kube-version", metavar="1.N", help="As this Kubernetes version does it (1.20-1.36)."),
]
