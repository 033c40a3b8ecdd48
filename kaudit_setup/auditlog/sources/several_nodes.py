"""The logs of several nodes, searched there or brought here; one that cannot be reached does not end the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.prefilter import narrows
from kaudit_setup.auditlog.sources.best_effort import BestEffortRunner, describe_losses, lose, missing
from kaudit_setup.auditlog.sources.fetch import fetched, narrowed
from kaudit_setup.auditlog.sources.listing import Listing
from kaudit_setup.auditlog.sources.local import LocalLogs
from kaudit_setup.auditlog.sources.log_node import LogNode, Progress
from kaudit_setup.auditlog.sources.nodes import RemoteLogs, listings
from kaudit_setup.errors import NodeError
from kaudit_setup.runner import Runner


class NodeLogs(msgspec.Struct, frozen=True):
    """The logs at `paths` on nodes; without any, where the node's API server writes.

    `script` is the text of the scripts lib and logs. `clusters`: the cluster of each node, by its name, where there
    are several.
    """

    runners: tuple[BestEffortRunner, ...]
    script: str
    paths: tuple[str, ...] = ()
    clusters: Mapping[str, str] = msgspec.field(default_factory=dict)

    @classmethod
    def on(
        cls,
        nodes: Iterable[Runner],
        script: str,
        paths: Iterable[str] = (),
        clusters: Mapping[str, str] | None = None,
    ) -> NodeLogs:
        """Those of `nodes`. Nothing is sent yet."""
        return cls(tuple(BestEffortRunner(node) for node in nodes), script, tuple(paths), clusters or {})

    @property
    def lost(self) -> tuple[str, ...]:
        """The names of the nodes that have failed so far."""
        return tuple(runner.name for runner in self.runners if runner.failure)

    @property
    def complete(self) -> bool:
        """Whether no node has failed so far."""
        return not any(runner.failure for runner in self.runners)

    def missing(self) -> list[str]:
        """A sentence for each node that failed; raises its NodeError if there is no other."""
        return missing(self.runners)

    def missing_here(self) -> list[str]:
        """A sentence for each node that failed, where other clusters have nodes that did not."""
        return describe_losses(self.runners)

    def remote(self) -> RemoteLogs:
        """The logs, to be searched where they are; not yet looked for."""
        return RemoteLogs(self.runners, self.script, self.paths, self.clusters)

    def searched(self) -> RemoteLogs:
        """The logs, to be searched where they are. Raises NodeError if there is none."""
        logs = self.remote()
        self._check_any(logs.listings())
        return logs

    def fetch(self, wanted: Filter | None, folder: Path, progress: Progress) -> tuple[LocalLogs, list[str]]:
        """The logs as files in `folder`: the lines that may fit `wanted`, or all if that says nothing. And sentences
        about what could not be brought. Raises NodeError if there is none.
        """
        if wanted is not None and narrows(wanted):
            return self._narrowed(wanted, folder), []
        files: list[LogFile] = []
        notes: list[str] = []
        nodes = [LogNode(runner, self.script) for runner in self.runners]
        found = listings(nodes, self.paths, self.clusters)
        self._check_any(found)
        for number, (runner, there) in enumerate(zip(self.runners, found, strict=True)):
            none = ["no audit log was found here: name it with --log"] if there.answered and not there.files else []
            here, lost = _fetched(nodes[number], there, folder / str(number), progress)
            notes += [f"{runner.name}: {sentence}" for sentence in (*none, *there.notes, *lost)]
            # a part of a log would pass for the whole of it
            files += here if runner.failure is None else ()
        return LocalLogs(files), notes

    def _narrowed(self, wanted: Filter, folder: Path) -> LocalLogs:
        logs = self.searched()
        found = narrowed(logs, wanted, folder)
        # a part of a log would pass for the whole of it
        lost = [there for runner, there in zip(self.runners, logs.listings(), strict=True) if runner.failure]
        return found.without({file.log for there in lost for file in there.files})

    def _check_any(self, found: Sequence[Listing]) -> None:
        """Raises NodeError if no node can be reached, or none of them has a log."""
        self.missing()
        if not any(one.files for one in found):
            names = ", ".join(runner.name for runner in self.runners if runner.failure is None)
            raise NodeError(f"{names}: no audit log was found", hint="name it with --log PATH, as the node sees it")


def _fetched(
    node: LogNode, there: Listing, folder: Path, progress: Progress
) -> tuple[tuple[LogFile, ...], list[str]]:
    """As `fetched`; nothing of a node whose answer cannot be used, if its loss does not end the others'."""
    try:
        return fetched(node, there, folder, progress)
    except NodeError as error:
        if not lose(node.runner, error):
            raise
        return (), []
