"""Flags → values, confirmation, exit codes; one module for each command.

Only typer and the ground floor are imported here: what a command needs, it imports when it runs, and its module is
imported when it is called, so that all of them, `--help` and shell completion stay quick.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Final

import typer

from kaudit_setup import __version__
from kaudit_setup.errors import Exit, KauditError

_COMMANDS: Final = (
    "enable",
    "disable",
    "rollback",
    "recover",
    "status",
    "verify",
    "check",
    "who",
    "events",
    "top",
    "estimate",
    "stats",
    "collect",
    "backups",
    "demo",
    "manifest",
    "policy",
    "render",
)
"""Each is a module of `commands`, in the order in which `--help` lists them."""
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_GROUPS: Final = frozenset({"backups", "manifest", "policy"})


def build(words: Sequence[str]) -> typer.Typer:
    """The command line for `words`: only the command that they name, or all if they name none."""
    app = typer.Typer(
        name="kaudit-setup",
        help="Turn Kubernetes audit logging on, prove it on the node, and answer who did what.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    app.callback()(_root)
    called = next((word for word in words if not word.startswith("-")), "")
    for name in (called,) if called in _COMMANDS else _COMMANDS:
        command = import_module(f"kaudit_setup.cli.commands.{name}").app
        app.add_typer(command, name=name if name in _GROUPS else None)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kaudit-setup {__version__}")
        raise typer.Exit


def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Set up, prove, undo and read Kubernetes audit logging."""


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
    args = sys.argv[1:] if argv is None else argv
    # wherever it stands: a user adds --debug at the end of the line that failed
    debug = "--debug" in args
    args = [a for a in args if a != "--debug"]
    if "--log" in args:
        from kaudit_setup.cli.arguments import spread_logs

        args = spread_logs(args)
    try:
        build(args)(args, prog_name="kaudit-setup")
    except SystemExit as done:
        if isinstance(done.__context__, BrokenPipeError):
            return _unwritten(done.__context__)
        return done.code if isinstance(done.code, int) else Exit.FAILED
    except KauditError as error:
        if debug:
            raise
        return _complain(error)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in _NO_ROOM and error.filename is None:
            return _unwritten(error)
        return _complain(
            KauditError(
                f"unexpected {type(error).__name__}: {error}",
                hint="this is a bug; run again with --debug and report what it prints",
            )
        )
    return Exit.OK


def _unwritten(error: OSError) -> int:
    """The answer could not be written; a reader that has had enough, like `head`, is no error to speak of."""
    # what is still waiting to be written must not fail once more when Python ends
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return Exit.UNREAD
    return _complain(KauditError(f"cannot write the answer: {error.strerror}", hint="is the disk full?"))


def _complain(error: KauditError) -> int:
    from kaudit_setup.report.escape import safe

    typer.echo(f"error: {safe(error.message)}", err=True)
    for line in error.details.splitlines():
        typer.echo(f"  | {safe(line)}", err=True)
    if error.hint:
        typer.echo(f"hint: {safe(error.hint)}", err=True)
    return error.exit_code
