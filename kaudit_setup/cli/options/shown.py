"""What is shown beside an answer of `who`: what an object was, and secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

if TYPE_CHECKING:
    from kaudit_setup.attribution.changes.shown import Shown
    from kaudit_setup.attribution.living_object.owners import Reader
    from kaudit_setup.runner import Runner


class ShownOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown beside an answer."""

    diff: Annotated[
        bool,
        typer.Option(
            "--diff", help="who changed KIND/NAME: each change as a difference, where the policy logs bodies."
        ),
    ] = False
    show: Annotated[
        bool,
        typer.Option(
            "--show",
            help="who deleted KIND/NAME: the last known object as YAML for kubectl apply, the answer as comments.",
        ),
    ] = False
    show_secrets: Annotated[
        bool,
        typer.Option(
            "--show-secrets",
            help="Show the contents of Secrets, and what looks like a secret in the arguments of commands.",
        ),
    ] = False

    no_live: Annotated[
        bool,
        typer.Option(
            "--no-live",
            help="With --host: do not read the living object and its owners (metadata only) from the server there.",
        ),
    ] = False

    def reader(self, nodes: Sequence[Runner]) -> Reader | None:
        """What reads living objects on `nodes`; None where that is not wanted, or there are none."""
        if self.no_live or not nodes:
            return None
        from kaudit_setup.node.objects import read_on_all

        return lambda path: read_on_all(nodes, path)

    def wanted(self) -> Shown:
        """What is asked for beside the answer."""
        from kaudit_setup.attribution.changes.shown import Shown

        return Shown(self.diff, self.show)
