"""Loki as a source of logs. A line has no number there: the moment that Loki has it from stands in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path

from kaudit_setup.auditlog.coverage.node import Coverage, coverage
from kaudit_setup.auditlog.files import LogFile, latest_begin
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.literals import Plain, plainly, says, spellings
from kaudit_setup.auditlog.prefilter import needles
from kaudit_setup.auditlog.raw_lines import inside, not_an_event
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.timestamps import ALWAYS, Window, stamp
from kaudit_setup.errors import InputError, KauditError, StoreError
from kaudit_setup.stores.address import Address
from kaudit_setup.stores.loki.api import Entry, Loki
from kaudit_setup.stores.loki.other_lines import KeptLines, line_of
from kaudit_setup.stores.loki.query import is_own, line_filter, selector, with_label
from kaudit_setup.temporary import LazyFolder

_NODE_LABELS = (
    "node",
    "node_name",
    "nodename",
    "k8s_node_name",
    "kubernetes_node_name",
    "kubernetes_host",
    "hostname",
    "host",
    "host_name",
    "instance",
)
_CLUSTER_LABELS = (
    "cluster",
    "cluster_name",
    "k8s_cluster",
    "k8s_cluster_name",
    "kubernetes_cluster",
    "kubernetes_cluster_name",
)
_MOST_NODES = 30
"""Whose first and last lines are asked for, each by itself."""
_REACH = timedelta(days=30)
"""How far back is asked if no --since is given."""
_LATE = timedelta(minutes=10)
"""How much later than its event a line may be dated by a shipper."""


class LokiLogs:
    """See `several.Source`."""

    def __init__(self, name: str, loki: Loki, query: str, now: datetime, cluster: str = "") -> None:
        """`cluster`: of which the logs are, if somebody says so. Nothing is asked yet."""
        self._cluster = cluster
        self._own_cluster = ""
        self.name = name
        self._loki = loki
        self._query = query
        self._now = now
        self._files: dict[str, LogFile] = {}
        self._tallies: dict[str, Tally] = {}
        self._of_others: dict[str, Tally] = {}
        self._looked = False
        self._common: tuple[str, str] | None = None
        self._window = ALWAYS
        self._folder = LazyFolder()

    @classmethod
    def at(cls, address: Address) -> LokiLogs:
        """Nothing is asked yet. Raises InputError."""
        if not address.query.startswith("{"):
            raise InputError(
                f"{address.url}: the query does not select streams", hint='write ?query={app="kube-audit"}'
            )
        return cls(address.url, Loki.at(address), address.query, datetime.now(UTC), address.cluster)

    def clusters(self) -> list[str]:
        """See `LogSource.clusters`: those that labels name; else what a query finds is taken for the logs of one.
        Raises StoreError.
        """
        if self._cluster:
            return [self._cluster]
        streams = self._loki.streams(selector(self._query), *self._span())
        return sorted({value for _, value in map(_cluster_of, streams)}) or [""]

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """See `LogSource.candidates`. Raises StoreError."""
        self._window = window
        self._look_at_edges()
        asked = list(dict.fromkeys(filter(None, literals)))
        plains = tuple(map(plainly, asked))
        wanted = [spelt for literal in asked for spelt in spellings(literal)]
        try:
            others = KeptLines(self._place())
            for entry in self._lines(plains):
                if not is_own(line_of(entry)):
                    others.add(self._file(entry), entry)
                    continue
                hit = self._hit(entry)
                if wanted and not any(text in hit.text for text in wanted) and not says(hit.text, plains):
                    continue
                if window.open or inside(hit.text, window):
                    yield hit
            yield from self._others(others, asked)
        except OSError as error:
            raise self._no_room(error) from error

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """See `LogSource.numbered`."""
        return list(hits)

    def damaged(self, hit: Hit, what: str) -> None:
        """See `LogSource.damaged`."""
        self._tallies.setdefault(hit.file.key, Tally()).damage(0, what, hit.text)

    def coverage(self) -> tuple[Coverage, ...]:
        """See `LogSource.coverage`: from the first line that Loki has of the time that was asked for to the last."""
        tallies = dict(self._tallies)
        for path, others in self._of_others.items():
            tallies[path] = whole = Tally()
            for tally in (self._tallies[path], others):
                whole.add(tally)
        return coverage(tuple(self._files.values()), tallies)

    def fetch(self, wanted: Filter, folder: Path) -> list[LogFile]:
        """See `several.Source.fetch`. Lines as kube-apiserver writes them and others are in files of their own."""
        self._window = wanted.window
        try:
            kept = []
            for name in ("own", "others"):
                (folder / name).mkdir(mode=0o700, parents=True)
                kept.append(KeptLines(folder / name))
            for entry in self._lines(tuple(map(plainly, needles(wanted)))):
                kept[not is_own(line_of(entry))].add(self._file(entry), entry)
            brought = [file for lines in kept for file in lines.files()]
        except OSError as error:
            raise self._no_room(error) from error
        if not brought:
            self._look_at_edges()
        return brought

    def left_out(self) -> Sequence[str]:
        """See `several.Source.left_out`."""
        return ()

    def lost(self) -> Sequence[str]:
        """See `several.Source.lost`."""
        return ()

    def close(self) -> None:
        """Remove the lines that were kept here."""
        self._folder.close()

    def _place(self) -> Path:
        """A new folder. Raises OSError."""
        place = self._folder.new_place()
        place.mkdir()
        return place

    def _no_room(self, error: OSError) -> KauditError:
        return KauditError(
            f"the lines of {self.name} cannot be kept here: {error.strerror or error}",
            hint="make room, or name another place for it with TMPDIR",
        )

    def _lines(self, plains: Sequence[Plain]) -> Iterator[Entry]:
        return self._loki.lines(f"{self._query}{line_filter(plains)}", *self._span())

    def _hit(self, entry: Entry) -> Hit:
        text = line_of(entry)
        file = self._file(entry)
        tally = self._tallies[file.key]
        what = not_an_event(text)
        if what:
            tally.damage(0, what, text)
        tally.events += not what
        return Hit(file, entry.at, 0, text)

    def _others(self, kept: KeptLines, literals: Sequence[bytes]) -> Iterator[Hit]:
        """The hits in lines of other shapes."""
        tallies: dict[str, Tally] = {}
        paths = {file.copy: file.path for file in kept.files()}
        try:
            yield from kept.hits(literals, self._window, tallies)
        finally:
            for copy, tally in tallies.items():
                tally.first = tally.last = ""  # Loki knows more of its lines than those that were found
                self._of_others[paths[copy]] = tally  # a later search looks at the same lines

    def _file(self, entry: Entry) -> LogFile:
        shown = "{" + ", ".join(f"{name}={value}" for name, value in entry.labels) + "}"
        if shown not in self._files:
            node = _node_of(dict(entry.own)) or _node_of(dict(entry.labels)) or ("", self._loki.server.host)
            known = list(self._files.values())
            self._files[shown] = file = LogFile(node[1], shown, cluster=self._cluster or self._cluster_in(entry))
            self._tallies[shown] = tally = Tally()
            if self._common is not None and all(other.log != file.log for other in known):
                tally.first, tally.last = self._common
        return self._files[shown]

    def _cluster_in(self, entry: Entry) -> str:
        """The cluster that a line's stream names. Raises StoreError if lines of one stream name several, which only
        whoever reads all of them sees.
        """
        _, of_stream = _cluster_of(dict(entry.labels))
        name, own = _cluster_of(dict(entry.own))
        if of_stream or not own:
            return of_stream
        if self._own_cluster not in {"", own}:
            raise StoreError(
                f"{self.name}: the query selects lines of the clusters {self._own_cluster} and {own}",
                hint=f'ask for one: add | {name}="{own}" to the query',
            )
        self._own_cluster = own
        return ""

    def _look_at_edges(self) -> None:
        """Learn from when to when Loki has lines of each node, once. Raises StoreError if there are none at all."""
        if self._looked:
            return
        self._looked = True
        streams = self._loki.streams(selector(self._query), *self._span())
        places = sorted(set(filter(None, map(_place_of, streams))))
        if 1 < len(places) <= _MOST_NODES:
            for place in places:
                self._extend(self._edges(reduce(lambda query, label: with_label(query, *label), place, self._query)))
            return
        edges = self._edges(self._query)
        if not edges:
            raise StoreError(
                f"{self.name}: Loki has no line that the query selects in the time that is asked for",
                hint=f"is the query right? Without --since, the last {_REACH.days} days are asked",
            )
        # which node has lines from when to when is not known then: a node must not seem silent for that
        self._common = (_moment(edges[0]), _moment(edges[-1]))
        self._extend(edges)
        self._file(edges[-1])

    def _edges(self, query: str) -> list[Entry]:
        found = (self._loki.edge(query, *self._span(), last=last) for last in (False, True))
        return [entry for entry in found if entry is not None]

    def _extend(self, edges: Sequence[Entry]) -> None:
        """Note from when to when there are lines of a node: its first and its last one, or none."""
        for first in edges[:1]:
            tally = self._tallies[self._file(first).key]
            tally.first, tally.last = _moment(first), _moment(edges[-1])
            tally.note("Loki was asked for its first and its last line only; gaps were not looked for")

    def _span(self) -> tuple[int, int]:
        """What is asked for, in nanoseconds since 1970: a request is written, and sent, when it ends."""
        until = self._now + _LATE
        if self._window.until != ALWAYS.until:
            until = min(until, datetime.fromisoformat(latest_begin(self._window)) + _LATE)
        since = datetime.fromisoformat(self._window.since) if self._window.since else self._now - _REACH
        if since > until:
            raise StoreError(f"{self.name}: the time that is asked for lies in the future")
        return int(since.timestamp()) * 10**9, (int(until.timestamp()) + 1) * 10**9


def _node_of(labels: Mapping[str, str]) -> tuple[str, str] | None:
    """The label that names the node, and its value; None without one."""
    return next(((name, labels[name]) for name in _NODE_LABELS if labels.get(name)), None)


def _cluster_of(labels: Mapping[str, str]) -> tuple[str, str]:
    """The label that names the cluster, and its value; both empty without one."""
    return next(((name, labels[name]) for name in _CLUSTER_LABELS if labels.get(name)), ("", ""))


def _place_of(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The labels that tell the log of one node of one cluster; none if no label names its node."""
    node, cluster = _node_of(labels), _cluster_of(labels)
    return (*([cluster] if cluster[0] else []), node) if node is not None else ()


def _moment(entry: Entry) -> str:
    return stamp(datetime.fromtimestamp(entry.at / 1e9, UTC))
