"""`verify`: prove that events are logged, without a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.every_node import ask, end, given, missing
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import ProofOptions
from kaudit_setup.model import NEWER, read_as

if TYPE_CHECKING:
    from kaudit_setup.change.verify import NotProved, Proof
    from kaudit_setup.node.port import Node

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup verify
  kaudit-setup verify --host root@cp1 --timeout 30"""
)
@takes(how=ProofOptions)
def verify(*, how: ProofOptions) -> None:
    """Prove that events are logged: send a marked request and find it in the audit log."""
    from kaudit_setup.errors import InputError
    from kaudit_setup.report.documents.document import document, warned
    from kaudit_setup.report.nodes.proof import NodeProof, as_item, as_text, is_proved
    from kaudit_setup.report.terminal import note

    if how.root is not None:
        raise InputError("verify needs a running node; --root is a directory")
    with how.candidates() as candidates:
        asked = ask(candidates, "sending a marked request", lambda node: _prove(node, how))
    answers = [(name, found) for name, found in given(asked) if found]
    newer = [w for name, found in answers for w in warned(found.remarks, code=NEWER, host=name)]
    for warning in newer:
        note(f"{warning.host}: {warning.message}")
    show(
        how.output,
        lambda: document(NodeProof, [as_item(name, found.seen) for name, found in answers], missing(asked), newer),
        lambda: "\n".join(as_text(name, found.seen) for name, found in answers),
    )
    end(asked, good=all(is_proved(found.seen) for _, found in answers))


@dataclass(frozen=True, slots=True)
class _Found:
    """What one node answered, and what is to be said of how it was read."""

    seen: Proof | NotProved | None
    remarks: tuple[str, ...]


def _prove(node: Node, how: ProofOptions) -> _Found:
    from kaudit_setup.change.prepare import look
    from kaudit_setup.change.run.proof import probe_now

    state = look(node, how.manifest)
    said = read_as(state.pod.version)[1]
    return _Found(probe_now(node, state, limit=how.timeout), (said,) if said else ())
