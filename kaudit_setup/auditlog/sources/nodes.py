"""Logs on other machines: the search runs there, only matching lines cross the network. Pure but for `Runner.sh`."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from kaudit_setup.auditlog.files import LogFile, ended_before
from kaudit_setup.auditlog.literals import Plain, plainly, says, spellings
from kaudit_setup.auditlog.raw_lines import PADDING, REWRITTEN, inside, misshapen
from kaudit_setup.auditlog.reader import LONGEST_LINE_BYTES, too_long
from kaudit_setup.auditlog.scan_statistics import Coverage, Tally, coverage, together, unreadable
from kaudit_setup.auditlog.scanning.meter import LOOK_S, NodesMeter, metered_nodes
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.sources.best_effort import Nothing
from kaudit_setup.auditlog.sources.listing import Listing, listing
from kaudit_setup.auditlog.sources.other_shapes import search_here, sort_out
from kaudit_setup.auditlog.sources.runner import Runner, Unpack, failure_of
from kaudit_setup.auditlog.timestamps import ALWAYS, Window, stamp_or_nothing
from kaudit_setup.errors import KauditError, NodeError

_WAITING_BYTES = 4 << 20
"""Bytes of lines that a machine may be ahead of the reader; one line more, however long it is."""
_FEW_FILES = 500
"""Of so many files each is described by the node; of more only the first and the last, and many are searched in one
go: a process for each would take longer than the search."""
_GROUP_FILES = {"plain": 500, "packed": 50}


class Answer:
    """The script's answer to `search`, line by line: hits as they come, facts about files for the end."""

    def __init__(self, files: Sequence[LogFile], window: Window, put: Callable[[Hit], None]) -> None:
        """`files`: those that are searched."""
        self._window = window
        self._put = put
        self._parts: list[bytes] = []
        self._size = 0
        self._long = b""
        """How a line begins that is passed over because it is too long, and how it ends so far."""
        self._misshapen: dict[str, int] = {}
        self._files = {file.path: file for file in files}
        self._file = files[0] if files else LogFile("?", "?")
        self.tallies: dict[str, Tally] = {}
        self.matched = 0
        self.others: list[LogFile] = []
        """Files that do not begin with a line of kube-apiserver, and were not searched."""
        self.whole = False
        """Whether the script said that it had come to its end."""

    def feed(self, data: bytes) -> None:
        """Take a piece of the answer; lines may be split anywhere."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            whole = b"".join([*self._parts, line]) if self._parts else line
            self._parts, self._size = [], 0
            if self._long:
                self._too_long(self._long + whole)
                self._long = b""
                continue
            self._line(whole)
        self._parts.append(rest)
        self._size += len(rest)
        if self._size > LONGEST_LINE_BYTES + 4096:
            held = b"".join(self._parts)
            self._long = (self._long or held[:4096]) + held[-1:]
            self._parts, self._size = [], 0

    def _too_long(self, line: bytes) -> None:
        """Count a line of which only the beginning and the end are here."""
        path, text = self._placed(line)
        if misshapen(text):
            # the node counts it as well where it looks at every line
            self._misshapen[path] = self._misshapen.get(path, 0) + 1
        self._tally(path).damage(0, too_long())

    def _placed(self, line: bytes) -> tuple[str, bytes]:
        """A line of the log: of which file, and `NUMBER:TEXT` without the number."""
        if not line.startswith(b"/"):
            return self._file.path, line.partition(b":")[2]
        at = line.find(b":")
        while at >= 0 and (path := _text(line[:at])) not in self._files:
            at = line.find(b":", at + 1)
        if at >= 0:
            self._file = self._files[path]
        return self._file.path, line[at + 1 :].partition(b":")[2]

    def _line(self, line: bytes) -> None:
        if line[:1].isdigit() or line.startswith(b"/"):
            path, text = self._placed(line)
            prefix = line[: len(line) - len(text) - 1]
            number = prefix.rpartition(b":")[2]
            text = text.strip(PADDING)
            if number.isdigit() and (self._window.open or inside(text, self._window)):
                self.matched += len(text) + 1
                self._tally(path).version(text)
                self._put(Hit(self._file, int(number), 0, text))
            return
        kind, _, rest = line.partition(b"\t")
        path = _text(rest)
        if kind == b"m":
            self._file = self._files[path]
        elif kind == b"f":
            *said, path = path.split("\t", 5)
            self._facts(path, said)
        elif kind == b"done":
            self.whole = True
        elif kind == b"o":
            self.others.append(self._files[path])
        elif kind == b"s":
            self._tally(path).note(REWRITTEN)
        elif kind == b"r":
            now, path = next(split for split in _splits(path) if split[1] in self._files)
            self._tally(path).note(f"{path} was rotated while the log was read and is now {now}")
        elif kind in {b"x", b"g"}:
            what = "a compressed file that is cut short" if kind == b"x" else "the file is gone"
            self._tally(path).damage(0, what)
            self._tally(path).note(f"{path}: {what}")

    def _facts(self, path: str, fields: list[str]) -> None:
        size, lines, bad, first, last = fields
        first, last = stamp_or_nothing(first), stamp_or_nothing(last)
        tally = self._tally(path)
        tally.size, tally.lines = int(size), int(lines)
        for _ in range(int(bad) - self._misshapen.get(path, 0)):
            tally.damage(0, "not a whole JSON object")
        tally.unread += int(bad)
        tally.events = tally.lines - int(bad)
        # a compressed file's end is not looked up: it was rotated just after
        last = last or self._files[path].rotated or first
        if first:
            tally.span(first, max(first, last))

    def take(self, hit: Hit) -> None:
        """A line that was found here in the file of a machine."""
        if self._window.open or inside(hit.text, self._window):
            self._put(hit)

    def _tally(self, path: str) -> Tally:
        return self.tallies.setdefault(path, Tally())


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


@dataclass(slots=True)
class _Host:
    """One machine's part of a search: a thread that runs the script and a queue that holds it back."""

    runner: Runner
    listing: Listing
    answer: Answer
    queue: Backlog
    failure: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is searched for: as the script takes it, and as it is."""

    args: tuple[str, ...]
    literals: tuple[bytes, ...]
    spelt: tuple[bytes, ...]
    plains: tuple[Plain, ...]
    window: Window

    @classmethod
    def of(cls, literals: Iterable[bytes], patterns: Sequence[str], window: Window) -> _Asked:
        """See `LogSource.candidates`."""
        wanted = tuple(dict.fromkeys(filter(None, literals)))
        plains = tuple(map(plainly, wanted))
        spelt = tuple(dict.fromkeys(one for literal in wanted for one in spellings(literal)))
        anew = tuple(dict.fromkeys(one for plain in plains for one in plain[0]))
        args = (str(len(spelt)), str(len(anew)), *map(_text, (*spelt, *anew)), *patterns)
        return cls(args, wanted, spelt, plains, window)

    def said_in(self, line: bytes) -> bool:
        """Whether `line` holds a literal as it is, or says the same."""
        return not self.spelt or any(one in line for one in self.spelt) or says(line, self.plains)


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
        self._runners = runners
        self._script = script
        self._paths = list(paths)
        self._listings: list[Listing] | None = None
        self._coverage: tuple[Coverage, ...] = ()
        self._damaged: dict[LogFile, Tally] = {}
        self._stopped = threading.Event()
        self.moved = 0
        """Bytes that crossed the network, both kinds: lines and what the nodes said about their files."""

    def listings(self) -> list[Listing]:
        """The log files of each machine, as they were when they were first asked for. Raises NodeError."""
        if self._listings is None:
            self._listings = listings(self._runners, self._script, self._paths, self._clusters)
            self.moved += sum(found.moved for found in self._listings)
        return self._listings

    def clusters(self) -> list[str]:
        """See `LogSource.clusters`. Raises NodeError."""
        return list(dict.fromkeys(file.cluster for found in self.listings() for file in found.files))

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """See `LogSource.candidates`; machine after machine, all of them searching at once. Raises NodeError."""
        found = self.listings()
        self._stopped.clear()
        asked = _Asked.of(literals, patterns, window)
        with metered_nodes([runner.name for runner in self._runners]) as meter:
            yield from self._answers(asked, found, meter)

    def _answers(self, asked: _Asked, found: Sequence[Listing], meter: NodesMeter | None) -> Iterator[Hit]:
        hosts = [self._start(runner, one, asked, meter) for runner, one in zip(self._runners, found, strict=True)]
        try:
            for host in hosts:
                while (hit := host.queue.take(meter)) is not None:
                    # a node finds the most telling value of a line in another order, the rest is looked for here
                    if asked.said_in(hit.text):
                        yield hit
                if host.failure is not None:
                    raise host.failure
        finally:
            self._stopped.set()
            self._coverage = tuple(c for host in hosts for c in self._covered(host))

    def coverage(self) -> tuple[Coverage, ...]:
        """What each machine's log covers, as the last search found it."""
        return tuple(map(self._with_damage, self._coverage))

    def damaged(self, hit: Hit, what: str) -> None:
        """See `LogSource.damaged`."""
        self._damaged.setdefault(hit.file, Tally()).damage(hit.line, what, hit.text)

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """The nodes number their lines themselves."""
        return list(hits)

    def _start(self, runner: Runner, found: Listing, asked: _Asked, meter: NodesMeter | None) -> _Host:
        waiting = Backlog(_WAITING_BYTES)
        files = tuple(file for file in found.files if not ended_before(file, asked.window.since))
        host = _Host(runner, found, Answer(files, asked.window, self._putter(waiting)), waiting)
        threading.Thread(target=self._run, args=(host, asked, files, meter), daemon=True).start()
        return host

    def _putter(self, waiting: Backlog) -> Callable[[Hit], None]:
        def put(hit: Hit) -> None:
            while not self._stopped.is_set():
                with contextlib.suppress(queue.Full):
                    waiting.put(hit, timeout=0.5)
                    return
            raise NodeError("the answer is not wanted any more")

        return put

    def _run(self, host: _Host, asked: _Asked, files: Sequence[LogFile], meter: NodesMeter | None) -> None:
        try:
            self._search(host, "lines", asked, files)
            others = host.answer.others
            if others and host.failure is None:
                sorted_out = sort_out(host.runner, self._script, others)
                self.moved += sorted_out.moved
                self._search(host, "any", asked, sorted_out.lines)
                self._bring(host, asked, sorted_out.shaped)
        except KauditError as error:
            host.failure = error
        except Exception as error:
            host.failure = NodeError(f"{host.runner.name}: the search failed: {error}")
        if meter is not None:
            meter.end(host.runner.name)
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                host.queue.put(None, timeout=0.5)
                return

    def _search(self, host: _Host, way: str, asked: _Asked, files: Sequence[LogFile]) -> None:
        """Let the machine search `files`; see the script for the `way`. Raises KauditError."""
        if not files:
            return
        unpack = Unpack(host.answer.feed)
        host.answer.whole = False
        try:
            args = ["search", "gzip", way, *asked.args]
            done = host.runner.sh(self._script, args, stdin=_orders(files), sink=unpack.feed)
        finally:
            self.moved += unpack.moved
        host.failure = failure_of(host.runner.name, done)
        # who was lost on the way is missing from the answer; what it said till then cannot be told from the whole
        if host.failure is None and unpack.moved and not host.answer.whole and not isinstance(done, Nothing):
            cut = f"{host.runner.name}: the answer to the search was cut short"
            host.failure = NodeError(cut, hint="run the same command again")

    def _bring(self, host: _Host, asked: _Asked, files: Sequence[LogFile]) -> None:
        """Search `files`, whose lines are not events as they stand, here. Raises KauditError."""
        for file in files:
            self.moved += search_here(host.runner, self._script, file, asked.literals, host.answer)

    def _with_damage(self, cover: Coverage) -> Coverage:
        """`cover` with what was found to be damaged only here."""
        met = [(file.path, tally) for file, tally in self._damaged.items() if file.log == cover.log]
        located = [(path, damage) for path, tally in met for damage in tally.located]
        damaged = cover.damaged + sum(tally.damaged for _, tally in met)
        unread = together(cover.unreadable, filter(None, (unreadable(path, tally) for path, tally in met)))
        return replace(cover, damaged=damaged, located=(*located, *cover.located), unreadable=unread)

    def _covered(self, host: _Host) -> tuple[Coverage, ...]:
        tallies = dict(host.answer.tallies)
        for tally in tallies.values():
            tally.note("gaps within files were not checked (`stats` checks them)")
        return covered(host.listing, tallies)


