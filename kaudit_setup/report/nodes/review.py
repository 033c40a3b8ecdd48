"""Plans before they are carried out, as typed data for programs; `review_text` shows them to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from kaudit_setup.change.loggroup import SetRights
from kaudit_setup.change.persist import NAME
from kaudit_setup.change.plan import Change, MakeDir, Plan, RemoveFile, WriteFile
from kaudit_setup.change.prepare import Prepared
from kaudit_setup.fleet.group import remarks as cluster_remarks
from kaudit_setup.fleet.plans import ClusterPlan, FleetPlan
from kaudit_setup.manifest.difference import structural, unified
from kaudit_setup.report.documents.document import Item, Warning, Words, warned
from kaudit_setup.report.nodes.log_cost import ExpectedLog, expected_log


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
    message: Words
    hint: Words


Action: TypeAlias = Literal["enable", "disable", "rollback"]
_ACTIONS: dict[str, Action] = {"enable": "enable", "disable": "disable", "rollback": "rollback"}


def action_of(plan: Plan) -> Action:
    """What was asked for."""
    return _ACTIONS[plan.action]


class NodeReview(Item, frozen=True, kw_only=True):
    """What would change on one node. `diff` is a unified diff, `pod_changes` one fact an entry; `expected_log`
    is null where nothing new is to be said of it.
    """

    host: str
    cluster: str | None = None
    action: Action
    would_change: bool
    changes: tuple[PlannedChange, ...]
    diff: str
    pod_changes: tuple[Words, ...]
    findings: tuple[ReviewFinding, ...]
    notes: tuple[Words, ...]
    kubeadmconfig_diff: str = ""
    expected_log: ExpectedLog | None = None


def fleet_as_items(fleet: FleetPlan) -> list[NodeReview]:
    """The same for programs, one entry a node."""
    return [
        msgspec.structs.replace(
            as_item(node.name, node.prepared), cluster=cluster.cluster.name, kubeadmconfig_diff=config_diff(cluster)
        )
        for cluster in fleet.clusters
        for node in cluster.nodes
    ]


def remarks(fleet: FleetPlan) -> list[str]:
    """What a person should know before it happens, each with its cluster."""
    return [f"{cluster.cluster.name}: {said}" for cluster in fleet.clusters for said in remarks_of(fleet, cluster)]


def warnings(fleet: FleetPlan) -> list[Warning]:
    """The same for programs, and what preflight found and does not block, each with its node."""
    return [*warned(remarks(fleet)), *found_warnings([(node.name, node.prepared) for node in fleet.nodes])]


def found_warnings(nodes: Sequence[tuple[str, Prepared]]) -> list[Warning]:
    """What preflight found on nodes, by name, and does not block."""
    found = [(name, finding) for name, prepared in nodes for finding in prepared.findings if not finding.blocks]
    return [Warning(code=finding.name, message=finding.message, host=name) for name, finding in found]


def remarks_of(fleet: FleetPlan, cluster: ClusterPlan) -> list[str]:
    """The same of one cluster."""
    doubles = (f"{first} and {name} are the same node; counted once" for name, first in fleet.doubles)
    return [said for said in (*cluster_remarks(cluster.cluster), cluster.remark, *doubles) if said]


def config_diff(cluster: ClusterPlan, context: int = 3) -> str:
    """The unified diff of kubeadm's ClusterConfiguration, empty if it stays as it is."""
    plan = cluster.storing.plan
    return unified(plan.before, plan.after, f"ConfigMap {NAME}", context).rstrip("\n") if plan else ""


def as_item(host: str, prepared: Prepared) -> NodeReview:
    """The same for programs."""
    plan = prepared.plan
    return NodeReview(
        host=host,
        action=action_of(plan),
        would_change=bool(plan),
        changes=tuple(_planned(change, plan) for change in plan.changes),
        diff="".join(map(diff_of, shown(plan))).rstrip("\n"),
        pod_changes=facts_of(plan),
        findings=tuple(
            ReviewFinding(name=f.name, blocks=f.blocks, message=f.message, hint=f.hint) for f in prepared.findings
        ),
        notes=plan.notes if plan else (),
        expected_log=expected_log(prepared),
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


def shown(plan: Plan) -> list[WriteFile | RemoveFile]:
    """The changes whose content may be shown."""
    return [change for change in plan.files if not change.secret]


def facts_of(plan: Plan) -> tuple[str, ...]:
    """What changes in the Pod of kube-apiserver, one fact an entry."""
    manifest = [c for c in shown(plan) if c.path == plan.manifest and isinstance(c, WriteFile)]
    return tuple(fact for c in manifest for fact in structural(text_before(c), text_after(c)))


def diff_of(change: WriteFile | RemoveFile, context: int = 3) -> str:
    """The unified diff of one file."""
    return unified(text_before(change), text_after(change), change.path, context)


def text_before(change: WriteFile | RemoveFile) -> str:
    """The file as it is, empty if there is none."""
    return change.before.text if change.before.kind == "file" else ""


def text_after(change: WriteFile | RemoveFile) -> str:
    """The file as it will be, empty if there is none."""
    return change.after.decode("utf-8", "surrogateescape") if isinstance(change, WriteFile) else ""
