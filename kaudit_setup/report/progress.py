"""What is being waited for: a moving line on a terminal, plain lines elsewhere, always on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from kaudit_setup.report.escape import safe
from kaudit_setup.report.presentation import presentation
from kaudit_setup.report.quantities import hours, size
from kaudit_setup.report.terminal import keep, say
from kaudit_setup.units import counted

if TYPE_CHECKING:
    from rich.live import Live
    from rich.progress import Progress

    from kaudit_setup.auditlog.scanning.meter import HowFar
    from kaudit_setup.fleet.survey import Candidate
    from kaudit_setup.node.trace import Trip

SILENT_S: Final = 1.0
"""Seconds; what takes less is not worth a line."""
_REDRAW_S: Final = 0.25  # seconds, on a terminal
_PLAIN_S: Final = 10.0  # seconds, where each line stays
_MOST_NAMES: Final = 3


def name_nodes(candidates: Sequence[Candidate]) -> str:
    """What to call them while they are waited for together."""
    return candidates[0].node.name if len(candidates) == 1 else f"{len(candidates)} nodes"


def show_cursor() -> None:
    """Where the program ends without its moving lines having ended."""
    if sys.stderr.isatty():
        from rich.console import Console

        Console(stderr=True).show_cursor(True)


_MOVING: Final[list[Progress]] = []  # what is drawn now


@contextmanager
def making_way() -> Iterator[None]:
    """Nothing moves on the terminal meanwhile: somebody is asked something there."""
    held = list(_MOVING)
    for bar in held:
        bar.stop()
    try:
        yield
    finally:
        for bar in held:
            if bar in _MOVING:
                bar.start()


@contextmanager
def waiting(host: str) -> Iterator[Callable[[str], None]]:
    """Yields a function that is told what is being waited for now."""
    began = time.monotonic()
    if presentation().verbosity < 0:
        yield lambda what: keep(f"{safe(host)}: {safe(what)}")
        return
    if not sys.stderr.isatty():
        last = ""

        def plain(what: str) -> None:
            nonlocal last
            if what != last:
                last = what
                say(f"{safe(host)}: {time.monotonic() - began:5.1f} s  {safe(what)}")

        yield plain
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(safe(host)))

        def moving(what: str) -> None:
            bar.update(task, description=escape(f"{safe(host)}: {safe(what)}"))

        _MOVING.append(bar)
        try:
            yield moving
        finally:
            _MOVING.remove(bar)


@contextmanager
def asking(candidates: Sequence[Candidate], doing: str) -> Iterator[Callable[[Sequence[str]], None]]:
    """While nodes are asked all together; yields what is told now and then which have not answered."""
    pace = Pace(time.monotonic, moving=sys.stderr is not None and sys.stderr.isatty())
    with waiting(name_nodes(candidates)) as tell:
        tell(doing)
        pace.due()

        def tell_who_is_left(left: Sequence[str]) -> None:
            if len(candidates) > 1 and pace.due():
                pace.shown()
                tell(f"{doing}: {nodes_left(left, len(candidates))}")

        yield tell_who_is_left


def show_bytes(node: str, file: str, done: int, total: int) -> None:
    """How much of a file has come: one line on a terminal that is written over and over; nothing in a pipe."""
    if sys.stderr.isatty():
        name = safe(file.rpartition("/")[2])
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\r\x1b[K{safe(node)}: {name} {size(done)} of {size(total)}{end}")
        sys.stderr.flush()


class Pace:
    """When to show how far something is: first after a second, on a terminal often, elsewhere seldom."""

    def __init__(self, clock: Callable[[], float], *, moving: bool) -> None:
        """`clock` gives seconds; `moving`: whether there is a terminal."""
        self._clock = clock
        self._moving = moving
        self._due: float | None = None  # None before anything began

    def due(self) -> bool:
        """Whether it is time now. The work has begun when this is asked first."""
        now = self._clock()
        if self._due is None:
            self._due = now + (SILENT_S if self._moving else _PLAIN_S)
        return now >= self._due

    def shown(self) -> None:
        """It was shown now."""
        self._due = self._clock() + (_REDRAW_S if self._moving else _PLAIN_S)


class ReadingLine:
    """How far the reading of logs is: a line on the terminal that makes way for the answer; where there is no
    terminal a plain line now and then. A `Watcher` of auditlog/scanning/meter.py.
    """

    def __init__(self, clock: Callable[[], float], *, moving: bool) -> None:
        """`clock` gives seconds; `moving`: whether there is a terminal."""
        self._clock = clock
        self._moving = moving
        self._pace = Pace(clock, moving=moving)
        self._began: float | None = None  # when this scan did
        self._live: Live | None = None

    def due(self) -> bool:
        """See `Watcher.due`."""
        if self._began is None:
            self._began = self._clock()
        return self._pace.due()

    def see(self, far: HowFar) -> None:
        """See `Watcher.see`."""
        now = self._clock()
        line = how_far(far, now - (now if self._began is None else self._began))
        self._pace.shown()
        if self._moving:
            self._draw(line)
        elif presentation().verbosity > 0:
            say(line)
        else:
            keep(line)

    def over(self) -> None:
        """See `Watcher.over`."""
        self._began = None
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self, line: str) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        text = Text(line, no_wrap=True, overflow="ellipsis")
        if self._live is None:
            # no thread of its own: beside threads a log is read by one core
            self._live = Live(
                console=Console(stderr=True),
                transient=True,
                auto_refresh=False,
                redirect_stdout=False,
            )
            self._live.start()
        self._live.update(text, refresh=True)


def reading_line() -> ReadingLine | None:
    """Who watches while logs are read, in this run; None if nobody would see anything of it."""
    shown = presentation()
    moving = shown.verbosity >= 0 and sys.stderr is not None and sys.stderr.isatty()
    if not moving and shown.verbosity < 1 and shown.log_file is None:
        return None
    return ReadingLine(time.monotonic, moving=moving)


def nodes_left(left: Sequence[str], count: int) -> str:
    """`2 of 4 nodes answered, waiting for cp3, cp4`."""
    names = ", ".join(map(safe, left[:_MOST_NAMES]))
    others = f" and {len(left) - _MOST_NAMES} more" if len(left) > _MOST_NAMES else ""
    waiting_for = f"waiting for {names}{others}"
    if count < 2:
        return waiting_for
    said = f"{count - len(left)} of {counted(count, 'node')} answered"
    return f"{said}, {waiting_for}" if left else said


def how_far(far: HowFar, seconds: float) -> str:
    """`reading: 120 MiB of 478 MiB (25 %), 3 of 12 files, 210 MiB/s, 2 s left`, after so many seconds of it; of
    nodes that search for themselves, which have not answered.
    """
    if far.nodes:
        return f"asking: {nodes_left(far.left, far.nodes)}, {seconds:.0f} s"
    rate = far.read / seconds if seconds > 0 else 0.0
    of = f" of {size(far.size)} ({100 * far.read // far.size} %)" if far.size else ""
    said = [f"reading: {size(far.read)}{of}"]
    if far.files > 1:
        said.append(f"{far.done} of {counted(far.files, 'file')}")
    if rate:
        said.append(f"{size(rate)}/s")
    if rate and far.size:
        said.append(f"{hours((far.size - far.read) / rate / 3600)} left")
    return ", ".join(said)


def trip_line(trip: Trip) -> str:
    """One command on a node, for -vv: `cp1: 0.31 s  logs search, exit status 0, 24.1 KiB sent, 3.2 KiB received`."""
    what = " ".join(filter(None, ("+".join(trip.scripts) or "command", trip.doing)))
    end = trip.code if isinstance(trip.code, str) else f"exit status {trip.code}"
    moved = f"{size(trip.sent)} sent, {size(trip.received)} received"
    return f"{safe(trip.host)}: {trip.seconds:5.2f} s  {safe(what)}, {end}, {moved}"
