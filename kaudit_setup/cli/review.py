"""What a person sees and says before a change: review, confirmation, refusal."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

import typer

from kaudit_setup.errors import InputError, RefusedError, StoppedError
from kaudit_setup.report.review import Line, Review

if TYPE_CHECKING:
    from kaudit_setup.change.prepare import Prepared


def review_of(host: str, prepared: Prepared) -> Review:
    """The plan as plain values."""
    from kaudit_setup.change.plan import MakeDir, RemoveFile, WriteFile
    from kaudit_setup.manifest.difference import structural, unified

    plan = prepared.plan
    lines: list[Line] = []
    diffs: list[str] = []
    facts: tuple[str, ...] = ()
    for change in plan.changes:
        restarts = "restarts kube-apiserver" if change.path == plan.manifest else ""
        if isinstance(change, MakeDir):
            lines.append(Line("create", change.path + "/", f"mode 0{change.mode}"))
            continue
        before = change.before.text if change.before.kind == "file" else ""
        if isinstance(change, RemoveFile):
            lines.append(Line("remove", change.path, restarts))
            after = ""
        else:
            new = change.before.kind != "file"
            lines.append(Line("create" if new else "change", change.path, restarts or f"mode 0{change.mode}"))
            after = change.after.decode("utf-8", "surrogateescape")
        if change.secret:
            lines.append(Line("", "", "its content is secret and is not shown"))
            continue
        diffs.append(unified(before, after, change.path))
        if change.path == plan.manifest and isinstance(change, WriteFile):
            facts = structural(before, after)
    return Review(
        host=host,
        action=f"{plan.action}: nothing to do" if not plan else plan.action,
        lines=tuple(lines),
        diff="".join(diffs).rstrip("\n"),
        structural=facts,
        findings=tuple((f.name, f.blocks, f.message, f.hint) for f in prepared.findings),
        notes=plan.notes if plan else (),
    )


def refuse(host: str, prepared: Prepared, forced: Collection[str]) -> None:
    """Raises RefusedError for the first finding that blocks and was not overridden; all are in its details."""
    blocking = [f for f in prepared.findings if f.blocks and f.name not in forced]
    if blocking:
        first = blocking[0]
        raise RefusedError(
            f"{host}: {first.message} ({first.name}); nothing was changed",
            hint=f"{first.hint + '; ' if first.hint else ''}--force {first.name} goes on all the same",
            details="\n".join(f"{f.name}: {f.message}" for f in blocking[1:]),
        )


def confirm(shown: str, *, yes: bool, question: str = "Apply?") -> None:
    """Show and ask on a terminal; off a terminal `--yes` must have been given. Raises InputError, StoppedError."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(
            "nobody can be asked here, so --yes is needed; nothing was changed",
            hint="look first: --dry-run shows the same difference",
        )
    if shown:
        typer.echo(shown)
    if not typer.confirm(question, default=False):
        raise StoppedError("not applied; nothing was changed")
