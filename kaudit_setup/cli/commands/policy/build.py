"""`policy build`: a policy of one's own."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.output import Output, OutputOption
from kaudit_setup.cli.options.policies import print_policy
from kaudit_setup.errors import InputError

if TYPE_CHECKING:
    from kaudit_setup.policy.build import Base, Recipe

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy build --drop-controllers --drop-nodes > my-policy.yaml
  kaudit-setup policy build --only-namespace prod --drop-resource secrets
  kaudit-setup policy build request --body pods:create=RequestResponse
  kaudit-setup policy build none --body pods,deployments:delete=Metadata"""

_SWITCHES = ("drop_reads", "drop_controllers", "drop_nodes", "drop_events", "drop_health")
_LISTS = ("only_namespace", "drop_resource", "body")


class RecipeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to leave out of the base, and what to log at a level of its own."""

    only_namespace: Annotated[
        list[str] | None,
        typer.Option(
            "--only-namespace",
            metavar="NAMES",
            help="Log nothing in other namespaces; repeatable, or separated by commas.",
        ),
    ] = None
    drop_resource: Annotated[
        list[str] | None,
        typer.Option(
            "--drop-resource",
            metavar="NAMES",
            help="Do not log these: secrets, widgets.example.com, pods/log, ...; repeatable.",
        ),
    ] = None
    drop_reads: Annotated[
        bool, typer.Option("--drop-reads", help="Do not log get, list and watch; exec is still logged.")
    ] = False
    drop_controllers: Annotated[
        bool, typer.Option("--drop-controllers", help="Do not log the control plane and kube-system.")
    ] = False
    drop_nodes: Annotated[bool, typer.Option("--drop-nodes", help="Do not log kubelets.")] = False
    drop_events: Annotated[bool, typer.Option("--drop-events", help="Do not log Event objects.")] = False
    drop_health: Annotated[bool, typer.Option("--drop-health", help="Do not log /healthz, /livez and /readyz.")] = (
        False
    )
    stages: Annotated[
        str | None,
        typer.Option("--stages", metavar="NAMES", help="Stages to keep. Default: all but RequestReceived."),
    ] = None
    body: Annotated[
        list[str] | None,
        typer.Option(
            "--body", metavar="WHAT[:VERBS]=LEVEL", help="Log this at another level, e.g. pods:create=Request."
        ),
    ] = None

    def command(self, base: Base) -> str:
        """The command line that makes the same policy."""
        words = ["kaudit-setup", "policy", "build", base]
        for name in _SWITCHES:
            words += [_option(name)] * getattr(self, name)
        for name in _LISTS:
            words += [word for value in getattr(self, name) or () for word in (_option(name), value)]
        return shlex.join([*words, "--stages", self.stages] if self.stages else words)

    def recipe(self, base: Base) -> Recipe:
        """As `policy` builds from it. Raises InputError for names that cannot be."""
        from kaudit_setup.policy.build import Recipe, parse_body, parse_kind, parse_stages

        return Recipe(
            base=base,
            namespaces=_split(self.only_namespace),
            drop_resources=tuple(dict.fromkeys(map(parse_kind, _split(self.drop_resource)))),
            drop_reads=self.drop_reads,
            drop_controllers=self.drop_controllers,
            drop_nodes=self.drop_nodes,
            drop_events=self.drop_events,
            drop_health=self.drop_health,
            stages=() if self.stages is None else parse_stages(self.stages),
            bodies=tuple(map(parse_body, self.body or ())),
            command=self.command(base),
        )


@app.command(epilog=_EPILOG)
@takes(wanted=RecipeOptions)
def build(
    base: Annotated[
        str | None, typer.Argument(metavar="[BASE]", help="metadata (default), request, request-response or none.")
    ] = None,
    base_option: Annotated[str | None, typer.Option("--base", metavar="BASE", help="The same as BASE.")] = None,
    output: OutputOption = Output.text,
    *,
    wanted: RecipeOptions,
) -> None:
    """Build a policy from a base, and print it. Rules are ordered so that each has an effect."""
    from kaudit_setup.policy import build as builder

    if base and base_option and base != base_option:
        raise InputError(f"two bases: {base} and {base_option}", hint="give one of them")
    chosen = builder.parse_base(base or base_option or "metadata")
    print_policy("", builder.build(wanted.recipe(chosen)), output)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _split(values: list[str] | None) -> tuple[str, ...]:
    """The words between commas, each once."""
    words = map(str.strip, ",".join(values or ()).split(","))
    return tuple(dict.fromkeys(filter(None, words)))
