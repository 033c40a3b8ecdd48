"""Logs on other machines: the search runs there, only matching lines cross the network. Pure but for `Runner.sh`."""

from __future__ import annotations

import contextlib
import queue
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from kaudit_setup.errors import KauditError, NodeError
from kaudit_setup.trail.clock import ALWAYS, Window, stamp_or_nothing
from kaudit_setup.trail.files import LogFile, latest_begin, rotation_time
from kaudit_setup.trail.read import LONGEST_LINE
from kaudit_setup.trail.search import REWRITTEN, Hit, inside, plainly, says
from kaudit_setup.trail.tally import Coverage, Tally, coverage

_WAITING = 4 << 20
"""Bytes of lines that a machine may be ahead of the reader; one line more, however long it is."""


class Finished(Protocol):
    """How a script ended."""

    @property
    def code(self) -> int: ...
    @property
    def err(self) -> bytes: ...


class Runner(Protocol):
    """A machine that runs the script `logs` (the Node port fits)."""

    @property
    def name(self) -> str: ...
    def sh(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sink: Callable[[bytes], None] | None = None,
        timeout: float | None = None,
    ) -> Finished: ...


class Unpack:
    """The answer of the script as it arrives: its first line says whether the rest is compressed."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._sink = sink
        self._head = b""
        self._unzip: Callable[[bytes], bytes] | None = None
        self.moved = 0

    def feed(self, chunk: bytes) -> None:
        """Take what came over the wire."""
        self.moved += len(chunk)
        if self._unzip is None:
            self._head += chunk
            how, newline, chunk = self._head.partition(b"\n")
            if not newline:
                return
            self._unzip = zlib.decompressobj(wbits=31).decompress if how == b"gzip" else bytes
        try:
            data = self._unzip(chunk)
        except zlib.error as error:
            raise NodeError(f"the node's answer cannot be decompressed: {error}") from error
        if data:
            self._sink(data)


class Answer:
    """The script's answer to `search`, line by line: hits as they come, facts about files for the end."""

    def __init__(self, node: str, window: Window, put: Callable[[Hit], None]) -> None:
        self._node = node
        self._window = window
        self._put = put
        self._parts: list[bytes] = []
        self._size = 0
        self._skipping = False
        self._file = LogFile(node, "?")
        self.files: dict[str, LogFile] = {}
        self.tallies: dict[str, Tally] = {}
        self.matched = 0

    def feed(self, data: bytes) -> None:
        """Take a piece of the answer; lines may be split anywhere."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            whole = b"".join([*self._parts, line]) if self._parts else line
            self._parts, self._size = [], 0
            if self._skipping:
                self._skipping = False
                continue
            self._line(whole)
        self._parts.append(rest)
        self._size += len(rest)
        if self._size > LONGEST_LINE + 4096:
            self._tally(self._file.path).damage(0, f"a line longer than {LONGEST_LINE >> 20} MiB")
            self._parts, self._size, self._skipping = [], 0, True

    def _line(self, line: bytes) -> None:
        kind, _, rest = line.partition(b"\t")
        if line[:1].isdigit():
            number, _, text = line.partition(b":")
            text = text.strip(b"\0\r\xef\xbb\xbf")
            if number.isdigit() and (self._window.open or inside(text, self._window)):
                self.matched += len(text) + 1
                self._put(Hit(self._file, int(number), 0, text))
            return
        path = rest.rpartition(b"\t")[2].decode("utf-8", "surrogateescape")
        if kind == b"m":
            self._file = LogFile(self._node, path, gzipped=path.endswith(".gz"), rotated=rotation_time(path))
            self.files[path] = self._file
        elif kind == b"f":
            self._facts(path, rest.decode("utf-8", "surrogateescape").split("\t"))
        elif kind == b"s":
            self._tally(path).note(REWRITTEN)
        elif kind in {b"x", b"g"}:
            what = "a compressed file that is cut short" if kind == b"x" else "the file is gone"
            self._tally(path).damage(0, what)
            self._tally(path).note(f"{path}: {what}")

    def _facts(self, path: str, fields: list[str]) -> None:
        size, lines, bad, first, last, _ = fields
        first, last = stamp_or_nothing(first), stamp_or_nothing(last)
        tally = self._tally(path)
        tally.size, tally.lines = int(size), int(lines)
        for _ in range(int(bad)):
            tally.damage(0, "not a whole JSON object")
        # a compressed file's end is not looked up: it was rotated just after
        last = last or self.files[path].rotated or first
        if first:
            tally.span(first, max(first, last))

    def _tally(self, path: str) -> Tally:
        return self.tallies.setdefault(path, Tally())


class Backlog(queue.Queue["Hit | None"]):
    """Hits that wait to be taken, None at their end; `maxsize` is in bytes: a line may have megabytes."""

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
    answer: Answer
    queue: Backlog
    failure: BaseException | None = None


class RemoteLogs:
    """The logs of several machines, searched where they are; the same questions as to `LocalLogs`."""

    def __init__(self, runners: Sequence[Runner], script: str, paths: Sequence[str] = ()) -> None:
        """`script`: the text of `lib` and `logs`. `paths`: where the logs are there; empty: the script finds out."""
        self._runners = runners
        self._script = script
        self._paths = list(paths)
        self._coverage: tuple[Coverage, ...] = ()
        self._damaged: dict[LogFile, Tally] = {}
        self._stopped = threading.Event()
        self.moved = 0
        """Bytes that crossed the network, both kinds: lines and what the nodes said about their files."""

    def candidates(self, literals: Sequence[bytes], window: Window = ALWAYS) -> Iterator[Hit]:
        """See `LocalLogs.candidates`; machine after machine, all of them searching at once. Raises NodeError."""
        wanted = [literal for literal in dict.fromkeys(literals) if literal]
        plains = [plainly(literal) for literal in wanted]
        anew = list(dict.fromkeys(one for plain in plains for one in plain[0]))
        needles = [needle.decode("utf-8", "surrogateescape") for needle in (*wanted, *anew)]
        times = [_name_time(window.since), _name_time(latest_begin(window))]
        args = ["search", "gzip", *times, str(len(wanted)), str(len(anew)), *needles]
        self._stopped.clear()
        hosts = [self._start(runner, [*args, *self._paths], window) for runner in self._runners]
        try:
            for host in hosts:
                while (hit := host.queue.get()) is not None:
                    # a node finds the most telling value of a line in another order, the rest is looked for here
                    if not wanted or any(literal in hit.text for literal in wanted) or says(hit.text, plains):
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
        """See `Logs.damaged`."""
        self._damaged.setdefault(hit.file, Tally()).damage(hit.line, what)

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """The nodes number their lines themselves."""
        return list(hits)

    def _start(self, runner: Runner, args: list[str], window: Window) -> _Host:
        waiting = Backlog(_WAITING)
        host = _Host(runner, Answer(runner.name, window, self._putter(waiting)), waiting)
        threading.Thread(target=self._run, args=(host, args), daemon=True).start()
        return host

    def _putter(self, waiting: Backlog) -> Callable[[Hit], None]:
        def put(hit: Hit) -> None:
            while not self._stopped.is_set():
                with contextlib.suppress(queue.Full):
                    waiting.put(hit, timeout=0.5)
                    return
            raise NodeError("the answer is not wanted any more")

        return put

    def _run(self, host: _Host, args: list[str]) -> None:
        unpack = Unpack(host.answer.feed)
        try:
            done = host.runner.sh(self._script, args, sink=unpack.feed)
            if done.code:
                said = done.err.decode("utf-8", "replace").strip()
                host.failure = NodeError(
                    f"{host.runner.name}: the search ended with status {done.code}", details=said
                )
        except KauditError as error:
            host.failure = error
        except Exception as error:
            host.failure = NodeError(f"{host.runner.name}: the search failed: {error}")
        self.moved += unpack.moved
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                host.queue.put(None, timeout=0.5)
                return

    def _with_damage(self, cover: Coverage) -> Coverage:
        """`cover` with what was found to be damaged only here."""
        met = [(file.path, tally) for file, tally in self._damaged.items() if file.node == cover.node]
        located = [(path, damage) for path, tally in met for damage in tally.located]
        damaged = cover.damaged + sum(tally.damaged for _, tally in met)
        return replace(cover, damaged=damaged, located=(*located, *cover.located))

    def _covered(self, host: _Host) -> tuple[Coverage, ...]:
        answer = host.answer
        if not answer.files:
            note = "no audit log was found here: name it with --log"
            return (Coverage(host.runner.name, notes=(note,)),)
        for tally in answer.tallies.values():
            tally.note("gaps inside a file were not looked for")
        return coverage(list(answer.files.values()), answer.tallies)


def _name_time(stamp: str) -> str:
    """A moment as rotated files carry it in their names, `-` for none."""
    return stamp[:23].replace(":", "-") if stamp[:1].isdigit() else "-"
