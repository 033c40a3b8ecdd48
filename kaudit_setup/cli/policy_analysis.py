"""`kaudit-setup policy list|show|lint|answers|compare|build`: what a policy does, before it is live."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options import KubeVersionOption, Output, OutputOption
from kaudit_setup.cli.policy_files import loaded as _loaded
from kaudit_setup.cli.policy_files import policy_of
from kaudit_setup.cli.policy_files import version_of as _version
from kaudit_setup.errors import Exit, InputError
from kaudit_setup.model import KubeVersion

if TYPE_CHECKING:
    from kaudit_setup.policy.model import Policy

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE|PRESET", help="A policy file, a preset's name, or - for standard input.")
]
_LIST_EPILOG = """\b
Examples:
  kaudit-setup policy list
  kaudit-setup policy list -o json"""
_SHOW_EPILOG = """\b
Examples:
  kaudit-setup policy show forensics
  kaudit-setup policy show quiet > my-policy.yaml"""
_LINT_EPILOG = """\b
Examples:
  kaudit-setup policy lint my-policy.yaml
  kaudit-setup policy lint --kube-version 1.28 my-policy.yaml -o json
  kaudit-setup policy build --drop-reads | kaudit-setup policy lint -
Exit code 1 if a finding is of severity error."""
_ANSWERS_EPILOG = """\b
Examples:
  kaudit-setup policy answers forensics
  kaudit-setup policy answers my-policy.yaml -o json"""
_COMPARE_EPILOG = """\b
Examples:
  kaudit-setup policy compare metadata forensics
  kaudit-setup policy compare old.yaml new.yaml -o json"""
_BUILD_EPILOG = """\b
Examples:
  kaudit-setup policy build --drop-controllers --drop-nodes --drop-health > audit-policy.yaml
  kaudit-setup policy build --only-namespace production --drop-resource secrets,configmaps
  kaudit-setup policy build request --drop-reads --body pods:create=RequestResponse
  kaudit-setup policy build none --body pods,deployments:create,delete=Metadata"""


def register(app: typer.Typer) -> None:
    """Put these commands on the `policy` command."""
    app.command("list", epilog=_LIST_EPILOG)(list_presets)
    app.command(epilog=_SHOW_EPILOG)(show)
    app.command(epilog=_LINT_EPILOG)(lint)
    app.command(epilog=_ANSWERS_EPILOG)(answers)
    app.command(epilog=_COMPARE_EPILOG)(compare)
    app.command(epilog=_BUILD_EPILOG)(build)


def list_presets(output: OutputOption = Output.text) -> None:
    """List the policies that come with the tool, the recommended one first."""
    from kaudit_setup.policy import presets
    from kaudit_setup.report import policy_analysis as report

    found = [(p.name, p.summary) for p in map(presets.preset, presets.names())]
    if output is Output.json:
        _json([{"name": name, "summary": summary} for name, summary in found])
    else:
        typer.echo(report.presets(found))


def show(name: Annotated[str, typer.Argument(metavar="PRESET", help="One of `policy list`.")]) -> None:
    """Print a preset: its head says for whom it is, what it answers and what it leaves out."""
    from kaudit_setup.policy import presets

    typer.echo(presets.preset(name).data.decode(), nl=False)


def lint(
    files: Annotated[list[str], typer.Argument(metavar="FILE|PRESET...", help="Policy files, presets, or -.")],
    output: OutputOption = Output.text,
    kube_version: KubeVersionOption = None,
) -> None:
    """Find rules that can never be reached, words that match nothing, and what is leaked or lost."""
    from kaudit_setup.policy.lint import lint as linted
    from kaudit_setup.report import policy_analysis as report

    version = _version(kube_version)
    loaded = [_loaded(file, version) for file in files]
    found = [(name, linted(policy, version)) for name, policy in loaded]
    if output is Output.json:
        _json([{"file": name, **asdict(finding)} for name, findings in found for finding in findings])
    else:
        typer.echo("\n".join(report.findings(name, findings) for name, findings in found))
    if any(finding.severity == "error" for _, findings in found for finding in findings):
        raise typer.Exit(Exit.FAILED)


def answers(file: FileArgument, output: OutputOption = Output.text, kube_version: KubeVersionOption = None) -> None:
    """Say which questions a log written under this policy can answer: yes, partly or no, and which rule decides."""
    from kaudit_setup.policy.answers import answers as answered
    from kaudit_setup.report import policy_analysis as report

    version = _version(kube_version)
    name, policy = _policy(file, version)
    found = answered(policy, version)
    if output is Output.json:
        _json([asdict(answer) for answer in found])
    else:
        typer.echo(report.answers(name, found))


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A policy file or preset.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    output: OutputOption = Output.text,
    kube_version: KubeVersionOption = None,
) -> None:
    """Say what B logs that A does not and the other way round, and which answers change."""
    from kaudit_setup.policy.compare import compare as compared
    from kaudit_setup.report import policy_analysis as report

    version = _version(kube_version)
    (name_a, policy_a), (name_b, policy_b) = _policy(a, version), _policy(b, version)
    found = compared(policy_a, policy_b, version)
    if output is Output.json:
        _json({"a": name_a, "b": name_b, "same": not found.differences, **asdict(found)})
    else:
        typer.echo(report.comparison(name_a, name_b, found.differences, found.answers))


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


def _policy(file: str, version: KubeVersion) -> tuple[str, Policy]:
    name, held = _loaded(file, version)
    return name, policy_of(name, held, version)


def _json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))
