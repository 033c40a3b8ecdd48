"""Logs for questions that are answered cluster by cluster: `--cluster`, and what is opened for each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options.logs import LogOptions

if TYPE_CHECKING:
    from kaudit_setup.auditlog.sources.local import LocalLogs
    from kaudit_setup.auditlog.sources.port import LogSource
    from kaudit_setup.model import SilentServer
    from kaudit_setup.node.objects import Runner

ClusterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="NAME=PATH",
        help="Logs of one of several clusters, as --log takes them; repeatable. Each cluster is answered by itself. "
        "With --host, the cluster CA on the nodes tells clusters apart.",
    ),
]


@dataclass(frozen=True, slots=True)
class ClusterLogs:
    """The logs of one cluster; `name` is empty where there is only one, which nobody named.

    `missing`: sentences about logs that could not be asked, once they were. `nodes`: those that the logs are on.
    `silent`: API servers that are known to write no log, or were not asked.
    """

    name: str
    logs: LogSource
    missing: Callable[[], list[str]]
    nodes: Sequence[Runner] = ()
    silent: tuple[SilentServer, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ClusterLogOptions(LogOptions):
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
        from kaudit_setup.auditlog.clusters.one import by_cluster

        with self.stores() as stores:
            if stores is not None:
                yield [ClusterLogs(name, logs, stores.missing) for name, logs in by_cluster(stores).items()]
                return
        if self.remote:
            with self.on_nodes() as there:
                yield [ClusterLogs("", there.remote(), there.missing, [runner.plain for runner in there.runners])]
            return
        with self._local() as logs:
            yield [ClusterLogs(name, one, list) for name, one in by_cluster(logs).items()]

    @contextmanager
    def _local(self) -> Iterator[LocalLogs]:
        """The files on this machine; what can be read only once is kept, since a question may need to look again."""
        from kaudit_setup.auditlog.sources.local import LocalLogs, rereadable
        from kaudit_setup.cli.signals import clean_up_when_ended

        # without a standard input there is nothing in it that could be asked for
        stdin = sys.stdin.buffer if sys.stdin is not None else BytesIO()
        with clean_up_when_ended(), rereadable(self.files(), stdin) as files:
            yield LocalLogs(files)
