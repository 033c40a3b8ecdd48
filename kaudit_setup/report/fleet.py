"""Many nodes in one table: one line a node, columns only as wide as they must be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaudit_setup.report.escape import safe


@dataclass(frozen=True, slots=True)
class Row:
    """One node for people. `remarks` stand below the table; None is "not known"."""

    name: str
    cluster: str
    state: str
    good: bool
    policy: str = ""
    policy_sha256: str = ""
    differs: tuple[str, ...] = ()
    restart_pending: bool = False
    rate: float | None = None
    hours_kept: float | None = None
    last_event: str = ""
    persisted: bool | None = None
    remarks: tuple[str, ...] = ()


HEAD = ("NODE", "CLUSTER", "AUDIT", "POLICY", "DIFFERS", "RESTART", "RATE", "KEPT", "LAST EVENT", "PERSISTED")


def table(rows: Sequence[Row], *, colour: bool = False) -> str:
    """The table with its remarks; no trailing newline."""
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEAD))]
    lines = []
    for number, line in enumerate(cells):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        if colour and number:
            text = f"\x1b[{32 if rows[number - 1].good else 31}m{text}\x1b[0m"
        lines.append(text)
    for row in rows:
        lines += [f"{safe(row.name)}: {safe(said)}" for said in (*row.differs, *row.remarks)]
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    policy = safe(row.policy) or "-"
    if row.policy_sha256:
        policy += f" {row.policy_sha256[:8]}"
    return (
        safe(row.name),
        safe(row.cluster) or "-",
        row.state,
        policy,
        str(len(row.differs)) if row.differs else "-",
        "pending" if row.restart_pending else "-",
        size_rate(row.rate),
        duration(row.hours_kept),
        safe(row.last_event) or "-",
        {True: "yes", False: "will be lost at the next upgrade", None: "-"}[row.persisted],
    )


def size(count: float) -> str:
    """Bytes for people: 512 B, 3.4 KiB, 1.1 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def size_rate(rate: float | None) -> str:
    """Bytes a second."""
    return "-" if rate is None else f"{size(rate)}/s"


def duration(hours: float | None) -> str:
    """Hours for people: 40 min, 11 h, 30 d."""
    if hours is None:
        return "-"
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} d"
