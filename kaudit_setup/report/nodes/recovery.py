"""What `recover` found on one node and cleared, as text for people and as typed data for programs."""

from __future__ import annotations

from kaudit_setup.change.leftovers.recover import LeftOvers, RunEnd, RunState
from kaudit_setup.report.documents.document import Item
from kaudit_setup.report.escape import safe
from kaudit_setup.report.wrap import fitted


class LeftRun(Item, frozen=True, kw_only=True):
    """A run that did not end: `state` as it was found, `became` what it was made: reverted, removed, stuck, or null
    where it was left alone.
    """

    id: str
    state: RunState
    by: str
    backup: str | None
    became: RunEnd | None


class Recovery(Item, frozen=True, kw_only=True):
    """What was left of broken runs on one node. `server`: the server process that answered afterwards, null where it
    did not have to restart.
    """

    host: str
    cleared: bool
    runs: tuple[LeftRun, ...]
    files: tuple[str, ...]
    units: tuple[str, ...]
    server: str | None


def as_text(host: str, found: LeftOvers) -> str:
    """What is there, before it is cleared."""
    lines = [f"{host}: left of broken runs:"]
    lines += [f"  {run.sentence}" for run in found.runs]
    lines += [f"  {path}" for path in (*found.strays, *found.units)]
    if found.restores:
        lines.append("  clearing it restores the old files; kube-apiserver restarts if they differ")
    return fitted("\n".join(map(safe, lines)))


def as_item(host: str, found: LeftOvers, *, cleared: bool, server: str | None = None) -> Recovery:
    """The same for programs."""
    return Recovery(
        host=host,
        cleared=cleared,
        runs=tuple(
            LeftRun(id=run.id, state=run.state, by=run.by, backup=run.backup or None, became=run.now)
            for run in found.runs
        ),
        files=found.strays,
        units=found.units,
        server=server,
    )
