"""The last thing that a person reads before a change: what, where, what it costs, what undoes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kaudit_setup.change.status import log_rate
from kaudit_setup.fleet.plans import FleetPlan, NodePlan
from kaudit_setup.model import LOG_FLAG
from kaudit_setup.report.nodes.alike import gather, names, only
from kaudit_setup.report.quantities import hours, size
from kaudit_setup.report.wrap import wrap
from kaudit_setup.resources import counted
from kaudit_setup.rotation import kept, rotation_of

_DAY_S = 86400
_HEAD = 12


def summary(fleet: FleetPlan) -> list[str]:
    """Some lines, in the order in which things happen; no line where there is nothing to say."""
    changing = [node for node in fleet.nodes if node.prepared.plan]
    rows = (
        *_change(fleet, changing),
        ("restart", _restart(changing)),
        ("log", _log(changing)),
        ("kubeadm", _kubeadm(fleet)),
        ("undo", _undo(changing)),
    )
    lines = [line for name, said in rows if said for line in wrap(said, f"  {name:<{_HEAD - 2}}", " " * _HEAD)]
    return ["Summary:", *lines]


@dataclass(frozen=True, slots=True)
class _Log:
    """What the log of one node takes: most bytes, None without a limit; bytes a second of the log that is there, None
    if there is none; hours until the volume is full, None if never.
    """

    most: int | None
    rate: float | None
    full_in_hours: float | None


def _change(fleet: FleetPlan, changing: Sequence[NodePlan]) -> Iterator[tuple[str, str]]:
    for action, hosts in gather((node.prepared.plan.action, node.name) for node in changing).items():
        yield action, f"on {counted(len(hosts), 'node') + ': ' if len(hosts) > 1 else ''}{names(hosts)}"
    yield "unchanged", names([node.name for node in fleet.nodes if not node.prepared.plan])


def _restart(changing: Sequence[NodePlan]) -> str:
    restarting = [node.name for node in changing if node.prepared.plan.restarts]
    if not restarting:
        return "none: kube-apiserver goes on running" if changing else ""
    if len(restarting) == 1:
        return f"kube-apiserver of {names(restarting)} restarts (its API does not answer for some seconds)"
    return f"kube-apiserver{only(restarting, of=len(changing))} restarts, in each cluster on one node at a time"


def _log(changing: Sequence[NodePlan]) -> str:
    """What the log takes on a node; the largest where nodes differ."""
    logs = [log for node in changing if (log := _log_of(node))]
    return "; ".join(part for part in (_a_day(logs), _at_most(logs), _full(logs)) if part) if logs else ""


def _a_day(logs: Sequence[_Log]) -> str:
    rates = [log.rate for log in logs if log.rate]
    if rates:
        return f"about {size(max(rates) * _DAY_S)} a day, at the rate of the log that is there now"
    return "how much a day is not known before it runs (`kaudit-setup estimate` tells it from another log)"


def _at_most(logs: Sequence[_Log]) -> str:
    most = [log.most for log in logs if log.most is not None]
    where = "the node" if len(logs) == 1 else "each node"
    return f"at most {size(max(most))} on {where}" if len(most) == len(logs) else "without a limit"


def _full(logs: Sequence[_Log]) -> str:
    times = [log.full_in_hours for log in logs if log.full_in_hours is not None]
    return f"the volume is full in {hours(min(times))}" if times else ""


def _log_of(node: NodePlan) -> _Log | None:
    """None where no log is written to a file."""
    flags, observed = node.pod.flags, node.prepared.state.observed
    if flags.get(LOG_FLAG, "-") in {"", "-"}:
        return None
    rate, free = log_rate(observed.log), observed.volumes["log"].free
    rotation = rotation_of(flags, node.pod.version)
    used = observed.log.size + observed.log.rotated_bytes
    found = kept(rotation, rate or 0.0, used=used, free=free if free >= 0 else None)
    # a limit of age alone is one of bytes only at a rate that is known
    return _Log(found.bytes if rate or rotation.most is not None else None, rate, found.full_in_hours)


def _kubeadm(fleet: FleetPlan) -> str:
    if any(cluster.storing.plan for cluster in fleet.clusters):
        return "ConfigMap kubeadm-config is updated after the last node, so that kubeadm upgrade does the same"
    if any(cluster.storing.unknown for cluster in fleet.clusters):
        return (
            "kubeadm-config is asked for after the change; without these settings the next kubeadm upgrade undoes it"
        )
    if any(cluster.storing.missed for cluster in fleet.clusters):
        return "kubeadm-config is not updated: the next kubeadm upgrade undoes this"
    return ""


def _undo(changing: Sequence[NodePlan]) -> str:
    """The command first, so that its line is never broken inside it."""
    if not changing:
        return ""
    return "`kaudit-setup rollback` restores every file; a node on which the change is not proved is restored at once"