def listings(
    runners: Sequence[Runner], script: str, paths: Sequence[str], clusters: Mapping[str, str]
) -> list[Listing]:
    """What each machine has, all of them asked at once; see `listing`. `clusters`: by the names of machines.

    Raises the first error, in their order.
    """
    answers: list[Listing | BaseException] = [NodeError(f"{runner.name}: no answer") for runner in runners]

    def ask(number: int) -> None:
        try:
            answers[number] = listing(runners[number], script, paths)
        except BaseException as error:
            answers[number] = error

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(len(runners))]
    for thread in threads:
        thread.start()
    with metered_nodes([runner.name for runner in runners]) as meter:
        for runner, thread in zip(runners, threads, strict=True):
            _join(thread, meter)
            if meter is not None:
                meter.end(runner.name)
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


def covered(found: Listing, tallies: Mapping[str, Tally]) -> tuple[Coverage, ...]:
    """What one machine's log covers, by the names of its nodes; one without a log has a note."""
    if not found.files:
        notes = ("no audit log was found here: name it with --log",) if found.heard else ()
        return (Coverage(found.host, notes=(*notes, *found.notes), cluster=found.cluster),)
    first, *others = coverage(found.files, tallies)
    return (replace(first, notes=(*first.notes, *found.notes)), *others)


def _orders(files: Sequence[LogFile]) -> bytes:
    """What the script reads: which files, in which way, in their order."""
    lines: list[str] = []
    for kind, group in _grouped(files):
        lines += [f"{kind} {len(group)}", *(f"{file.inode[1]} {file.path}" for file in group)]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def _grouped(files: Sequence[LogFile]) -> Iterator[tuple[str, list[LogFile]]]:
    if len(files) <= _FEW_FILES:
        if files:
            yield "facts", list(files)
        return
    yield "facts", [files[0]]
    for kind, run in groupby(files[1:-1], lambda file: "packed" if file.gzipped else "plain"):
        same, size = list(run), _GROUP_FILES[kind]
        for at in range(0, len(same), size):
            yield kind, same[at : at + size]
    yield "facts", [files[-1]]


def _splits(text: str) -> Iterator[tuple[str, str]]:
    """At each of its tabs: a path may hold some."""
    parts = text.split("\t")
    for at in range(1, len(parts)):
        yield "\t".join(parts[:at]), "\t".join(parts[at:])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
