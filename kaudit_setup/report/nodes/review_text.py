"""Plans before they are carried out, for people: what is alike on several nodes stands there once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kaudit_setup.change.loggroup import SetRights
from kaudit_setup.change.permissions import ROOT
from kaudit_setup.change.plan import Change, MakeDir, Plan, RemoveFile, WriteFile
from kaudit_setup.change.preflight import Finding
from kaudit_setup.change.prepare import Prepared
from kaudit_setup.fleet.plans import ClusterPlan, FleetPlan
from kaudit_setup.report.escape import safe
from kaudit_setup.report.nodes.file_diff import CONTEXT, Diff, as_lines, changed, cut, file_diff, painted, preset_of
from kaudit_setup.report.nodes.grouping import gather, names, only
from kaudit_setup.report.nodes.hints import Reach, pasteable
from kaudit_setup.report.nodes.review import config_diff, facts_of, remarks_of, shown
from kaudit_setup.report.times import localized
from kaudit_setup.report.wrap import WIDTH, fitted
from kaudit_setup.values import replace

Nodes = Sequence[tuple[str, Prepared]]


class _Verbatim(str):
    """A line of a difference: it is not folded, every character of it counts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Same:
    """What is alike on all `hosts`: the action, a line for each file, and what changes in them."""

    hosts: tuple[str, ...]
    head: str
    lines: tuple[str, ...]
    diff: tuple[str, ...]
    facts: tuple[str, ...]


def fleet_as_text(
    fleet: FleetPlan, *, diff: Diff = "short", everything: bool = False, colour: bool = False, reach: Reach = ()
) -> str:
    """One review for all clusters. `everything`: with the nodes on which nothing will change. `reach`: the options
    that commands in it need to reach the same nodes.
    """
    nodes = [(n.name, n.prepared) for n in fleet.nodes if everything or n.prepared.plan]
    lines = (*_orders(fleet), *_notes(fleet), *_nodes(nodes, diff, colour), *_configs(fleet, diff, colour))
    return _finished(lines, reach)


def as_text(host: str, prepared: Prepared, *, diff: Diff = "full", colour: bool = False) -> str:
    """The review of one node; colours only where asked for."""
    return _finished(_nodes([(host, prepared)], diff, colour), ())


def _finished(lines: Iterable[str], reach: Reach) -> str:
    return "\n".join(
        line if isinstance(line, _Verbatim) else fitted(pasteable(line, reach), most=WIDTH) for line in lines
    )


def _orders(fleet: FleetPlan) -> Iterator[str]:
    """Which node comes after which, where there are several."""
    for cluster in fleet.clusters:
        if len(cluster.nodes) > 1:
            ca = f" (CA {cluster.cluster.ca[:12]})" if cluster.cluster.ca else ""
            hosts = names([node.name for node in cluster.nodes])
            yield f"{safe(cluster.cluster.name)}{ca}: {hosts}, one after the other"


def _notes(fleet: FleetPlan) -> Iterator[str]:
    """Remarks on clusters, each once with those that it is about."""
    about = gather((said, cluster.cluster.name) for cluster in fleet.clusters for said in _remarks(fleet, cluster))
    for said, clusters in about.items():
        yield f"  note    {safe(said)}{only(clusters, of=1 if len(fleet.clusters) == 1 else len(clusters) + 1)}"


def _remarks(fleet: FleetPlan, cluster: ClusterPlan) -> list[str]:
    storing = cluster.storing
    return [*remarks_of(fleet, cluster), *([storing.why] if storing.why and not storing.plan else [])]


def _nodes(nodes: Nodes, diff: Diff, colour: bool) -> Iterator[str]:
    for same in _together(_same(host, prepared, diff) for host, prepared in nodes):
        yield f"{names(same.hosts)}: {same.head}"
        yield from same.lines
        if same.diff:
            yield ""
            yield from (_Verbatim(painted(line, colour)) for line in same.diff)
        if same.facts:
            yield "Changes to the Pod:"
            yield from (f"  {safe(fact)}" for fact in same.facts)
    yield from _findings(nodes)


