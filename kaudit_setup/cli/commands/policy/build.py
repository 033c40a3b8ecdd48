"""`policy build`: a policy of one's own."""

from __future__ import annotations

from typing import Annotated

import typer

from kaudit_setup.errors import InputError

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy build --drop-controllers --drop-nodes --drop-health > audit-policy.yaml
  kaudit-setup policy build --only-namespace production --drop-resource secrets,configmaps
  kaudit-setup policy build request --drop-reads --body pods:create=RequestResponse
  kaudit-setup policy build none --body pods,deployments:create,delete=Metadata"""


@app.command(epilog=_EPILOG)
def build(
    base: Annotated[
        str | None, typer.Argument(metavar="[BASE]", help="metadata (default), request, request-response or none.")
    ] = None,
    base_option: Annotated[str | None, typer.Option("--base", metavar="BASE", help="The same, as an option.")] = None,
    only_namespace: Annotated[
        list[str] | None,
        typer.Option("--only-namespace", metavar="NAMES", help="Log nothing elsewhere; repeatable, or with commas."),
    ] = None,
    drop_resource: Annotated[
        list[str] | None,
        typer.Option(
            "--drop-resource",
            metavar="NAMES",
            help="secrets, deployments, widgets.example.com, pods/log; repeatable.",
        ),
    ] = None,
    drop_reads: Annotated[bool, typer.Option("--drop-reads", help="No get, list, watch; exec stays.")] = False,
    drop_controllers: Annotated[
        bool, typer.Option("--drop-controllers", help="Nothing by the control plane and kube-system.")
    ] = False,
    drop_nodes: Annotated[bool, typer.Option("--drop-nodes", help="Nothing by kubelets.")] = False,
    drop_events: Annotated[bool, typer.Option("--drop-events", help="No Event objects.")] = False,
    drop_health: Annotated[bool, typer.Option("--drop-health", help="No /healthz, /livez, /readyz.")] = False,
    stages: Annotated[
        str | None,
        typer.Option("--stages", metavar="NAMES", help="Stages to keep. Default: all but RequestReceived."),
    ] = None,
    body: Annotated[
        list[str] | None,
        typer.Option("--body", metavar="WHAT[:VERBS]=LEVEL", help="A level of its own, e.g. pods:create=Request."),
    ] = None,
) -> None:
    """Compose a policy from a base, and print it with comments, in an order in which every rule counts."""
    import shlex

    from kaudit_setup.policy import build as builder

    if base and base_option and base != base_option:
        raise InputError(f"two bases are given: {base} and {base_option}", hint="give one")
    chosen = builder.parse_base(base or base_option or "metadata")
    switches = {
        "--drop-reads": drop_reads,
        "--drop-controllers": drop_controllers,
        "--drop-nodes": drop_nodes,
        "--drop-events": drop_events,
        "--drop-health": drop_health,
    }
    lists = {"--only-namespace": only_namespace, "--drop-resource": drop_resource, "--body": body}
    told = ["kaudit-setup", "policy", "build", chosen, *(flag for flag, on in switches.items() if on)]
    told += [word for flag, values in lists.items() for value in values or () for word in (flag, value)]
    told += ["--stages", stages] if stages else []
    recipe = builder.Recipe(
        base=chosen,
        namespaces=_split(only_namespace),
        drop_resources=tuple(dict.fromkeys(builder.parse_kind(word) for word in _split(drop_resource))),
        drop_reads=drop_reads,
        drop_controllers=drop_controllers,
        drop_nodes=drop_nodes,
        drop_events=drop_events,
        drop_health=drop_health,
        stages=builder.parse_stages(stages) if stages is not None else (),
        bodies=tuple(builder.parse_body(text) for text in body or ()),
        command=shlex.join(told),
    )
    typer.echo(builder.build(recipe), nl=False)


def _split(values: list[str] | None) -> tuple[str, ...]:
    words = (word.strip() for value in values or () for word in value.split(","))
    return tuple(dict.fromkeys(word for word in words if word))
