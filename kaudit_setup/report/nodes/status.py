"""What state nodes are in: one node in some lines, several in one table, and as plain data for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from kaudit_setup.change.status import Status
from kaudit_setup.fleet.status import Row
from kaudit_setup.policy import presets
from kaudit_setup.report.columns import columns
from kaudit_setup.report.escape import safe
from kaudit_setup.report.quantities import hours, size

HEAD = ("NODE", "CLUSTER", "AUDIT", "POLICY", "DIFFERS", "RESTART", "RATE", "KEPT", "LAST EVENT", "SURVIVES UPGRADE")
_YES_NO: dict[bool | None, str] = {True: "yes", False: "no"}


def as_text(rows: Sequence[Row], *, colour: bool = False) -> str:
    """One node that answered in some lines, several in a table; no trailing newline."""
    if len(rows) == 1 and rows[0].status:
        return _one(rows[0], rows[0].status)
    return table(rows, colour=colour)


def as_data(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The same for `-o json`, one entry a node."""
    return [_entry(row) for row in rows]


def _entry(row: Row) -> dict[str, Any]:
    if row.status is None:
        said = row.unreachable
        return {
            "name": row.name,
            "state": "unreachable",
            "meaning": said,
            "good": False,
            "differs": [],
            "remarks": [said],
        }
    return {
        "name": row.name,
        "cluster": row.cluster,
        "ca": row.ca,
        "good": row.good,
        "policy": policy_name(row.status),
        "differs": [str(difference) for difference in row.differs],
        "meaning": row.status.meaning,
        **asdict(row.status),
    }


def policy_name(status: Status) -> str:
    """The preset with exactly this content, else the file's own name."""
    if not status.policy_sha256:
        return ""
    return presets.name_of(status.policy_sha256) or status.policy_path.rpartition("/")[2]


# --- several nodes: one line each, columns only as wide as they must be


def table(rows: Sequence[Row], *, colour: bool = False) -> str:
    """The table, and what is to be said of its nodes below it."""
    lines = list(columns(HEAD, map(_cells, rows)))
    if colour:
        painted = (f"\x1b[{32 if row.good else 31}m{line}\x1b[0m" for row, line in zip(rows, lines[1:], strict=True))
        lines[1:] = list(painted)
    return "\n".join([*lines, *(line for row in rows for line in _below(row))])


def _below(row: Row) -> list[str]:
    remarks = row.status.remarks if row.status else (row.unreachable,)
    survives = [_survives(row.status)] if row.status and row.status.persisted_why else []
    return [f"{safe(row.name)}: {safe(str(said))}" for said in (*row.differs, *remarks, *survives)]


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
        status.last_event or "-",
        _YES_NO.get(status.persisted, "?" if status.persisted_why else "-"),
    )


# --- one node


def _one(row: Row, status: Status) -> str:
    lines = [f"{safe(row.name)}: {status.meaning} ({status.state})"]
    rows = [
        ("kube-apiserver", f"{status.version or 'unknown version'}, PID {status.server or '-'}"),
        ("policy", _policy(status)),
        ("log", _log(status)),
        ("last event", status.last_event),
        ("kept", _kept(status)),
        ("kubeadm", _survives(status)),
        ("backups", str(status.backups)),
    ]
    lines += [f"  {title:<15} {safe(value)}" for title, value in rows if value]
    lines += [f"  --{safe(flag)}={safe(value)}" for flag, value in sorted(status.flags.items())]
    lines += [f"  note: {safe(str(said))}" for said in (*row.differs, *status.remarks)]
    return "\n".join(lines)


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
    return f"{status.log_path} ({size(status.log_bytes)}{speed})"


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
    if status.disk_free >= 0:
        parts.append(f"({size(status.disk_free)} free)")
    return " ".join(parts)
