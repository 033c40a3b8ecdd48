"""What state nodes are in: one node in some lines, several in one table, and as typed data for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Literal

import msgspec

from kaudit_setup.change.status import State, Status
from kaudit_setup.errors import Exit
from kaudit_setup.fleet.status import Row
from kaudit_setup.model import NEWER
from kaudit_setup.policy import presets
from kaudit_setup.report.columns import blocks as table_blocks
from kaudit_setup.report.documents.document import Bytes, Fault, Item, Seconds, Time, Warning, Words
from kaudit_setup.report.escape import safe
from kaudit_setup.report.nodes.hints import Reach, pasteable
from kaudit_setup.report.presentation import presentation, width
from kaudit_setup.report.quantities import hours, size
from kaudit_setup.report.terminal import paint
from kaudit_setup.report.times import age, localized, shown, zone
from kaudit_setup.report.wrap import fitted, wrap

HEAD = ("NODE", "CLUSTER", "AUDIT", "POLICY", "DIFFERS", "RESTART", "RATE", "KEPT", "LAST EVENT", "SURVIVES UPGRADE")
LEGEND = {
    "AUDIT": "whether auditing is on and works; anything but `on` needs a look",
    "POLICY": "the preset or the file, and how its SHA-256 begins",
    "DIFFERS": "how many settings differ from those of most other nodes or of the inventory; they are listed below",
    "RESTART": "pending: the running kube-apiserver does not have the settings of its manifest yet",
    "RATE, KEPT": "how fast the log grows now, and how long rotation keeps an event at that rate",
    "LAST EVENT": "how long ago the newest event of the log was written",
    "SURVIVES UPGRADE": "whether `kubeadm upgrade` keeps the audit settings; ? where that could not be asked",
}
"""What the columns of the table mean."""
_YES_NO: dict[bool | None, str] = {True: "yes", False: "no"}


def as_text(rows: Sequence[Row], *, colour: bool = False, reach: Reach = ()) -> str:
    """One node that answered in some lines, several in a table; no trailing newline. `reach`: the options that
    commands in it need to reach the same nodes.
    """
    if len(rows) == 1 and rows[0].status:
        return fitted(pasteable("\n".join(_one(rows[0], rows[0].status)), reach))
    return table(rows, colour=colour, reach=reach)


class SettingDifference(Item, frozen=True, kw_only=True):
    """A setting of one node that is otherwise on the other nodes, or in the inventory; null where it is not set."""

    name: str
    here: str | None
    usual: str | None
    source: Literal["others", "inventory"]


class LastChange(Item, frozen=True, kw_only=True):
    """The last line of the node's journal."""

    action: str
    result: str
    time: Time | None
    by: str


class NodeStatus(Item, frozen=True, kw_only=True):
    """One node's state; null where it is unknown, as everything is of a node that is `unreachable`.

    `host`: its name as it was given; `hostname`: what it calls itself. `state`: the most urgent one; `by_hand`,
    `restart_pending` and `unconfirmed` are true beside each other. `good`: it logs, with the settings of the others
    and of the inventory. `policy`: the preset's name, or the file's. `kept_seconds`: until rotation drops an event;
    `kept_bytes`: what the log will take, null without bound; `full_in_seconds`: until the volume is full, null if
    never. `survives_upgrade`: whether kubeadm upgrade keeps the settings.
    """

    host: str
    hostname: str = ""
    cluster: str = ""
    ca: str = ""
    state: State | Literal["unreachable"] = "unreachable"
    good: bool = False
    enabled: bool = False
    by_hand: bool = False
    restart_pending: bool = False
    unconfirmed: bool = False
    flags: dict[str, str] = msgspec.field(default_factory=dict)
    kube_version: str | None = None
    server_pid: int | None = None
    policy: str | None = None
    policy_path: str | None = None
    policy_sha256: str | None = None
    log_path: str | None = None
    log_bytes: Bytes | None = None
    log_group: str | None = None
    bytes_per_second: float | None = None
    kept_seconds: Seconds | None = None
    kept_bytes: Bytes | None = None
    disk_free_bytes: Bytes | None = None
    full_in_seconds: Seconds | None = None
    last_event: Time | None = None
    backups: int | None = None
    survives_upgrade: bool | None = None
    survives_upgrade_why: Words = ""
    differs: tuple[SettingDifference, ...] = ()
    last_change: LastChange | None = None


def as_items(rows: Sequence[Row]) -> list[NodeStatus]:
    """The same for programs, one entry a node."""
    return [_item(row, row.status) if row.status else NodeStatus(host=row.name) for row in rows]


def faults(rows: Sequence[Row]) -> list[Fault]:
    """The nodes that did not answer."""
    return [
        Fault(code="node", message=row.unreachable, exit_code=Exit.FAILED, host=row.name)
        for row in rows
        if not row.status
    ]


def status_warnings(rows: Sequence[Row]) -> list[Warning]:
    """What a person should know besides."""
    return [
        Warning(code=NEWER if said == row.status.newer else "status", message=said, host=row.name)
        for row in rows
        if row.status
        for said in row.status.remarks
    ]


