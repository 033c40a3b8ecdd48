"""`pack`: audit logs into an archive or a table, where questions are quick."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.logs import LogOptions
from kaudit_setup.cli.options.output import Output, OutputOption, exit_unless
from kaudit_setup.errors import InputError

if TYPE_CHECKING:
    from kaudit_setup.stores.pack import Target

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """Examples:

  kaudit-setup pack --log /var/log/kubernetes/audit --to /srv/audit-archive --cluster prod

  kaudit-setup pack --host cp1 --host cp2 --to s3://audit/prod --cluster prod

  kaudit-setup who deleted deploy/web -n shop --log /srv/audit-archive

Run it as often as you like: a file that was packed before, or a copy of it, adds nothing, and a file that has grown
adds only its new lines. It may be interrupted at any time. docs/archives.md has the details.
"""


@app.command(epilog=_EPILOG)
@takes(source=LogOptions)
def pack(
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="DIR|URL", help="A folder, s3://BUCKET/PREFIX, or clickhouse+https://HOST/DATABASE.TABLE."
        ),
    ] = None,
    cluster: Annotated[
        str, typer.Option("--cluster", metavar="NAME", help="Name of the cluster that the logs are of.")
    ] = "default",
    output: OutputOption = Output.text,
    *,
    source: LogOptions,
) -> None:
    """Pack audit logs into an archive of Parquet or a ClickHouse table, to keep them and to ask them quickly."""
    from kaudit_setup.auditlog.sources.local import rereadable
    from kaudit_setup.cli.signals import clean_up_when_ended
    from kaudit_setup.report.documents.document import document, lost
    from kaudit_setup.report.pack import PackedLogs, as_item, as_text
    from kaudit_setup.report.progress import show_bytes
    from kaudit_setup.report.terminal import notes
    from kaudit_setup.stores.pack import pack as write

    there = _target(to, cluster, source)
    stdin = sys.stdin.buffer if sys.stdin is not None else BytesIO()
    with clean_up_when_ended(), source.fetch() as (logs, missing), rereadable(logs.files, stdin) as files:
        _check_apart([file.path for file in files], to)
        _check_one_cluster(sorted({file.cluster for file in files}), cluster)
        done = write(files, there, cluster, show_bytes)
        show(
            output,
            lambda: document(PackedLogs, [as_item(done, there.name)], lost([*missing(), *done.left_out])),
            lambda: as_text(done, there.name),
        )
        notes([*done.left_out, *done.unread])
        exit_unless(not done.left_out and not done.in_vain)


def _target(to: str | None, cluster: str, source: LogOptions) -> Target:
    """Where to pack. Raises InputError for what cannot be meant."""
    from kaudit_setup.stores.opening import target

    if to is None:
        raise InputError("pack needs --to", hint="for example: kaudit-setup pack --log audit.log --to audit-archive")
    if not cluster.strip():
        raise InputError("--cluster is empty", hint="name the cluster that the logs are of")
    if any(address.kind != "s3" for address in source.stored):
        raise InputError("pack reads log files, not stores", hint="name the files that the store was packed from")
    return target(to)


def _check_apart(logs: Sequence[str], to: str | None) -> None:
    """Raises InputError if logs lie in the folder that would become the archive: nobody would look at them there."""
    folder = Path(to or "").resolve()
    among = next((path for path in logs if folder in Path(path).resolve().parents), None)
    if among is not None:
        raise InputError(f"--to {to}: {among} lies there", hint="give the archive a folder of its own")


def _check_one_cluster(there: Sequence[str], cluster: str) -> None:
    """Raises InputError if the folders of a bucket name several clusters: all would get the name of one."""
    if len(there) > 1:
        raise InputError(
            f"the logs are of the clusters {', '.join(filter(None, there))}, and not all of {cluster}",
            hint="pack each of them by itself, under its name",
        )
