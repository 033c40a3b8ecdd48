"""What is being waited for: a moving line on a terminal, plain lines elsewhere, always on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from kaudit_setup.report.escape import safe


@contextmanager
def waiting(host: str) -> Iterator[Callable[[str], None]]:
    """Yields a function that is told what is being waited for now."""
    began = time.monotonic()
    if not sys.stderr.isatty():
        last = ""

        def plain(what: str) -> None:
            nonlocal last
            if what != last:
                last = what
                typer.echo(f"{safe(host)}: {time.monotonic() - began:5.1f} s  {safe(what)}", err=True)

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
