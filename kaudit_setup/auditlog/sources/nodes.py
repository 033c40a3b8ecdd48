"""Logs on other machines: the search runs there, a thread for each machine; only matching lines cross the network."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from kaudit_setup.auditlog.coverage.node import Coverage
from kaudit_setup.auditlog.coverage.unreadable import not_read, together
from kaudit_setup.auditlog.files import LogFile, ended_before
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.meter import LOOK_S, NodesMeter, metered_nodes
from kaudit_setup.auditlog.search import Hit, candidates
from kaudit_setup.auditlog.sources.best_effort import is_lost, lose
from kaudit_setup.auditlog.sources.listing import Listing, listing
from kaudit_setup.auditlog.sources.log_node import LogNode, Nothing, Unpack, failure_of
from kaudit_setup.auditlog.sources.other_shapes import brought_here, sort_out
from kaudit_setup.auditlog.sources.remote_filter import RemoteFilter, RemoteFilterAnswer, kept_here
from kaudit_setup.auditlog.sources.search_answer import SearchAnswer
from kaudit_setup.auditlog.sources.search_request import SearchRequest, file_list, one_by_one
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.errors import KauditError, NodeError
from kaudit_setup.runner import Runner
from kaudit_setup.values import replace

_WAITING_BYTES = 4 << 20
"""Bytes of lines that a machine may be ahead of the reader; one line more, however long it is."""
_STOP_LOOK_S = 0.5
"""Seconds: a thread that is held back looks so often whether its lines are still wanted."""


class Backlog(queue.Queue["Hit | None"]):
    """Hits that wait to be taken, None at their end; `maxsize` is in bytes: a line may have megabytes."""

    def take(self, meter: NodesMeter | None) -> Hit | None:
        """The next one, as soon as there is one; whoever watches is asked meanwhile."""
        if meter is None:
            return self.get()
        while True:
            meter.tick()
            with contextlib.suppress(queue.Empty):
                return self.get(timeout=LOOK_S)

    def offer(self, hit: Hit | None, unwanted: threading.Event) -> bool:
        """Add `hit` as soon as there is room for it; False if nobody wants it any more."""
        while not unwanted.is_set():
            with contextlib.suppress(queue.Full):
                self.put(hit, timeout=_STOP_LOOK_S)
                return True
        return False

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._held = 0

    def _qsize(self) -> int:
        return self._held

    def _put(self, item: Hit | None) -> None:
        super()._put(item)
        self._held += _room(item)

    def _get(self) -> Hit | None:
        item: Hit | None = super()._get()
        self._held -= _room(item)
        return item


def _room(hit: Hit | None) -> int:
    return len(hit.text) + 256 if hit else 1


class _NodeSearch:
    """One machine's part of a search: a thread that runs the script, and a backlog that holds it back."""

    def __init__(self, node: LogNode, found: Listing, request: SearchRequest, unwanted: threading.Event) -> None:
        """`unwanted` is set once nobody takes hits any more."""
        self._node = node
        self._listing = found
        self._request = request
        self._unwanted = unwanted
        self._files = tuple(file for file in found.files if not ended_before(file, request.window.since))
        self._answer = SearchAnswer(self._files, request.window)
        self._backlog = Backlog(_WAITING_BYTES)
        self._failure: KauditError | None = None
        self.moved = 0
        """Bytes that crossed the network."""

    def start(self, meter: NodesMeter | None) -> None:
        """Begin, in a thread of its own; `meter` learns when it has ended."""
        threading.Thread(target=self._run, args=(meter,), daemon=True).start()

    def hits(self, meter: NodesMeter | None) -> Iterator[Hit]:
        """What was found, as it arrives. Raises KauditError."""
        while (hit := self._backlog.take(meter)) is not None:
            # a node finds the most telling value of a line in another order, the rest is looked for here
            if self._request.said_in(hit.text):
                yield hit
        if self._failure is not None:
            raise self._failure

    def coverage(self) -> tuple[Coverage, ...]:
        """What the machine's log covers, as far as it has said so."""
        tallies = dict(self._answer.tallies)
        for tally in tallies.values():
            tally.note("gaps within files were not checked (`stats` checks them)")
        lost = is_lost(self._node.runner)
        return tuple(replace(cover, lost=lost) for cover in self._listing.coverage(tallies))

    def _run(self, meter: NodesMeter | None) -> None:
        try:
            self._search("lines", self._files)
            others = self._answer.others
            if others:
                sorted_out = sort_out(self._node, others)
                self.moved += sorted_out.moved
                self._search("any", sorted_out.lines)
                self._answer.look_like(sorted_out.samples)
                for file in (*sorted_out.shaped, *self._sift(sorted_out.sifted)):
                    self._search_here(file)
        except KauditError as error:
            self._fail(error)
        except Exception as error:
            self._fail(NodeError(f"{self._node.name}: the search failed: {error}"))
        if meter is not None:
            meter.end(self._node.name)
        self._backlog.offer(None, self._unwanted)

    def _fail(self, error: KauditError) -> None:
        """End with this error, or without this machine."""
        if self._unwanted.is_set() or not isinstance(error, NodeError) or not lose(self._node.runner, error):
            self._failure = error

    def _search(self, way: str, files: Sequence[LogFile]) -> None:
        """Let the machine search `files`; see the script for the `way`. Raises KauditError."""
        if files:
            self._ask(["search", "gzip", way, *self._request.args], file_list(files), self._take, self._answer)

    def _sift(self, files: Sequence[RemoteFilter]) -> list[LogFile]:
        """Let the machine sift `files`; those that it has no tool for. Raises KauditError."""
        unsifted: list[LogFile] = []
        again = list(files)
        while again:
            waiting, again = again, []
            for way, depth in dict.fromkeys((one.way, one.depth) for one in waiting):
                answer = self._sift_alike(
                    [one for one in waiting if (one.way, one.depth) == (way, depth)], way, depth
                )
                unsifted += answer.unsifted
                again += answer.again
        return unsifted

    def _sift_alike(self, files: Sequence[RemoteFilter], way: str, depth: int | None) -> RemoteFilterAnswer:
        """The same of files that are asked for in one way. Raises KauditError."""
        args = ["sift", "gzip", way, "0", "", "", *self._request.inside(depth)]
        with kept_here(self._node.name) as folder, contextlib.closing(RemoteFilterAnswer(files, folder)) as answer:
            self._ask(args, one_by_one([one.file for one in files]), answer.feed, answer)
            answer.close()
            for hit in answer.hits(self._request.literals, self._request.window, self._answer.tallies):
                self._put(hit)
        return answer

    def _ask(
        self,
        args: Sequence[str],
        stdin: bytes,
        sink: Callable[[bytes], None],
        answer: SearchAnswer | RemoteFilterAnswer,
    ) -> None:
        """Ask the machine; `answer` tells whether all of it came. Raises KauditError."""
        unpack = Unpack(sink)
        answer.whole = False
        try:
            done = self._node.ask(args, unpack.feed, stdin=stdin)
        finally:
            self.moved += unpack.moved
        if failure := failure_of(self._node.name, done):
            raise failure
        # who was lost on the way is missing from the answer; what it said till then cannot be told from the whole
        if not answer.whole and not isinstance(done, Nothing):
            cut = f"{self._node.name}: the answer to the search was cut short"
            raise NodeError(cut, hint="run the same command again")

    def _take(self, data: bytes) -> None:
        for hit in self._answer.feed(data):
            self._put(hit)

    def _search_here(self, file: LogFile) -> None:
        """Bring `file`, whose lines are not events as they stand, and search it as if the machine had done it."""
        tallies: dict[str, Tally] = {}
        with brought_here(self._node, file) as brought:
            self.moved += brought.moved
            for hit in candidates([brought.file], self._request.literals, tallies=tallies):
                if self._answer.in_window(hit.text):
                    self._put(replace(hit, file=file))
        self._answer.tallies[file.path] = next(iter(tallies.values()), Tally())

    def _put(self, hit: Hit) -> None:
        if not self._backlog.offer(hit, self._unwanted):
            raise NodeError("the answer is not wanted any more")


