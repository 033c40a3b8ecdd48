"""`top`, `stats` and `policy suggest` of a store: counted there, or known since the logs were packed."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.reports.stats import Count, NodeStats, by_node
from kaudit_setup.auditlog.reports.top import Groups
from kaudit_setup.stores.logs import StoreLogs


def add_counted(groups: Groups, logs: StoreLogs, by: Sequence[str], wanted: Filter) -> None:
    """Add to `groups` the events of `logs` that fit, counted by the store. Raises StoreError."""
    for group in logs.count(by, wanted):
        groups.add(group.key, group.events, group.size)
        groups.events += group.events
        groups.size += group.size
        groups.prune()


def stats(logs: StoreLogs) -> tuple[NodeStats, ...]:
    """See `auditlog.reports.stats.stats`; no line is read. Raises StoreError."""
    counts: dict[tuple[str, str], Count] = {}
    for source in logs.shown_sources:
        counts.setdefault(source.file().log, Count()).add(source.count.count())
    return by_node(logs.files, logs.coverage(), counts)
