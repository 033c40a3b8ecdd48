"""`status`: what state auditing is in, on one node or on all of them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.nodes import NodeOptions
from kaudit_setup.cli.options.output import Output
from kaudit_setup.cli.progress import crowd, waiting
from kaudit_setup.cli.review import colour
from kaudit_setup.errors import Exit, KauditError, StoppedError

if TYPE_CHECKING:
    from kaudit_setup.change.status import Status
    from kaudit_setup.fleet.group import Member
    from kaudit_setup.fleet.survey import Asked, Candidate
    from kaudit_setup.report.fleet import Row

app = typer.Typer(rich_markup_mode=None)


@dataclass(frozen=True, slots=True)
class Seen:
    """One node's answer."""

    status: Status
    member: Member


@app.command(
    epilog="""\b
Examples:
  kaudit-setup status
  kaudit-setup status --host root@cp1 --host root@cp2 -o json
  kaudit-setup status --inventory inventory.ini --watch

\b
Exit status 0: every node writes, and all have the same settings; 1 otherwise."""
)
@takes(how=NodeOptions)
def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again; Ctrl-C ends it.")] = False,
    every: Annotated[int, typer.Option("--every", metavar="SECONDS", min=1, help="Pause of --watch.")] = 5,
    *,
    how: NodeOptions,
) -> None:
    """Say what state auditing is in; several nodes in one table, one line each."""
    with how.candidates() as candidates:
        while True:
            try:
                asked = _look(candidates, how)
            except StoppedError as error:
                if watch:
                    # that is how it is ended
                    raise typer.Exit(Exit.INTERRUPTED) from error
                raise
            if len(asked) == 1 and asked[0].error:
                raise asked[0].error
            data = _data(asked)
            text = json.dumps(data, indent=None if watch else 2) if how.output is Output.json else _text(asked, data)
            if watch and how.output is Output.text and sys.stdout.isatty():
                # home and clear: the table stays where it is
                typer.echo("\x1b[H\x1b[2J", nl=False)
            typer.echo(text)
            if not watch:
                break
            sys.stdout.flush()
            time.sleep(every)
    if not all(entry["good"] for entry in data):
        raise typer.Exit(Exit.FAILED)


def _look(candidates: Sequence[Candidate], how: NodeOptions) -> list[Asked[Seen]]:
    from kaudit_setup.fleet.survey import ask_all

    with waiting(crowd(candidates)) as progress:
        progress("looking")
        return ask_all(candidates, lambda candidate: _status(candidate, how))


def _status(candidate: Candidate, how: NodeOptions) -> Seen:
    from kaudit_setup.change.job import look_at_current
    from kaudit_setup.change.persist import is_persisted
    from kaudit_setup.change.plan import pod_of
    from kaudit_setup.change.run import probe_now
    from kaudit_setup.change.status import judge
    from kaudit_setup.fleet.survey import cluster_of, member_of
    from kaudit_setup.model import AuditSettings
    from kaudit_setup.node.cluster import ClusterSeen

    node = candidate.node
    observed = look_at_current(node, how.manifest)
    pod = pod_of(observed)
    found = judge(observed, None)
    seen = ClusterSeen(None)
    if how.root is None:
        if found.state == "on":
            found = judge(observed, probe_now(node, observed, limit=10))
        seen = cluster_of(observed)
    if seen.config and pod.flags:
        found = replace(found, persisted=is_persisted(seen.config, AuditSettings(pod.flags), pod.mounts))
    return Seen(found, member_of(candidate, observed, pod, seen))


def _data(asked: Sequence[Asked[Seen]]) -> list[dict[str, Any]]:
    """Every node as plain values: its name as the user gave it, its state, and in what it differs from the others."""
    from kaudit_setup.fleet.drift import POLICY, differences

    settings = [
        {**a.value.status.flags, **({POLICY: a.value.status.policy_sha256} if a.value.status.policy_sha256 else {})}
        for a in asked
        if a.value
    ]
    differs = iter(differences(settings))
    found = []
    for a in asked:
        if a.value is None:
            found.append(_unreachable(a.candidate.node.name, a.error))
            continue
        unlike = [str(d) for d in next(differs)]
        state = a.value.status
        found.append(
            {
                "name": a.candidate.node.name,
                "cluster": a.candidate.claimed or a.value.member.ca[:12],
                "ca": a.value.member.ca,
                "good": state.state == "on" and not unlike,
                "policy": _policy_name(state),
                "differs": unlike,
                "meaning": state.meaning,
                **asdict(state),
            }
        )
    return found


def _unreachable(name: str, error: KauditError | None) -> dict[str, Any]:
    said = error.message if error else ""
    return {"name": name, "state": "unreachable", "meaning": said, "good": False, "differs": [], "remarks": [said]}


def _policy_name(state: Status) -> str:
    """The preset with exactly this content, else the file's own name."""
    from hashlib import sha256

    from kaudit_setup.policy import presets

    if not state.policy_sha256:
        return ""
    for name in presets.names():
        if sha256(presets.preset(name).data).hexdigest() == state.policy_sha256:
            return name
    return state.policy_path.rpartition("/")[2]


def _text(asked: Sequence[Asked[Seen]], data: list[dict[str, Any]]) -> str:
    from kaudit_setup.report.fleet import table
    from kaudit_setup.report.status import as_text

    if len(asked) == 1:
        return as_text(data[0])
    return table([_row(entry) for entry in data], colour=colour())


def _row(entry: dict[str, Any]) -> Row:
    from kaudit_setup.report.fleet import Row

    return Row(
        name=entry["name"],
        cluster=entry.get("cluster", ""),
        state=entry["state"],
        good=entry["good"],
        policy=entry.get("policy", ""),
        policy_sha256=entry.get("policy_sha256", ""),
        differs=tuple(entry["differs"]),
        restart_pending=entry["state"] == "restart-pending",
        rate=entry.get("rate"),
        hours_kept=entry.get("hours_kept"),
        last_event=entry.get("last_event", ""),
        persisted=entry.get("persisted"),
        remarks=tuple(entry["remarks"]),
    )
