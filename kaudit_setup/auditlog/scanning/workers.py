"""Work on the units of a log with all cores, in order, in constant memory.

Each worker is a fork that takes the next unit when it is ready for one, and answers through a pipe of its own; the
parent reads the answers in the order of the units. A full pipe makes its worker wait, and few units are given out
ahead of those that were read, so memory stays constant when the reader is slower than the workers.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any, TypeVar, cast

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.reader import Unit, plan
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.scanning.channel import receive, send, widen
from kaudit_setup.auditlog.scanning.meter import LOOK_S, Meter, metered
from kaudit_setup.errors import KauditError
from kaudit_setup.values import replace

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")
Work = Callable[[Unit, Tally], Iterator[T]]

_UNITS_AHEAD = 4  # units for each worker that are given out and not read yet
_TURN_BYTES = 8  # bytes
SMALL_BYTES = 8 << 20  # bytes; below this, forking costs more time than it saves
_KEPT_BYTES = 8 << 20
"""More than is held of a block at once. As much as a process has freed in one piece, glibc keeps from then on
(mallopt(3), M_MMAP_THRESHOLD); else the memory of each block is given back and asked for anew, page by page, which
takes as long as to decode it.
"""


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


def _readers(most: int | None) -> int:
    return cores() if most is None else min(cores(), most)


def scan(
    files: Sequence[LogFile],
    work: Work[T],
    tallies: dict[str, Tally] | None = None,
    workers: int | None = None,
    most: int | None = None,
) -> Iterator[tuple[LogFile, int, T]]:
    """What `work` yields for the units of `files`, in order, each with its file and how many lines stood before it.

    `tallies` is filled, by `LogFile.key`, with what was met in each file. `workers`, `most`: see `spread`.
    """
    whole: dict[str, Tally] = {} if tallies is None else tallies
    path = ""
    for unit, part in spread(plan(files, readers=_readers(most)), work, workers, most):
        if unit.file.key != path:
            path = unit.file.key
            whole[path] = Tally()
        if isinstance(part, Tally):
            whole[path].add(part)
        else:
            yield unit.file, whole[path].lines, part


def spread(
    units: Sequence[Unit], work: Work[T], workers: int | None = None, most: int | None = None
) -> Iterator[tuple[Unit, T | Tally]]:
    """What `work` yields for each unit, followed by the unit's Tally, unit by unit in their order.

    `work` must not depend on anything that happens in another unit. `workers`: how many forks; None means one for
    each core, but not more than `most`, or none at all for a small log; 0 means none. Raises KauditError if a worker
    dies.
    """
    if workers is None:
        small = sum(unit.file.size for unit in units if unit.start == 0) < SMALL_BYTES
        workers = 0 if small or len(units) < 2 else _readers(most)
    with metered([unit.length for unit in units]) as meter:
        if meter is not None:
            units = [replace(unit, meter=meter) for unit in units]
        bytes(_KEPT_BYTES)
        # a fork copies locks but not the threads that would open them
        if not workers or not units or threading.active_count() > 1:
            parts = _here(units, work, meter)
        else:
            parts = _forked(units, work, min(workers, len(units)), meter)
        with closing(parts):
            yield from _once(parts)


def _once(parts: Iterable[tuple[Unit, T | Tally]]) -> Iterator[tuple[Unit, T | Tally]]:
    """Without the parts of a file that one before them has read, too."""
    done = ""
    for unit, part in parts:
        if unit.file.key != done:
            yield unit, part
            if isinstance(part, Tally) and part.overran:
                done = unit.file.key


def _here(units: Sequence[Unit], work: Work[T], meter: Meter | None) -> Generator[tuple[Unit, T | Tally], None, None]:
    for number, unit in enumerate(units):
        tally = Tally()
        for payload in work(unit, tally):
            yield unit, payload
        if meter is not None:
            meter.end(number)
        yield unit, tally


def _forked(
    units: Sequence[Unit], work: Work[T], count: int, meter: Meter | None
) -> Generator[tuple[Unit, T | Tally], None, None]:
    from multiprocessing import get_context

    fork = get_context("fork")
    take, give = os.pipe()
    pipes: list[Connection] = []
    workers = []
    gc.freeze()
    try:
        for _ in range(count):
            ours, theirs = fork.Pipe(duplex=False)
            widen(ours)
            worker = fork.Process(target=_serve, args=(theirs, ours, take, units, work), daemon=True)
            worker.start()
            theirs.close()
            pipes.append(ours)
            workers.append(worker)
        yield from _in_order(units, pipes, give, meter)
    finally:
        for pipe in pipes:
            pipe.close()
        for worker in workers:
            worker.terminate()
            worker.join()
        os.close(take)
        os.close(give)
        gc.unfreeze()


def _in_order(
    units: Sequence[Unit], pipes: Sequence[Connection], give: int, meter: Meter | None
) -> Iterator[tuple[Unit, T | Tally]]:
    # behind the last unit one turn for each worker that says so
    turns = chain(range(len(units)), repeat(len(units), len(pipes)))
    for turn in islice(turns, _UNITS_AHEAD * len(pipes)):
        _give(give, turn)
    silent = set(pipes)  # whose next unit is not known yet
    begun: dict[int, Connection] = {}
    for number, unit in enumerate(units):
        while number not in begun:
            for pipe in _ready(silent, meter):
                kind, payload = _received(pipe, unit, meter)
                silent.remove(pipe)
                if kind == "unit":
                    begun[payload] = pipe
        pipe, kind = begun.pop(number), ""
        while kind != "done":
            kind, payload = _received(pipe, unit, meter)
            if kind == "failed":
                raise payload
            yield unit, payload
        silent.add(pipe)
        for turn in islice(turns, 1):
            _give(give, turn)


def _ready(pipes: Collection[Connection], meter: Meter | None) -> list[Connection]:
    """Those of `pipes` in which something is; whoever watches is asked meanwhile."""
    from multiprocessing.connection import wait

    ready: list[Any] = []
    while not ready:
        ready = wait(pipes, LOOK_S if meter is not None else None)
        if meter is not None:
            meter.tick()
    return cast("list[Connection]", ready)


def _received(pipe: Connection, unit: Unit, meter: Meter | None) -> tuple[str, Any]:
    if meter is not None:
        _ready([pipe], meter)
    try:
        return receive(pipe)
    except EOFError:
        raise KauditError(
            f"a worker died while it read {unit.file.path}", hint="was it killed for lack of memory?"
        ) from None


def _give(pipe: int, turn: int) -> None:
    os.write(pipe, turn.to_bytes(_TURN_BYTES, "big"))


def _taken(pipe: int) -> int:
    """A turn is written whole and read whole, whoever else reads (pipe(7): up to PIPE_BUF)."""
    return int.from_bytes(os.read(pipe, _TURN_BYTES), "big")


def _serve(out: Connection, unused: Connection, turns: int, units: Sequence[Unit], work: Work[T]) -> None:
    # Ctrl-C reaches the whole group of processes; the parent answers it and ends the workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    unused.close()
    gc.disable()
    try:
        while (number := _taken(turns)) < len(units):
            send(out, "unit", number)
            tally = Tally()
            for payload in work(units[number], tally):
                send(out, "part", payload)
            if (meter := units[number].meter) is not None:
                meter.end(number)
            send(out, "done", tally)
        send(out, "over", None)
    except BrokenPipeError:
        return
    except Exception as error:
        send(out, "failed", error)
