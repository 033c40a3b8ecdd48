"""`purge`: remove from nodes what stays there after `disable`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.confirm import confirm
from kaudit_setup.cli.every_node import ask, end, everything, given, missing
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import ConfirmOptions
from kaudit_setup.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kaudit_setup.change.leftovers.purge import Remains
    from kaudit_setup.fleet.survey import Candidate
    from kaudit_setup.report.documents.document import Fault

app = typer.Typer(rich_markup_mode=None)

Found = list[tuple[str, "Remains"]]


@app.command(
    epilog="""\b
Examples:
  kaudit-setup purge --host root@cp1 --dry-run
  kaudit-setup purge -i clusters.yaml
  kaudit-setup purge --logs --yes"""
)
@takes(how=ConfirmOptions)
def purge(
    *,
    logs: Annotated[
        bool, typer.Option("--logs", help="Remove the audit logs, too; they cannot be restored.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be removed; exit status 3 if anything, 0 if not.")
    ] = False,
    how: ConfirmOptions,
) -> None:
    """Remove what is left on nodes after `disable`: backups, journal, the policy. Refused while auditing is on."""
    from kaudit_setup.change.leftovers.purge import look
    from kaudit_setup.node.observe import observe

    with how.candidates() as candidates:
        asked = ask(candidates, "looking", lambda n: look(n, observe(n, manifest=how.manifest), logs=logs))
        found = everything(asked)
        todo = [candidate for candidate, left in found if left.gone]
        seen = [(candidate.node.name, left) for candidate, left in found]
        if dry_run or not todo:
            _answer(how, seen, (), purged=False)
            raise typer.Exit(Exit.WOULD_CHANGE if todo else Exit.OK)
        confirm(_review(seen), yes=how.yes, question="Remove this? It cannot be undone.")
        _remove(todo, [(name, left) for name, left in seen if not left.gone], how, logs=logs)


def _remove(todo: Sequence[Candidate], others: Found, how: ConfirmOptions, *, logs: bool) -> None:
    """From these nodes, whether others of them fail or not; `others` had nothing, and are in the answer, too."""
    from kaudit_setup.change.leftovers.purge import purge as remove
    from kaudit_setup.node.observe import observe

    done = ask(todo, "removing", lambda n: remove(n, observe(n, manifest=how.manifest), logs=logs))
    gone = [(name, left) for name, left in given(done) if left]
    _answer(how, [*gone, *others], missing(done), purged=True)
    end(done)


def _review(found: Found) -> str:
    from kaudit_setup.report.nodes.purged import as_text

    return "\n".join(as_text(name, left) for name, left in found)


def _answer(how: ConfirmOptions, found: Found, faults: Sequence[Fault], *, purged: bool) -> None:
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.nodes.purged import PurgedNode, as_item, done_as_text, warnings

    show(
        how.output,
        lambda: document(
            PurgedNode, [as_item(name, left, purged=purged) for name, left in found], faults, warnings(found)
        ),
        lambda: "\n".join(done_as_text(name, left) for name, left in found) if purged else _review(found),
    )
