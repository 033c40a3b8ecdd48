"""`verify`: the proof alone, without a change."""

from __future__ import annotations

import json
from typing import Any

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import NodeOptions
from kaudit_setup.cli.options.output import Output
from kaudit_setup.cli.progress import waiting
from kaudit_setup.errors import Exit

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog="""\b
Examples:
  kaudit-setup verify
  kaudit-setup verify --host root@cp1 --timeout 30"""
)
@takes(how=NodeOptions)
def verify(*, how: NodeOptions) -> None:
    """Prove that events are being written: send a marked request and find it in the audit log."""
    from kaudit_setup.change.job import look_at_current
    from kaudit_setup.change.run import probe_now
    from kaudit_setup.change.verify import NotProved, Proof
    from kaudit_setup.errors import InputError
    from kaudit_setup.report.status import verified_as_text

    if how.root is not None:
        raise InputError("verify needs a living node; --root is a folder")
    answers: list[tuple[str, Proof | NotProved | None]] = []
    with how.nodes() as opened:
        for node in opened:
            with waiting(node.name) as progress:
                progress("sending a marked request")
                answers.append((node.name, probe_now(node, look_at_current(node, how.manifest), limit=how.timeout)))
    data = [_verified(name, seen) for name, seen in answers]
    if how.output is Output.json:
        typer.echo(json.dumps(data, indent=2))
    else:
        for entry in data:
            typer.echo(verified_as_text(entry))
    if not all(entry["proved"] for entry in data):
        raise typer.Exit(Exit.FAILED)


def _verified(name: str, seen: object) -> dict[str, Any]:
    from kaudit_setup.change.diagnose import meaning, phase_words
    from kaudit_setup.change.verify import NotProved, Proof

    proved = isinstance(seen, Proof) and bool(seen.event)
    reason = ""
    if seen is None:
        reason = "auditing is off, or it has no policy or no log"
    elif isinstance(seen, NotProved):
        reason = f"waited in vain for {phase_words(seen.phase)}"
        known = meaning(seen.server_log)
        reason += f": {known}" if known else ""
    elif isinstance(seen, Proof) and not proved:
        reason = "this policy logs no harmless request, so no event could be looked for"
    event = seen.event.decode("utf-8", "replace") if isinstance(seen, Proof) else ""
    return {"host": name, "proved": proved, "reason": reason, "event": event}
