"""Flags → values, confirmation, exit codes; one module for each family of commands.

Only typer and the ground floor are imported here: what a command needs, it imports when it runs, so that
`--help` and shell completion stay quick.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kaudit_setup import __version__
from kaudit_setup.cli import (
    backups,
    change,
    check,
    demo,
    look,
    manifest,
    policy,
    render,
    status,
    trail,
    trail_logs,
    who,
)
from kaudit_setup.cli.log_options import spread_logs
from kaudit_setup.errors import Exit, KauditError

app = typer.Typer(
    name="kaudit-setup",
    help="Turn Kubernetes audit logging on, prove it on the node, and answer who did what.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
logs = typer.Typer(rich_markup_mode=None)
logs.command("who", epilog=who.EPILOG)(who.who)
trail.register(logs)
trail_logs.register(logs)
# in the order in which `--help` shall list them
app.add_typer(change.app)
app.add_typer(status.app)
app.add_typer(look.app)
app.add_typer(check.app)
app.add_typer(logs)
app.add_typer(backups.app, name="backups")
app.add_typer(demo.app)
app.add_typer(manifest.app, name="manifest")
app.add_typer(policy.app, name="policy")
app.add_typer(render.app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kaudit-setup {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Set up, prove, undo and read Kubernetes audit logging."""


def main(argv: list[str] | None = None) -> int:
    """The one error boundary: every expected error is one sentence on stderr and a documented exit code."""
    args = sys.argv[1:] if argv is None else argv
    # wherever it stands: a user adds --debug at the end of the line that failed
    debug = "--debug" in args
    args = spread_logs([a for a in args if a != "--debug"])
    try:
        app(args, prog_name="kaudit-setup")
    except SystemExit as done:
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
        return _complain(
            KauditError(
                f"unexpected {type(error).__name__}: {error}",
                hint="this is a bug; run again with --debug and report what it prints",
            )
        )
    return Exit.OK


def _complain(error: KauditError) -> int:
    from kaudit_setup.report.escape import safe

    typer.echo(f"error: {safe(error.message)}", err=True)
    for line in error.details.splitlines():
        typer.echo(f"  | {safe(line)}", err=True)
    if error.hint:
        typer.echo(f"hint: {safe(error.hint)}", err=True)
    return error.exit_code
