"""`recover`: clear what a broken run left on a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.confirm import confirm
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import ConfirmAndProveOptions, NodeOptions, RestartKubeletOption
from kaudit_setup.cli.options.output import Output
from kaudit_setup.errors import BrokenError, ChangeError, InputError
from kaudit_setup.report.escape import safe
from kaudit_setup.report.progress import waiting

if TYPE_CHECKING:
    from kaudit_setup.change.leftovers.recover import LeftOvers
    from kaudit_setup.change.run.terms import Terms
    from kaudit_setup.node.port import Node
    from kaudit_setup.report.nodes.recovery import Recovery

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup recover --host root@cp1
  kaudit-setup recover --yes
  kaudit-setup recover --force pending   # also undo an unconfirmed change"""
)
@takes(how=ConfirmAndProveOptions)
def recover(
    *,
    force: Annotated[
        list[str] | None,
        typer.Option("--force", metavar="NAME", help="`pending`: undo a change that waits to be confirmed, too."),
    ] = None,
    restart_kubelet: RestartKubeletOption = False,
    how: ConfirmAndProveOptions,
) -> None:
    """Clear what a broken run left on a node: unconfirmed changes, locks, half-made files."""
    from kaudit_setup.change.run.terms import Terms
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.nodes.recovery import Recovery

    if how.root is not None:
        raise InputError("recover needs a running node; --root is a folder")
    with how.nodes() as opened:
        terms = Terms(timeout=how.timeout, restart_kubelet=restart_kubelet)
        done = [_recover(node, how, terms, pending="pending" in (force or ())) for node in opened]
    if how.output is not Output.text:
        show(how.output, lambda: document(Recovery, done), lambda: "")


def _recover(node: Node, how: ConfirmAndProveOptions, terms: Terms, *, pending: bool) -> Recovery:
    from kaudit_setup.change.leftovers.recover import look
    from kaudit_setup.node.observe import observe
    from kaudit_setup.report.nodes.recovery import as_item, as_text

    with waiting(node.name) as progress:
        progress("looking")
        observed = observe(node, manifest=how.manifest)
        found = look(node, observed)
    if not found.something and not (found.waiting and pending):
        _check_nothing_waits(node.name, found)
        _say(how, f"{safe(node.name)}: nothing is left of any run")
        return as_item(node.name, found, cleared=False)
    _say(how, as_text(node.name, found))
    confirm("", yes=how.yes, question="Clear this?")
    return _clear(node, how, terms, pending=pending)


def _check_nothing_waits(host: str, found: LeftOvers) -> None:
    if found.waiting:
        raise ChangeError(
            f"{host}: {found.waiting[0].sentence}; nothing was done",
            hint="wait for it, or undo it now with --force pending",
        )


def _say(how: NodeOptions, text: str) -> None:
    if how.output is Output.text:
        typer.echo(text)


def _clear(node: Node, how: NodeOptions, terms: Terms, *, pending: bool) -> Recovery:
    from kaudit_setup.change.leftovers import recover as business
    from kaudit_setup.change.nodestate import NodeState
    from kaudit_setup.change.run.proof import wait_for_manifest
    from kaudit_setup.change.verify import NotProved, Proof
    from kaudit_setup.node.observe import observe
    from kaudit_setup.report.nodes.recovery import as_item

    with waiting(node.name) as progress:
        progress("restoring")
        done = business.recover(node, observe(node, manifest=how.manifest), watched=pending)
        seen: Proof | NotProved | None = None
        if done.restores:
            now = NodeState.of(observe(node, manifest=how.manifest))
            seen = wait_for_manifest(node, now, terms, progress)
    if isinstance(seen, NotProved):
        raise BrokenError(
            f"{node.name}: the old files are back, but kube-apiserver does not run with them yet ({seen.phase})",
            hint="see why with `crictl ps -a --name kube-apiserver` and `journalctl -u kubelet`",
            details=seen.server_log,
        )
    restored = "the old state is back and the API server answers" if done.restores else "cleared"
    _say(how, f"{safe(node.name)}: {restored}")
    return as_item(node.name, done, cleared=True, server=seen.server if seen else None)
