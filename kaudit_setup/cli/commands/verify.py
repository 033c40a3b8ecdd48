"""`verify`: prove that events are logged, without a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.asking import ask, end, given, missing
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import NodeOptions
from kaudit_setup.cli.options.settings import followed

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
@takes(how=NodeOptions)
def verify(*, how: NodeOptions) -> None:
    """Prove that events are logged: send a marked request and find it in the audit log."""
    from kaudit_setup.errors import InputError
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.nodes.proof import NodeProof, as_item, as_text, is_proved

    if how.root is not None:
        raise InputError("verify needs a running node; --root is a directory")
    with how.candidates() as candidates:
        asked = ask(candidates, "sending a marked request", lambda node: _prove(node, how))
    answers = given(asked)
    show(
        how.output,
        lambda: document(NodeProof, [as_item(*answer) for answer in answers], missing(asked)),
        lambda: "\n".join(as_text(*answer) for answer in answers),
    )
    end(asked, good=all(is_proved(seen) for _, seen in answers))


def _prove(node: Node, how: NodeOptions) -> Proof | NotProved | None:
    from kaudit_setup.change.prepare import look
    from kaudit_setup.change.run import probe_now

    state = look(node, how.manifest)
    followed(state.pod.version)
    return probe_now(node, state, limit=how.timeout)
