"""Options that many commands share, each written once: a command takes them as one frozen value."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from kaudit_setup.cli.connect import Reach
from kaudit_setup.cli.options import Output, OutputOption

if TYPE_CHECKING:
    from kaudit_setup.fleet.survey import Candidate
    from kaudit_setup.node.port import Node


@dataclass(frozen=True, kw_only=True)
class NodeOptions(Reach):
    """Which nodes, how to reach them, how to answer."""

    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="DIR", help="Work on a folder that holds a node's files; nothing is proved."),
    ] = None
    manifest: Annotated[
        str,
        typer.Option("--manifest", metavar="PATH", help="Manifest on the node. Default: where kubelet reads it."),
    ] = ""
    timeout: Annotated[
        int,
        typer.Option(
            "--timeout", metavar="SECONDS", min=1, help="Time for the proof, beside the old server's drain."
        ),
    ] = 180
    output: OutputOption = Output.text

    @contextmanager
    def nodes(self) -> Iterator[list[Node]]:
        """The nodes, closed at the end."""
        with self.candidates() as found:
            yield [candidate.node for candidate in found]

    def candidates(self) -> AbstractContextManager[list[Candidate]]:
        """The nodes with what the inventory claims of them, closed at the end."""
        return self.reached(self.root)


@dataclass(frozen=True, kw_only=True)
class ChangeOptions(NodeOptions):
    """The same for commands that alter nodes."""

    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change and exit 3 if anything would, 0 if not.")
    ] = False
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False
    force: Annotated[
        list[str] | None,
        typer.Option("--force", metavar="NAME", help="Go on in spite of this finding; repeatable."),
    ] = None
    forks: Annotated[
        int, typer.Option("--forks", min=1, help="Clusters changed at the same time; in a cluster it is one node.")
    ] = 8
    canary: Annotated[bool, typer.Option("--canary", help="Stop after the first node and wait for a yes.")] = False
    all_or_nothing: Annotated[
        bool, typer.Option("--all-or-nothing", help="If a node fails, take back those already done, newest first.")
    ] = False
    no_persist: Annotated[
        bool,
        typer.Option(
            "--no-persist", help="Leave ConfigMap kube-system/kubeadm-config alone (kubeadm upgrade drops it)."
        ),
    ] = False
    keep: Annotated[int, typer.Option("--keep", min=1, help="Backups to keep; the first one always stays.")] = 20


def takes(**groups: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: each named keyword of the command, a frozen dataclass, becomes its fields as options.

    `@takes(how=NodeOptions) def status(*, how: NodeOptions)` has `--host`, `--timeout`, … like every other command.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name not in groups]
        shared = {name: _parameters(group) for name, group in groups.items()}
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + [
            p for group in shared.values() for p in group
        ]

        @wraps(command)
        def run(**values: Any) -> None:
            made = {
                name: group(**{p.name: values.pop(p.name) for p in shared[name]}) for name, group in groups.items()
            }
            command(**values, **made)

        # typer reads the signature and the annotations, not the wrapped function
        del run.__dict__["__wrapped__"]
        run.__dict__["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


def _parameters(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            f.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if f.default is MISSING else f.default,
            annotation=hints[f.name],
        )
        for f in fields(group)
    ]
