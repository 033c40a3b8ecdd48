"""The command line: options become values, answers are printed, errors become exit codes.

Only typer and the ground floor are imported here: what a command needs, it imports when it runs, and its module is
imported when it is called, so that all of them, `--help` and shell completion stay quick.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Final

import typer

from kaudit_setup.cli.answer import Answering, answering, show_error
from kaudit_setup.cli.app import build, words_of
from kaudit_setup.cli.config.loaded import Loaded
from kaudit_setup.cli.global_options import take_out
from kaudit_setup.errors import Exit, InputError, KauditError
from kaudit_setup.report.presentation import presenting
from kaudit_setup.report.terminal import keep, notes

_READ_LOGS: Final = frozenset({"who", "events", "top", "stats", "estimate", "report", "pack", "policy"})
"""Commands that may read logs for long."""
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def main(argv: list[str] | None = None) -> int:
    """The one error boundary: every expected error is one sentence on stderr and a documented exit code."""
    code = _run(argv)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        code = _unwritten(error)
    return code


def _run(argv: list[str] | None) -> int:
    _write_anything()
    with answering() as now:
        config = Loaded()
        try:
            args, how = take_out(sys.argv[1:] if argv is None else argv, config.everywhere)
        except KauditError as error:
            return _failed(error, now)
        with presenting(how.presentation), config.current(), _watched(args):
            try:
                notes(config.remarks())
                _call(args, config)
            except SystemExit as done:
                return _ended(done)
            except KeyboardInterrupt:
                return Exit.INTERRUPTED
            except Exception as error:
                if how.debug:
                    raise
                return _failed(error, now)
    return Exit.OK


def _watched(args: list[str]) -> AbstractContextManager[None]:
    """How far the reading of logs is can be seen inside, if the command may read some."""
    if _READ_LOGS.isdisjoint(args):
        return nullcontext()
    from kaudit_setup.auditlog.scanning.meter import watched
    from kaudit_setup.report.progress import reading_line

    return watched(reading_line())


def _write_anything() -> None:
    """Where the locale is not UTF-8, what it has no characters for is written as an escape, not refused."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="backslashreplace")


def _call(args: list[str], config: Loaded) -> None:
    if "--log" in args or "--html" in args:
        from kaudit_setup.cli.arguments import complete

        args = complete(args)
    command = typer.main.get_command(build(words_of(args)))
    command(args, prog_name="kaudit-setup", default_map=config.of(command) if config.found else None)


def _ended(done: SystemExit) -> int:
    if isinstance(done.__context__, BrokenPipeError):
        return _unwritten(done.__context__)
    return done.code if isinstance(done.code, int) else Exit.FAILED


def _failed(error: Exception, now: Answering) -> int:
    if isinstance(error, OSError) and error.errno in _NO_ROOM and error.filename is None:
        return _unwritten(error)
    if not isinstance(error, KauditError):
        error = KauditError(
            f"unexpected {type(error).__name__}: {error}",
            hint="this is a bug; run again with --debug and report what it prints",
        )
    if now.reach:
        from kaudit_setup.report.nodes.hints import pasteable

        error.message, error.hint, error.details = (
            pasteable(text, now.reach) for text in (error.message, error.hint, error.details)
        )
    try:
        show_error(error, now)
    except OSError as unwritten:
        _unwritten(unwritten)
    return _complain(error)


def _unwritten(error: OSError) -> int:
    """The answer could not be written; a reader that closed it early, like `head` (SIGPIPE), is not an error."""
    # what is still waiting to be written must not fail once more when Python ends
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return Exit.UNREAD
    return _complain(KauditError(f"cannot write the answer: {error.strerror}", hint="is the disk full?"))


def _complain(error: KauditError) -> int:
    from kaudit_setup.report.escape import safe
    from kaudit_setup.report.presentation import width
    from kaudit_setup.report.times import localized
    from kaudit_setup.report.wrap import fit

    said = [safe(localized(f"error: {error.message}"))]
    hints = [safe(f"hint: {error.hint}")] if error.hint else []
    # lines of other programs' logs among them
    details = [f"  | {safe(line)}" for line in error.details.splitlines()]
    for line in (*said, *details, *hints):
        with suppress(InputError):
            keep(line)
    folded = [[part for line in lines for part in fit(line, width(sys.stderr))] for lines in (said, hints)]
    typer.echo("\n".join([*folded[0], *details, *folded[1]]), err=True)
    return error.exit_code
