"""What events are asked for, as options: the same for every command that filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kaudit_setup.cli import complete
from kaudit_setup.cli.options.logs import SinceOption, UntilOption

if TYPE_CHECKING:
    from kaudit_setup.auditlog.filters import Filter

Values = list[str] | None


class FilterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One field for each dimension; a value that is given twice accepts either."""

    user: Annotated[
        Values,
        typer.Option(
            metavar="USER",
            autocompletion=complete.users,
            help="User of the request. In every filter, * and ? match any text, * alone any value; ! excludes.",
        ),
    ] = None
    impersonator: Annotated[
        Values,
        typer.Option(
            metavar="USER", autocompletion=complete.users, help="The real user behind an impersonated request."
        ),
    ] = None
    verb: Annotated[
        Values, typer.Option(metavar="VERB", help="get, list, watch, create, update, patch, delete, ...")
    ] = None
    resource: Annotated[
        Values,
        typer.Option(
            metavar="RESOURCE",
            help="pods (with its subresources), pods/exec, deployments.apps, deployments.apps/scale, ...",
        ),
    ] = None
    namespace: Annotated[
        Values,
        typer.Option(
            "-n", "--namespace", metavar="NS", autocompletion=complete.namespaces, help="Namespace of the object."
        ),
    ] = None
    name: Annotated[Values, typer.Option(metavar="NAME", help="Name of the object.")] = None
    code: Annotated[Values, typer.Option(metavar="CODE", help="HTTP status code, e.g. 403 or 4*.")] = None
    level: Annotated[Values, typer.Option(metavar="LEVEL", help="Metadata, Request or RequestResponse.")] = None
    stage: Annotated[Values, typer.Option(metavar="STAGE", help="Only lines of this stage, one row per line.")] = None
    ip: Annotated[
        Values,
        typer.Option(
            "--source-ip",
            "--ip",
            metavar="ADDRESS",
            help="One of the source IP addresses; all but the last are what the client says.",
        ),
    ] = None
    agent: Annotated[
        Values,
        typer.Option(
            "--user-agent", "--agent", metavar="AGENT", help="User agent, whole or the part before its first slash."
        ),
    ] = None
    decision: Annotated[Values, typer.Option(metavar="DECISION", help="allow or forbid.")] = None
    since: SinceOption = None
    until: UntilOption = None

    def filter(self) -> Filter:
        """The filter. Raises InputError for contradictory options."""
        from kaudit_setup.auditlog.filters import make_filter
        from kaudit_setup.auditlog.timestamps import Window

        wanted = msgspec.structs.asdict(self)
        return make_filter(wanted, Window.of(wanted.pop("since"), wanted.pop("until")))
