"""Plans before they are carried out, as text for people and as typed data for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from kaudit_setup.change.loggroup import SetRights
from kaudit_setup.change.permissions import ROOT
from kaudit_setup.change.persist import NAME
from kaudit_setup.change.plan import Change, MakeDir, Plan, RemoveFile, WriteFile
from kaudit_setup.change.preflight import Finding
from kaudit_setup.change.prepare import Prepared
from kaudit_setup.fleet.group import remarks as cluster_remarks
from kaudit_setup.fleet.plans import ClusterPlan, FleetPlan
from kaudit_setup.manifest.difference import structural, unified
from kaudit_setup.report.documents.document import Item
from kaudit_setup.report.escape import safe


@dataclass(frozen=True, slots=True)
class _Line:
    """One change: `verb` is create, change or remove, or empty for a word about the line above."""

    verb: str
    path: str
    remark: str


@dataclass(frozen=True, slots=True)
class _Review:
    """Everything that a person should see before it happens. `diff` is unified, `structural` one fact a line."""

    host: str
    action: str
    lines: tuple[_Line, ...]
    diff: str
    structural: tuple[str, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


# --- all nodes


def fleet_as_text(fleet: FleetPlan, *, everything: bool = False, colour: bool = False) -> str:
    """One review for all clusters; what is the same on several nodes stands there once.

    `everything`: with the nodes on which nothing will change.
    """
    lines: list[str] = []
    for cluster in fleet.clusters:
        lines += _cluster_head(fleet, cluster)
        shown = [_review(node.name, node.prepared) for node in cluster.nodes if everything or node.prepared.plan]
        lines += [line for same in _together(shown) for line in _lines(same, colour)]
        lines += _cluster_tail(cluster, colour)
    return "\n".join(lines)


def fleet_as_items(fleet: FleetPlan) -> list[NodeReview]:
    """The same for programs, one entry a node."""
    return [
        msgspec.structs.replace(
            as_item(node.name, node.prepared), cluster=cluster.cluster.name, kubeadm_config_diff=_config_diff(cluster)
        )
        for cluster in fleet.clusters
        for node in cluster.nodes
    ]


def remarks(fleet: FleetPlan) -> list[str]:
    """What a person should know before it happens, each with its cluster."""
    return [f"{cluster.cluster.name}: {said}" for cluster in fleet.clusters for said in _remarks(fleet, cluster)]


def _remarks(fleet: FleetPlan, cluster: ClusterPlan) -> list[str]:
    doubles = (f"{first} and {name} are the same node; counted once" for name, first in fleet.doubles)
    return [said for said in (*cluster_remarks(cluster.cluster), cluster.remark, *doubles) if said]


def _config_diff(cluster: ClusterPlan) -> str:
    plan = cluster.storing.plan
    return unified(plan.before, plan.after, f"ConfigMap {NAME}").rstrip("\n") if plan else ""


def _cluster_head(fleet: FleetPlan, cluster: ClusterPlan) -> list[str]:
    """The lines before those of its nodes: which comes after which (unless there is but one), and remarks."""
    lines: list[str] = []
    if len(fleet.nodes) > 1:
        ca = f" (CA {cluster.cluster.ca[:12]})" if cluster.cluster.ca else ""
        names = ", ".join(safe(node.name) for node in cluster.nodes)
        lines.append(f"{safe(cluster.cluster.name)}{ca}: {names}, one after the other")
    return [*lines, *(f"  note    {safe(said)}" for said in _remarks(fleet, cluster))]


def _cluster_tail(cluster: ClusterPlan, colour: bool) -> list[str]:
    """The lines after those of its nodes: what is stored for the cluster as a whole, or why nothing is."""
    diff = _config_diff(cluster)
    if diff:
        removed = not (cluster.storing.settings and cluster.storing.settings.flags)
        why = "audit settings removed" if removed else "so that kubeadm upgrade keeps the audit settings"
        joins = (
            []
            if removed
            else ["  note    a control-plane node that joins later needs the policy file before it joins"]
        )
        return [f"kubeadm-config ({why}):", *(_paint(safe(line), colour) for line in diff.split("\n")), *joins]
    return [f"  note    {safe(cluster.storing.why)}"] if cluster.storing.why else []


def _together(reviews: Sequence[_Review]) -> list[_Review]:
    """What is the same for several nodes once, under all their names.

    Lines of a difference that stay as they are may differ: every manifest has its own address.
    """
    found: dict[tuple[object, ...], list[_Review]] = {}
    for review in reviews:
        changed = tuple(line for line in review.diff.split("\n") if line.startswith(("+", "-")))
        key = (review.action, review.lines, changed, review.structural, review.findings, review.notes)
        found.setdefault(key, []).append(review)
    return [replace(same[0], host=", ".join(r.host for r in same)) for same in found.values()]


# --- one node


def as_text(host: str, prepared: Prepared, *, colour: bool = False) -> str:
    """The whole review of one node; colours only where asked for."""
    return "\n".join(_lines(_review(host, prepared), colour))


class PlannedChange(Item, frozen=True, kw_only=True):
    """One file or directory that is created, changed or removed. `secret`: its content is never shown."""

    action: Literal["create", "change", "remove"]
    path: str
    restarts: bool
    mode: str | None
    owner: str | None
    secret: bool


class ReviewFinding(Item, frozen=True, kw_only=True):
    """What preflight found; one that `blocks` needs `--force NAME`."""

    name: str
    blocks: bool
    message: str
    hint: str


class NodeReview(Item, frozen=True, kw_only=True):
    """What would change on one node. `diff` is a unified diff, `pod_changes` one fact an entry."""

    host: str
    cluster: str | None = None
    action: str
    would_change: bool
    changes: tuple[PlannedChange, ...]
    diff: str
    pod_changes: tuple[str, ...]
    findings: tuple[ReviewFinding, ...]
    notes: tuple[str, ...]
    kubeadm_config_diff: str = ""


def as_item(host: str, prepared: Prepared) -> NodeReview:
    """The same for programs."""
    review, plan = _review(host, prepared), prepared.plan
    return NodeReview(
        host=host,
        action=plan.action,
        would_change=bool(plan),
        changes=tuple(_planned(change, plan) for change in plan.changes),
        diff=review.diff,
        pod_changes=review.structural,
        findings=tuple(
            ReviewFinding(name=f.name, blocks=f.blocks, message=f.message, hint=f.hint) for f in review.findings
        ),
        notes=review.notes,
    )


def _planned(change: Change, plan: Plan) -> PlannedChange:
    if isinstance(change, SetRights):
        return PlannedChange(
            action="create" if change.creates else "change",
            path=change.path,
            restarts=False,
            mode=change.after.mode,
            owner=change.after.owner,
            secret=False,
        )
    there = not isinstance(change, MakeDir) and change.before.kind == "file"
    written = None if isinstance(change, RemoveFile) else change
    return PlannedChange(
        action="remove" if written is None else "change" if there else "create",
        path=change.path,
        restarts=change.path == plan.manifest,
        mode=written.mode if written else None,
        owner=written.owner if written else None,
        secret=isinstance(change, WriteFile | RemoveFile) and change.secret,
    )


def _review(host: str, prepared: Prepared) -> _Review:
    plan = prepared.plan
    shown = [c for c in plan.files if not c.secret]
    manifest = [c for c in shown if c.path == plan.manifest and isinstance(c, WriteFile)]
    return _Review(
        host=host,
        action=plan.action if plan else f"{plan.action}: nothing to do",
        lines=tuple(line for change in plan.changes for line in _change(change, plan)),
        diff="".join(unified(_before(c), _after(c), c.path) for c in shown).rstrip("\n"),
        structural=tuple(fact for c in manifest for fact in structural(_before(c), _after(c))),
        findings=prepared.findings,
        notes=plan.notes if plan else (),
    )


def _change(change: Change, plan: Plan) -> Iterator[_Line]:
    restarts = "restarts kube-apiserver" if change.path == plan.manifest else ""
    if isinstance(change, MakeDir):
        yield _Line("create", change.path + "/", _rights(change))
        return
    if isinstance(change, SetRights):
        empty = "an empty log, " if change.creates else ""
        yield _Line("create" if empty else "change", change.path, empty + str(change.after))
        if not empty:
            yield _Line("", "", f"it was {change.before}")
        return
    if isinstance(change, RemoveFile):
        yield _Line("remove", change.path, restarts)
    else:
        verb = "change" if change.before.kind == "file" else "create"
        yield _Line(verb, change.path, restarts or _rights(change))
    if change.secret:
        yield _Line("", "", "its content is secret and is not shown")


def _rights(change: MakeDir | WriteFile) -> str:
    return f"mode 0{change.mode}" + (f", owner {change.owner}" if change.owner != ROOT else "")


def _before(change: WriteFile | RemoveFile) -> str:
    return change.before.text if change.before.kind == "file" else ""


def _after(change: WriteFile | RemoveFile) -> str:
    return change.after.decode("utf-8", "surrogateescape") if isinstance(change, WriteFile) else ""


def _lines(review: _Review, colour: bool) -> Iterator[str]:
    yield f"{safe(review.host)}: {review.action}"
    for line in review.lines:
        yield f"  {line.verb:<7} {safe(line.path)}{'  ' + line.remark if line.remark else ''}"
    for note in review.notes:
        yield f"  note    {safe(note)}"
    for finding in review.findings:
        yield f"  {'REFUSED' if finding.blocks else 'warning'} {finding.name}: {safe(finding.message)}"
        if finding.hint:
            yield f"          {safe(finding.hint)}"
    if review.diff:
        yield ""
        yield from (_paint(safe(line), colour) for line in review.diff.split("\n"))
    if review.structural:
        yield "Changes to the Pod:"
        yield from (f"  {safe(fact)}" for fact in review.structural)


def _paint(line: str, colour: bool) -> str:
    code = {"+": "32", "-": "31", "@": "36"}.get(line[:1])
    return f"\x1b[{code}m{line}\x1b[0m" if colour and code else line
