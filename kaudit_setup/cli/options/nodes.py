"""Which nodes, how to reach them, and how to change them: the same for every command that goes to nodes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli import complete
from kaudit_setup.cli.options.output import Output, OutputOption, RowOutput, RowOutputOption
from kaudit_setup.cli.options.unused import UnusedTimeout, UnusedYes

if TYPE_CHECKING:
    from kaudit_setup.fleet.survey import Candidate
    from kaudit_setup.node.port import Node
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


class DiffForm(StrEnum):
    """How much a review shows of what changes in files."""

    full = "full"
    short = "short"
    none = "none"


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


RestartKubeletOption = Annotated[
    bool,
    typer.Option(
        "--restart-kubelet", help="Restart kubelet on the node if it delays the API server's start (its back-off)."
    ),
]


@dataclass(frozen=True, kw_only=True)
class Reach:
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


ProofTimeout = Annotated[
    int,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=1,
        help="Seconds to wait for proof, not counting the old server's shutdown.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class LookOptions(Reach):
    """Which nodes or which folder, where the manifest is, how long to wait."""

    root: Annotated[
        Path | None,
        typer.Option(
            "--root", metavar="DIR", help="Work on a directory with the files of a node; nothing is verified."
        ),
    ] = None
    manifest: Annotated[
        str,
        typer.Option(
            "--manifest",
            metavar="PATH",
            help="Manifest of kube-apiserver on the node. Default: where kubelet reads it.",
        ),
    ] = ""
    timeout: UnusedTimeout = 0

    def words(self) -> list[tuple[str, str]]:
        """As Reach.words."""
        return [
            *super().words(),
            *([("--root", str(self.root))] if self.root else ()),
            *([("--manifest", self.manifest)] if self.manifest else ()),
        ]

    @contextmanager
    def nodes(self) -> Iterator[list[Node]]:
        """The nodes, closed at the end."""
        with self.candidates() as found:
            yield [candidate.node for candidate in found]

    def candidates(self) -> AbstractContextManager[list[Candidate]]:
        """The nodes with what the inventory claims of them, closed at the end."""
        return self.connect(self.root)


@dataclass(frozen=True, kw_only=True)
class NodeOptions(LookOptions):
    """Which nodes, how to reach them, how to answer."""

    output: OutputOption = Output.text
    yes: UnusedYes = False


@dataclass(frozen=True, kw_only=True)
class ProofOptions(NodeOptions):
    """The same for a command that waits for an event."""

    timeout: ProofTimeout = 180


@dataclass(frozen=True, kw_only=True)
class RowNodeOptions(LookOptions):
    """The same for commands whose answer is rows."""

    output: RowOutputOption = RowOutput.text
    yes: UnusedYes = False


@dataclass(frozen=True, kw_only=True)
class ConfirmOptions(NodeOptions):
    """The same for commands that ask before they do something."""

    yes: Annotated[bool, typer.Option("-y", "--yes", help="Apply without asking.")] = False
    timeout: ProofTimeout = 180


@dataclass(frozen=True, kw_only=True)
class ChangeOptions(ConfirmOptions):
    """The same for commands that alter nodes."""

    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only show what would change; exit status 3 if anything would, 0 if not."),
    ] = False
    diff: Annotated[
        DiffForm, typer.Option("--diff", help="How much of the files to show: full, changed lines, or nothing.")
    ] = DiffForm.short
    force: Annotated[
        list[str] | None,
        typer.Option(
            "--force", metavar="NAME", help="Proceed despite this finding, e.g. disk-full, policy-lint; repeatable."
        ),
    ] = None
    forks: Annotated[
        int, typer.Option("--forks", min=1, help="Clusters changed at the same time; in each, one node at a time.")
    ] = 8
    canary: Annotated[
        bool, typer.Option("--canary", help="Stop after the first node and ask whether to continue.")
    ] = False
    all_or_nothing: Annotated[
        bool,
        typer.Option("--all-or-nothing", help="If a node fails, restore the nodes already changed, newest first."),
    ] = False
    restart_kubelet: RestartKubeletOption = False
    no_persist: Annotated[
        bool,
        typer.Option(
            "--no-persist",
            help="Do not update kubeadm-config (the next kubeadm upgrade will then remove the audit settings).",
        ),
    ] = False
    keep: Annotated[
        int, typer.Option("--keep", min=1, help="Number of backups to keep; the first one is always kept.")
    ] = 20
