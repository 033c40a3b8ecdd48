"""The logs of one cluster out of a source that holds those of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.sources.port import LogSource
from kaudit_setup.auditlog.timestamps import ALWAYS, Window


class OfCluster(msgspec.Struct, frozen=True):
    """See `LogSource`; what is of other clusters than `cluster` is left out."""

    logs: LogSource
    cluster: str

    def clusters(self) -> list[str]:
        """See `LogSource.clusters`."""
        return [self.cluster]

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """See `LogSource.candidates`."""
        return (hit for hit in self.logs.candidates(literals, window, patterns) if hit.file.cluster == self.cluster)

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """See `LogSource.numbered`."""
        return self.logs.numbered(hits)

    def damaged(self, hit: Hit, what: str) -> None:
        """See `LogSource.damaged`."""
        self.logs.damaged(hit, what)

    def coverage(self) -> tuple[Coverage, ...]:
        """See `LogSource.coverage`."""
        return tuple(one for one in self.logs.coverage() if one.cluster == self.cluster)


def by_cluster(logs: LogSource) -> dict[str, LogSource]:
    """`logs`, cluster by cluster, in the order of their files; with one cluster as they are."""
    clusters = logs.clusters()
    if len(clusters) < 2:
        return {"".join(clusters): logs}
    if isinstance(logs, LocalLogs):
        return {name: LocalLogs([file for file in logs.files if file.cluster == name]) for name in clusters}
    return {name: OfCluster(logs, name) for name in clusters}
