"""What is being waited for: a moving line on a terminal, plain lines elsewhere, always on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kaudit_setup.report.escape import safe
from kaudit_setup.report.quantities import size
from kaudit_setup.report.terminal import keep, presentation, say

if TYPE_CHECKING:
    from kaudit_setup.fleet.survey import Candidate


def name_nodes(candidates: Sequence[Candidate]) -> str:
    """What to call them while they are waited for together."""
    return candidates[0].node.name if len(candidates) == 1 else f"{len(candidates)} nodes"


def show_cursor() -> None:
    """Where the program ends without its moving lines having ended."""
    if sys.stderr.isatty():
        from rich.console import Console

        Console(stderr=True).show_cursor(True)


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

        yield moving


def show_bytes(node: str, file: str, done: int, total: int) -> None:
    """How much of a file has come: one line on a terminal that is written over and over; nothing in a pipe."""
    if sys.stderr.isatty():
        name = safe(file.rpartition("/")[2])
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\r\x1b[K{safe(node)}: {name} {size(done)} of {size(total)}{end}")
        sys.stderr.flush()
