"""Which nodes, and how to reach them: the same for every command that goes to nodes or reads their logs."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kaudit_setup.cli import complete

if TYPE_CHECKING:
    from kaudit_setup.fleet.survey import Candidate
    from kaudit_setup.node.ssh.target import SshOptions

HostOption = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="[USER@]HOST[:PORT]",
        autocompletion=complete.hosts,
        help="Node to reach over SSH; repeatable. Default: this machine.",
    ),
]
SshConfigOption = Annotated[
    Path | None,
    typer.Option("--ssh-config", metavar="FILE", help="SSH configuration to use instead of ~/.ssh/config."),
]
AcceptNewOption = Annotated[
    bool,
    typer.Option("--accept-new-host-key", help="Accept and record unknown host keys; a changed key is refused."),
]
AskBecomeOption = Annotated[
    bool,
    typer.Option("--ask-become-pass", help="Ask for the sudo password (needed if sudo -n is refused)."),
]


class SshTransport(StrEnum):
    """What carries the scripts to a node."""

    paramiko = "paramiko"
    openssh = "openssh"


TransportOption = Annotated[
    SshTransport,
    typer.Option(
        "--transport", help="openssh runs the ssh program, with all that ssh_config says (second factors, FIDO, CAs)."
    ),
]


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Which nodes, and how to reach them: the options that every command which goes to nodes has."""

    host: HostOption = None
    inventory: Annotated[
        Path | None,
        typer.Option(
            "--inventory",
            "-i",
            metavar="PATH",
            help="Inventory of nodes: YAML of this tool, or a file or directory of Ansible.",
        ),
    ] = None
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            metavar="NAME",
            help="Group or cluster of the inventory; repeatable. Default: kube_control_plane, masters, ...",
        ),
    ] = None
    ssh_config: SshConfigOption = None
    accept_new_host_key: AcceptNewOption = False
    ask_become_pass: AskBecomeOption = False
    transport: TransportOption = SshTransport.paramiko

    @property
    def idle_s(self) -> float:
        """How long a search on a node may say nothing."""
        from kaudit_setup.node.port import IDLE_S

        return IDLE_S

    def words(self) -> list[tuple[str, str]]:
        """The same options as they are typed, so that a command which is proposed goes to the same nodes."""
        return [
            *(("--host", host) for host in self.host or ()),
            *([("-i", str(self.inventory))] if self.inventory else ()),
            *(("--group", group) for group in self.group or ()),
            *([("--ssh-config", str(self.ssh_config))] if self.ssh_config else ()),
            *([("--accept-new-host-key", "")] if self.accept_new_host_key else ()),
            *([("--ask-become-pass", "")] if self.ask_become_pass else ()),
            *([("--transport", self.transport.value)] if self.transport is not SshTransport.paramiko else ()),
        ]

    def ssh(self) -> SshOptions:
        """How to reach nodes over SSH; asks for the sudo password where that is wanted."""
        from kaudit_setup.cli.connect import ask_on_terminal, become_password, tell_on_terminal
        from kaudit_setup.node.ssh.target import SshOptions, Transport
        from kaudit_setup.report.progress import making_way

        return SshOptions(
            self.ssh_config,
            self.accept_new_host_key,
            become_password(self.ask_become_pass),
            ask_on_terminal if sys.stdin.isatty() and sys.stderr.isatty() else None,
            Transport(self.transport.value),
            self.idle_s,
            tell_on_terminal,
            making_way,
        )

    def connect(self, root: Path | None = None) -> AbstractContextManager[list[Candidate]]:
        """The nodes with what the inventory claims of them, closed at the end; without any named, this machine or
        the folder `root` of it. Nothing is sent before they are asked something. Raises InputError.
        """
        from kaudit_setup.cli.connect import nodes

        return nodes(self.host, inventory=self.inventory, groups=self.group, root=root, ssh=self.ssh())
