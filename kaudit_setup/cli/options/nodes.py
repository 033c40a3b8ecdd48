"""Where things are on nodes, and how to change them: the same for every command that goes to nodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options.output import Output, OutputOption, RowOutput, RowOutputOption
from kaudit_setup.cli.options.reach import Reach
from kaudit_setup.cli.options.unused import UnusedTimeout, UnusedYes

if TYPE_CHECKING:
    from kaudit_setup.fleet.survey import Candidate
    from kaudit_setup.node.port import Node


class DiffForm(StrEnum):
    """How much a review shows of what changes in files."""

    full = "full"
    short = "short"
    none = "none"


RestartKubeletOption = Annotated[
    bool,
    typer.Option(
        "--restart-kubelet", help="Restart kubelet on the node if it delays the API server's start (its back-off)."
    ),
]


ProofTimeout = Annotated[
    int,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=1,
        help="Seconds to wait for proof, not counting the old server's shutdown.",
    ),
]


class LookOptions(Reach, frozen=True, kw_only=True):
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


class NodeOptions(LookOptions, frozen=True, kw_only=True):
    """Which nodes, how to reach them, how to answer."""

    output: OutputOption = Output.text
    yes: UnusedYes = False


class ProofOptions(NodeOptions, frozen=True, kw_only=True):
    """The same for a command that waits for an event."""

    timeout: ProofTimeout = 180


class RowNodeOptions(LookOptions, frozen=True, kw_only=True):
    """The same for commands whose answer is rows."""

    output: RowOutputOption = RowOutput.text
    yes: UnusedYes = False


class ConfirmOptions(NodeOptions, frozen=True, kw_only=True):
    """The same for commands that ask before they do something."""

    yes: Annotated[bool, typer.Option("-y", "--yes", help="Apply without asking.")] = False


class ConfirmAndProveOptions(ConfirmOptions, frozen=True, kw_only=True):
    """The same for commands that then wait for an event."""

    timeout: ProofTimeout = 180


class ChangeOptions(ConfirmAndProveOptions, frozen=True, kw_only=True):
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