class RemoteLogs:
    """The logs of several machines, searched where they are; the same questions as to `LocalLogs`."""

    def __init__(
        self,
        runners: Sequence[Runner],
        script: str,
        paths: Sequence[str] = (),
        clusters: Mapping[str, str] | None = None,
    ) -> None:
        """`script`: the text of `lib` and `logs`. `paths`: where the logs are there; empty: the script finds out.
        `clusters`: of which cluster each machine is, by its name, where there are several.
        """
        self._clusters = clusters or {}
        self._nodes = [LogNode(runner, script) for runner in runners]
        self._paths = list(paths)
        self._listings: list[Listing] | None = None
        self._coverage: tuple[Coverage, ...] = ()
        self._damaged: dict[LogFile, Tally] = {}
        self.moved = 0
        """Bytes that crossed the network, both kinds: lines and what the nodes said about their files."""

    def listings(self) -> list[Listing]:
        """The log files of each machine, as they were when they were first asked for. Raises NodeError."""
        if self._listings is None:
            self._listings = listings(self._nodes, self._paths, self._clusters)
            self.moved += sum(found.moved for found in self._listings)
        return self._listings

    def clusters(self) -> list[str]:
        """See `LogSource.clusters`. Raises NodeError."""
        return list(dict.fromkeys(file.cluster for found in self.listings() for file in found.files))

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """See `LogSource.candidates`; machine after machine, all of them searching at once. Raises NodeError."""
        request, unwanted = SearchRequest.of(literals, patterns, window), threading.Event()
        searches = [
            _NodeSearch(node, found, request, unwanted)
            for node, found in zip(self._nodes, self.listings(), strict=True)
        ]
        with metered_nodes([node.name for node in self._nodes]) as meter:
            for search in searches:
                search.start(meter)
            try:
                for search in searches:
                    yield from search.hits(meter)
            finally:
                unwanted.set()
                self.moved += sum(search.moved for search in searches)
                self._coverage = tuple(cover for search in searches for cover in search.coverage())

    def coverage(self) -> tuple[Coverage, ...]:
        """What each machine's log covers, as the last search found it."""
        return tuple(map(self._with_damage, self._coverage))

    def damaged(self, hit: Hit, what: str) -> None:
        """See `LogSource.damaged`."""
        self._damaged.setdefault(hit.file, Tally()).damage(hit.line, what, hit.text)

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """The nodes number their lines themselves."""
        return list(hits)

    def _with_damage(self, cover: Coverage) -> Coverage:
        """`cover` with what was found to be damaged only here."""
        met = [(file.path, tally) for file, tally in self._damaged.items() if file.log == cover.log]
        located = [(path, damage) for path, tally in met for damage in tally.located]
        damaged = cover.damaged + sum(tally.damaged for _, tally in met)
        unread = together(cover.unreadable, (one for path, tally in met for one in not_read(path, tally)))
        return replace(cover, damaged=damaged, located=(*located, *cover.located), unreadable=unread)


def listings(nodes: Sequence[LogNode], paths: Sequence[str], clusters: Mapping[str, str]) -> list[Listing]:
    """What each machine has, all of them asked at once; see `listing`. `clusters`: by the names of machines.

    Raises the first error, in their order.
    """
    answers: list[Listing | BaseException] = [NodeError(f"{node.name}: no answer") for node in nodes]

    def ask(number: int) -> None:
        node = nodes[number]
        try:
            answers[number] = listing(node, paths)
        except BaseException as error:
            lost = isinstance(error, NodeError) and lose(node.runner, error)
            answers[number] = Listing(node.name) if lost else error

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(len(nodes))]
    for thread in threads:
        thread.start()
    with metered_nodes([node.name for node in nodes]) as meter:
        for node, thread in zip(nodes, threads, strict=True):
            _join(thread, meter)
            if meter is not None:
                meter.end(node.name)
    found = []
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        found.append(answer.of_cluster(clusters.get(answer.host, "")))
    return found


def _join(thread: threading.Thread, meter: NodesMeter | None) -> None:
    """Until it has ended; whoever watches is asked meanwhile."""
    while thread.is_alive():
        thread.join(LOOK_S if meter is not None else None)
        if meter is not None:
            meter.tick()
