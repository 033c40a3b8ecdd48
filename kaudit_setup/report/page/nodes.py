"""Control planes as a page: a table for each cluster, with a row for each node and what is to be said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from kaudit_setup.change.status import Status
from kaudit_setup.fleet.status import Row
from kaudit_setup.report.documents.document import document
from kaudit_setup.report.escape import safe
from kaudit_setup.report.nodes.status import NodeStatus, as_items, faults, policy_name, status_warnings
from kaudit_setup.report.page.frame import fill
from kaudit_setup.report.quantities import hours, size
from kaudit_setup.report.times import age

Look = Literal["good", "doubt", "bad"]

_BAD: Final = frozenset({"off", "not-writing", "records-nothing", "reverted", "server-down"})
"""States in which nothing is recorded."""
_NO_CLUSTER: Final = "Did not answer"
_SURVIVES: Final[dict[bool | None, str]] = {True: "yes", False: "no", None: "not known"}


@dataclass(frozen=True, slots=True)
class PageNode:
    """One row, every text harmless; empty where it is unknown. `look`: how urgent its state is."""

    name: str
    state: str
    meaning: str
    look: Look
    hostname: str = ""
    version: str = ""
    policy: str = ""
    sha256: str = ""
    differs: tuple[str, ...] = ()
    pending: bool = False
    survives: str = ""
    why_not: str = ""
    last_event: str = ""
    event_age: str = ""
    log: str = ""
    rate: str = ""
    kept: str = ""
    limit: str = ""
    free: str = ""
    backups: str = ""
    last_change: str = ""
    changed: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageCluster:
    """The nodes of one cluster; `good`: how many of them are as they should be."""

    name: str
    nodes: tuple[PageNode, ...]

    @property
    def good(self) -> int:
        """How many nodes are as they should be."""
        return sum(node.look == "good" for node in self.nodes)


def status_page(rows: Sequence[Row], now: datetime | None = None) -> str:
    """The whole file; what programs read of it is the document of `status -o json`."""
    moment = now or datetime.now(UTC)
    clusters = _clusters(rows, moment)
    values = {
        "made": f"{moment:%Y-%m-%d %H:%M:%S}",
        "clusters": clusters,
        "nodes": len(rows),
        "counts": {look: sum(node.look == look for one in clusters for node in one.nodes) for look in _LOOKS},
    }
    data = document(NodeStatus, as_items(rows), faults(rows), status_warnings(rows))
    return fill("status.html.j2", values, ("frame.js", "status.js"), ("frame.css", "status.css"), data)


_LOOKS: Final[tuple[Look, ...]] = ("good", "doubt", "bad")


def _clusters(rows: Sequence[Row], now: datetime) -> tuple[PageCluster, ...]:
    """In the order of the nodes; those that did not answer last, since nobody knows where they belong."""
    found: dict[str, list[PageNode]] = {}
    for row in sorted(rows, key=lambda one: one.status is None):
        name = safe(row.cluster) or ("Without a name" if row.status else _NO_CLUSTER)
        found.setdefault(name, []).append(_node(row, now))
    return tuple(PageCluster(name, tuple(nodes)) for name, nodes in found.items())


def _node(row: Row, now: datetime) -> PageNode:
    status = row.status
    if status is None:
        return PageNode(safe(row.name), "unreachable", "did not answer", "bad", remarks=(safe(row.unreachable),))
    name = safe(row.name)
    return PageNode(
        name=name,
        state=status.state,
        meaning="its settings differ" if status.state == "on" and row.differs else status.meaning,
        look=_look(row, status),
        hostname=safe(status.host) if status.host != row.name else "",
        version=safe(status.version),
        policy=safe(policy_name(status)),
        sha256=safe(status.policy_sha256[:12]),
        differs=tuple(safe(str(one)) for one in row.differs),
        pending=status.restart_pending,
        survives=_SURVIVES[status.persisted] if status.persisted or status.persisted_why else "",
        why_not=safe(status.persisted_why),
        last_event=safe(_day(status.last_event)),
        event_age=age(status.last_event, now) if status.last_event else "",
        log=size(status.log_bytes) if status.log_path else "",
        rate=f"{size(status.rate)}/s" if status.rate is not None else "",
        kept=hours(status.hours_kept) if status.log_path and status.hours_kept is not None else "",
        limit=_limit(status),
        free=f"{size(status.disk_free)} free" if status.log_path and status.disk_free >= 0 else "",
        backups=str(status.backups),
        last_change=" ".join(_said_by(status, "action", "result")),
        changed=(*map(_day, _said_by(status, "time")), *_said_by(status, "by")),
        remarks=tuple(map(safe, status.remarks)),
        flags=tuple(safe(f"--{flag}={value}") for flag, value in sorted(status.flags.items())),
    )


def _look(row: Row, status: Status) -> Look:
    if row.good:
        return "good"
    return "bad" if status.state in _BAD else "doubt"


def _limit(status: Status) -> str:
    if not status.log_path:
        return ""
    return f"up to {size(status.bytes_kept)}" if status.bytes_kept is not None else "without limit"


def _day(moment: str) -> str:
    """`2026-11-23T20:12:19Z` as the page shows it: its times are UTC."""
    return moment.replace("T", " ").removesuffix("Z")


def _said_by(status: Status, *names: str) -> tuple[str, ...]:
    """Some values of the last line of the node's journal."""
    return tuple(safe(str(status.journal[name])) for name in names if status.journal.get(name))