def _same(host: str, prepared: Prepared, diff: Diff) -> _Same:
    plan = prepared.plan
    return _Same(
        hosts=(host,),
        head=plan.action if plan else f"{plan.action}: nothing to do",
        lines=tuple(line for change in plan.changes for line in _change(change, plan)),
        diff=tuple(line for change in shown(plan) for line in file_diff(change, diff)),
        facts=facts_of(plan) if diff == "full" else (),
    )


def _together(found: Iterable[_Same]) -> Iterator[_Same]:
    for same in gather(((one.head, one.lines, changed(one.diff), one.facts), one) for one in found).values():
        yield replace(same[0], hosts=tuple(host for one in same for host in one.hosts))


def _findings(nodes: Nodes) -> Iterator[str]:
    """Notes and findings, each once with the nodes that it is about, unless that is all of them."""
    notes = gather((note, host) for host, prepared in nodes for note in prepared.plan.notes)
    yield from (f"  note    {safe(localized(note))}{only(hosts, of=len(nodes))}" for note, hosts in notes.items())
    for found, hosts in gather((f, host) for host, prepared in nodes for f in prepared.findings).items():
        yield from _finding(found, only(hosts, of=len(nodes)))


def _finding(found: Finding, on: str) -> Iterator[str]:
    yield f"  {'REFUSED' if found.blocks else 'warning'} {found.name}: {safe(found.message)}{on}"
    if found.hint:
        yield f"          {safe(found.hint)}"


def _change(change: Change, plan: Plan) -> Iterator[str]:
    """`create  /etc/kubernetes/audit-policy.yaml  mode 0600, preset metadata`."""
    said = ["restarts kube-apiserver"] if change.path == plan.manifest else _rights(change)
    folder = "/" if isinstance(change, MakeDir) else ""
    yield f"  {_verb(change):<7} {safe(change.path)}{folder}{'  ' if said else ''}{', '.join(said)}"
    if isinstance(change, WriteFile | RemoveFile) and change.secret:
        yield "          its content is secret and is not shown"
    if isinstance(change, SetRights) and not change.creates:
        yield f"          it was {change.before}"


def _verb(change: Change) -> str:
    if isinstance(change, RemoveFile):
        return "remove"
    there = change.before.kind == "file" if isinstance(change, WriteFile) else _is_there(change)
    return "change" if there else "create"


def _is_there(change: MakeDir | SetRights) -> bool:
    return isinstance(change, SetRights) and not change.creates


def _rights(change: Change) -> list[str]:
    if isinstance(change, RemoveFile):
        return []
    if isinstance(change, SetRights):
        return [*(["an empty log"] if change.creates else []), str(change.after)]
    owner = [f"owner {change.owner}"] if change.owner != ROOT else []
    preset = preset_of(change) if isinstance(change, WriteFile) else ""
    return [f"mode 0{change.mode}", *owner, *([f"preset {preset}"] if preset else [])]


def _configs(fleet: FleetPlan, diff: Diff, colour: bool) -> Iterator[str]:
    """What is stored for each cluster as a whole; once where it is the same for several."""
    found = [(cluster, as_lines(config_diff(cluster, CONTEXT[diff]))) for cluster in fleet.clusters]
    for same in gather((changed(lines), (cluster, lines)) for cluster, lines in found if lines).values():
        cluster, lines = same[0]
        of = f" of {names([one.cluster.name for one, _ in same])}" if len(fleet.clusters) > 1 else ""
        yield from _config(cluster, lines, of, diff, colour)


def _config(cluster: ClusterPlan, lines: list[str], of: str, diff: Diff, colour: bool) -> Iterator[str]:
    removed = not (cluster.storing.settings and cluster.storing.settings.flags)
    why = "audit settings removed" if removed else "so that kubeadm upgrade keeps the audit settings"
    yield f"kubeadm-config{of} ({why}){'' if diff == 'none' else ':'}"
    if diff != "none":
        yield from (_Verbatim(painted(line, colour)) for line in (lines if diff == "full" else cut(lines)))
    if not removed:
        yield "  note    a control-plane node that joins later needs the policy file before it joins"