def _item(row: Row, status: Status) -> NodeStatus:
    return NodeStatus(
        host=row.name,
        hostname=status.host,
        cluster=row.cluster,
        ca=row.ca,
        state=status.state,
        good=row.good,
        enabled=status.enabled,
        by_hand=status.by_hand,
        restart_pending=status.restart_pending,
        unconfirmed=status.unconfirmed,
        flags=status.flags,
        kube_version=status.version or None,
        server_pid=int(status.server) if status.server else None,
        policy=policy_name(status) or None,
        policy_path=status.policy_path or None,
        policy_sha256=status.policy_sha256 or None,
        log_path=status.log_path or None,
        log_bytes=status.log_bytes,
        log_group=status.log_group or None,
        bytes_per_second=None if status.rate is None else round(status.rate, 3),
        kept_seconds=_in_seconds(status.hours_kept),
        kept_bytes=status.bytes_kept,
        disk_free_bytes=status.disk_free if status.disk_free >= 0 else None,
        full_in_seconds=_in_seconds(status.full_in_hours),
        last_event=status.last_event or None,
        backups=status.backups,
        survives_upgrade=status.persisted,
        survives_upgrade_why=status.persisted_why,
        differs=tuple(
            SettingDifference(name=d.name, here=d.here, usual=d.usual, source=d.source) for d in row.differs
        ),
        last_change=_last_change(status.journal),
    )


def _in_seconds(time: float | None) -> float | None:
    return None if time is None or not isfinite(time) else round(time * 3600, 1)


def _last_change(journal: Mapping[str, object]) -> LastChange | None:
    if not journal:
        return None
    action, result, time, by = (str(journal.get(name, "")) for name in ("action", "result", "time", "by"))
    return LastChange(action=action, result=result, time=time or None, by=by)


def policy_name(status: Status) -> str:
    """The preset with exactly this content, else the file's own name."""
    if not status.policy_sha256:
        return ""
    return presets.name_of(status.policy_sha256) or status.policy_path.rpartition("/")[2]


# --- several nodes: one line each, columns only as wide as they must be


def table(rows: Sequence[Row], *, colour: bool = False, reach: Reach = ()) -> str:
    """The table, and what is to be said of its nodes below it."""
    head, *blocks = table_blocks(HEAD, map(_cells, rows))
    painted = (
        paint(line, 32 if row.good else 31, colour) for row, block in zip(rows, blocks, strict=True) for line in block
    )
    below = (fitted(pasteable(line, reach)) for row in rows for line in _below(row))
    return "\n".join([*head, *painted, *below, *_legend()])


def _legend() -> list[str]:
    """What the columns mean, with -v; that there is such a text, on a terminal."""
    if presentation().verbosity <= 0:
        return ["", "(-v explains the columns)"] if presentation().verbosity == 0 and width() else []
    return ["", *(line for name, said in LEGEND.items() for line in wrap(said, f"{name:<18}", " " * 18))]


def _below(row: Row) -> list[str]:
    remarks = row.status.remarks if row.status else (row.unreachable,)
    survives = [_survives(row.status)] if row.status and row.status.persisted_why else []
    sentences = map(str, (*row.differs, *remarks, *survives))
    return [f"{safe(row.name)}: {safe(localized(said))}" for said in sentences]


def _cells(row: Row) -> tuple[str, ...]:
    status = row.status
    if status is None:
        return (row.name, "-", "unreachable", *["-"] * (len(HEAD) - 3))
    policy = policy_name(status) or "-"
    if status.policy_sha256:
        policy += f" {status.policy_sha256[:8]}"
    return (
        row.name,
        row.cluster or "-",
        status.state,
        policy,
        str(len(row.differs)) if row.differs else "-",
        "pending" if status.state == "restart-pending" else "-",
        "-" if status.rate is None else f"{size(status.rate)}/s",
        "-" if status.hours_kept is None else hours(status.hours_kept),
        age(status.last_event),
        _YES_NO.get(status.persisted, "?" if status.persisted_why else "-"),
    )


# --- one node


def _one(row: Row, status: Status) -> list[str]:
    lines = [f"{safe(row.name)}: {status.meaning} ({status.state})"]
    rows = [
        ("kube-apiserver", f"{status.version or 'unknown version'}, PID {status.server or '-'}"),
        ("policy", _policy(status)),
        ("log", _log(status)),
        ("last event", _last_event(status)),
        ("kept", _kept(status)),
        ("kubeadm", _survives(status)),
        ("backups", str(status.backups)),
    ]
    lines += [f"  {title:<15} {safe(value)}" for title, value in rows if value]
    lines += [f"  --{safe(flag)}={safe(value)}" for flag, value in sorted(status.flags.items())]
    lines += [f"  note: {safe(localized(str(said)))}" for said in (*row.differs, *status.remarks)]
    return lines


def _last_event(status: Status) -> str:
    return f"{shown(status.last_event)} {zone()} ({age(status.last_event)} ago)" if status.last_event else ""


def _survives(status: Status) -> str:
    if status.persisted:
        return "survives kubeadm upgrade: yes"
    said = "no" if status.persisted is False else "not known"
    return f"survives kubeadm upgrade: {said}, because {status.persisted_why}" if status.persisted_why else ""


def _policy(status: Status) -> str:
    return f"{status.policy_path} (sha256 {status.policy_sha256[:12] or 'missing'})" if status.policy_path else ""


def _log(status: Status) -> str:
    if not status.log_path:
        return ""
    speed = f", {size(status.rate)}/s, {size(status.rate * 86400)} a day" if status.rate else ""
    group = f", readable by group {status.log_group}" if status.log_group else ""
    return f"{status.log_path} ({size(status.log_bytes)}{speed}{group})"


def _kept(status: Status) -> str:
    if not status.log_path:
        return ""
    parts = []
    if status.hours_kept is not None:
        parts.append(f"about {hours(status.hours_kept)}")
    if status.bytes_kept is not None:
        parts.append(f"in up to {size(status.bytes_kept)}")
    if not parts:
        parts.append("everything, without limit")
    if status.log_path == "-":
        parts.append("by kubelet (containerLogMaxSize × containerLogMaxFiles), with the server's own messages")
    if status.disk_free >= 0:
        parts.append(f"({size(status.disk_free)} free)")
    return " ".join(parts)
