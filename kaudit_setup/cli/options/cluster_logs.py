"""Logs for questions that are answered cluster by cluster: `--cluster`, and what is opened for each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kaudit_setup.cli.options.logs import LogOptions

if TYPE_CHECKING:
    from kaudit_setup.attribution.evidence.lines import Stored
    from kaudit_setup.auditlog.sources.local import LocalLogs
    from kaudit_setup.auditlog.sources.port import LogSource
    from kaudit_setup.auditlog.sources.several_nodes import NodeLogs
    from kaudit_setup.fleet.logs.clusters import LogCluster
    from kaudit_setup.fleet.survey import Candidate
    from kaudit_setup.runner import Runner
    from kaudit_setup.unlogged_servers import UnloggedServer

ClusterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="NAME=PATH",
        help="Logs of one of several clusters, as --log takes them (files, an archive, a store); repeatable. Each "
        "cluster is answered by itself. "
        "With --host, the cluster CA on the nodes tells clusters apart.",
    ),
]


class ClusterLogs(msgspec.Struct, frozen=True):
    """The logs of one cluster; `name` is empty where there is only one, which nobody named.

    `missing`: sentences about logs that could not be asked, once they were. `nodes`: those that the logs are on.
    `unlogged`: API servers that are known to write no log, or were not asked. `stored`: what knows more of them.
    `policies`: the audit policies on the nodes, each with the names of those that have it. `clocks`: sentences about
    nodes whose clocks are not the one here.
    """

    name: str
    logs: LogSource
    missing: Callable[[], list[str]]
    nodes: Sequence[Runner] = ()
    unlogged: Callable[[], Sequence[UnloggedServer]] = tuple
    stored: Stored | None = None
    policies: Sequence[tuple[bytes, tuple[str, ...]]] = ()
    clocks: Sequence[str] = ()


class ClusterLogOptions(LogOptions, frozen=True, kw_only=True):
    """Where logs come from, and of which clusters they are."""

    cluster: ClusterOption = None

    @property
    def clusters(self) -> list[str] | None:
        """See `LogOptions.clusters`."""
        return self.cluster

    @contextmanager
    def opened(self) -> Iterator[list[ClusterLogs]]:
        """The logs, cluster by cluster; a node or a store that cannot be asked is said, and is not fatal as long as
        another can. Raises InputError, NodeError, StoreError.
        """
        from kaudit_setup.auditlog.clusters.one_cluster import by_cluster

        with self.stores() as stores:
            if stores is not None:
                stored = stores if stores.counting else None
                each = by_cluster(stores).items()
                yield [
                    ClusterLogs(name, logs, stores.missing, unlogged=stores.unlogged, stored=stored)
                    for name, logs in each
                ]
                return
        if self.remote:
            with self._clusters_of_nodes() as found:
                yield found
            return
        with self._local() as logs:
            yield [ClusterLogs(name, one, list) for name, one in by_cluster(logs).items()]

    @contextmanager
    def on_nodes(self) -> Iterator[NodeLogs]:
        """See `LogOptions.on_nodes`; nodes of several clusters are told apart by the CA that is on them."""
        from kaudit_setup.auditlog.sources.several_nodes import NodeLogs

        with self.candidates() as found:
            clusters = _clusters_of(found) if len(found) > 1 else ()
            names = {node.name: one.name for one in clusters for node in one.nodes} if len(clusters) > 1 else {}
            yield NodeLogs.on([candidate.node for candidate in found], _script(), self.log or (), names)

    @contextmanager
    def _clusters_of_nodes(self) -> Iterator[list[ClusterLogs]]:
        """The logs on the nodes, cluster by cluster."""
        from kaudit_setup.auditlog.sources.several_nodes import NodeLogs

        with self.candidates() as found:
            clusters = _clusters_of(found)
            parts = []
            for one in clusters:
                name = one.name if len(clusters) > 1 else ""
                names = {node.name: name for node in one.nodes}
                there = NodeLogs.on(one.nodes, _script(), self.log or (), names)
                missing = there.missing_here if name else there.missing
                unlogged = _unlogged(one, there)
                logs = there.remote()
                found_there = ClusterLogs(name, logs, missing, one.nodes, unlogged, None, one.policies, one.clocks)
                parts.append(found_there)
            yield parts

    @contextmanager
    def _local(self) -> Iterator[LocalLogs]:
        """The files on this machine; what can be read only once is kept, since a question may need to look again."""
        from kaudit_setup.auditlog.sources.local import LocalLogs, rereadable

        # without a standard input there is nothing in it that could be asked for
        stdin = sys.stdin.buffer if sys.stdin is not None else BytesIO()
        with self.files() as found, rereadable(found, stdin) as files:
            yield LocalLogs(files)


def _clusters_of(found: Sequence[Candidate]) -> tuple[LogCluster, ...]:
    from kaudit_setup.auditlog.scanning.meter import metered_nodes
    from kaudit_setup.fleet.logs.clusters import log_clusters

    with metered_nodes([each.node.name for each in found]) as meter:
        return log_clusters(found, meter.remain if meter is not None else lambda _left: None)


def _unlogged(cluster: LogCluster, there: NodeLogs) -> Callable[[], Sequence[UnloggedServer]]:
    """The servers that are known to write no log or were not asked, and those whose log could not be read."""
    from kaudit_setup.unlogged_servers import UnloggedServer

    return lambda: (*cluster.unlogged, *(UnloggedServer(name, "its log could not be read") for name in there.lost))


def _script() -> str:
    from kaudit_setup.node.shell import script

    return script("lib") + script("logs")
