"""`policy explain`: what kube-apiserver makes of one request."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli.options import policies
from kaudit_setup.cli.options.output import KubeVersionOption, Output, OutputOption
from kaudit_setup.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaudit_setup.model import KubeVersion
    from kaudit_setup.policy.explain import Explanation
    from kaudit_setup.policy.model import Attributes, Policy

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy explain forensics --as alice --verb create --resource pods/exec -n production --name web
  kaudit-setup policy explain my-policy.yaml --url 'POST /api/v1/namespaces/x/pods' --as alice --group developers
  kaudit-setup policy explain my-policy.yaml --path /healthz --verb get
  kaudit-setup policy explain my-policy.yaml --failed-login --url 'GET /api/v1/pods'
  kaudit-setup policy explain quiet --requests requests.jsonl > decisions.jsonl"""


@app.command(epilog=_EPILOG)
def explain(
    file: Annotated[
        str, typer.Argument(metavar="FILE|PRESET", help="A policy file, a preset's name, or - for standard input.")
    ],
    user: Annotated[
        str | None, typer.Option("--as", metavar="USER", help="Who asks. Default: a user whom no rule names.")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            metavar="G",
            help="A group of the user; repeatable. Default: those that kube-apiserver gives to every such user.",
        ),
    ] = None,
    failed_login: Annotated[
        bool, typer.Option("--failed-login", help="The request has no valid login (401).")
    ] = False,
    verb: Annotated[str | None, typer.Option("--verb", metavar="VERB", help="As in RBAC: get, create, …")] = None,
    resource: Annotated[
        str | None,
        typer.Option(metavar="RESOURCE[.GROUP][/SUB]", help="E.g. pods/exec, deployments.apps/scale."),
    ] = None,
    api_group: Annotated[
        str | None, typer.Option("--api-group", metavar="GROUP", help="Default: where Kubernetes has the resource.")
    ] = None,
    namespace: Annotated[str, typer.Option("-n", "--namespace", metavar="NS", help="Of the object.")] = "",
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Of the object, as in the URL.")] = "",
    path: Annotated[str | None, typer.Option("--path", metavar="PATH", help="Instead of --resource: a URL.")] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="'METHOD URL'", help="Instead of --verb, --resource and so on.")
    ] = None,
    requests: Annotated[
        str | None,
        typer.Option("--requests", metavar="FILE|-", help="Many requests: JSON lines in, a JSON line each out."),
    ] = None,
    output: OutputOption = Output.text,
    kube_version: KubeVersionOption = None,
) -> None:
    """Say which rule decides a request, what is written about it, and which rules came close.

    A line of --requests has the fields user, groups, verb, apiGroup, resource, subresource, namespace, name,
    isResource and path; the answer has level, omitStages, ruleIndex (from 0; null if no rule matches) and
    omitManagedFields.
    """
    version = policies.version_of(kube_version)
    if file == "-" and requests == "-":
        raise InputError("both the policy and the requests are to be read from standard input", hint="name one file")
    policy_name, data = policies.content(file)
    policy = _policy(policy_name, data, version)
    if requests is not None:
        if any(flag is not None for flag in (verb, resource, path, url)):
            raise InputError("--requests stands alone", hint="leave --url, --verb, --resource and --path out")
        _answer(policy, requests, version)
        return
    who = None if failed_login else user or ""
    groups = tuple(group) if group else _usual_groups(who)
    if url is not None:
        if any(flag is not None for flag in (verb, resource, path)) or namespace or name:
            raise InputError("--url says everything", hint="leave --verb, --resource, --path, -n and --name out")
        attributes = _from_url(url, who, groups)
    else:
        attributes = _from_flags(who, groups, verb, resource, api_group, namespace, name, path)
    _show(policy_name, data, policy, attributes, version, output)


def _policy(name: str, data: bytes, version: KubeVersion) -> Policy:
    from kaudit_setup.policy.load import load

    return policies.policy_of(name, load(data, version), version)


def _usual_groups(user: str | None) -> tuple[str, ...]:
    """What the authenticators of kube-apiserver add by themselves."""
    if user is None:
        return ()
    if user == "system:anonymous":
        return ("system:unauthenticated",)
    account = user.removeprefix("system:serviceaccount:")
    if account != user and account.count(":") == 1:
        own = account.partition(":")[0]
        return ("system:serviceaccounts", f"system:serviceaccounts:{own}", "system:authenticated")
    return ("system:authenticated",)


def _from_url(url: str, user: str | None, groups: tuple[str, ...]) -> Attributes:
    from kaudit_setup.policy.request import from_url

    method, space, rest = url.strip().partition(" ")
    info = from_url(method, rest.strip(), user, groups) if space else from_url("GET", method, user, groups)
    if info.error:
        raise InputError(
            f"kube-apiserver answers {url} with an error 500 before it audits: {info.error}",
            hint="no policy makes it write an event",
        )
    return info.attributes


def _from_flags(
    user: str | None,
    groups: tuple[str, ...],
    verb: str | None,
    resource: str | None,
    api_group: str | None,
    namespace: str,
    name: str,
    path: str | None,
) -> Attributes:
    from kaudit_setup.policy.catalog.resources import home
    from kaudit_setup.policy.model import Attributes

    if (resource is None) == (path is None):
        raise InputError(
            "one request is needed",
            hint="give --url 'METHOD URL', or --verb with --resource or --path, or --requests FILE",
        )
    if verb is None:
        raise InputError("--verb is missing", hint="e.g. --verb create; for --path the HTTP method, e.g. get")
    if path is not None:
        return Attributes(user, groups, verb, is_resource=False, path=path)
    whole, _, subresource = (resource or "").partition("/")
    plural, dot, suffix = whole.partition(".")
    group = api_group if api_group is not None else suffix if dot else home(plural) or ""
    return Attributes(user, groups, verb, group, plural, subresource, namespace, name)


def _show(
    name: str, data: bytes, policy: Policy, attributes: Attributes, version: KubeVersion, output: Output
) -> None:
    from kaudit_setup.policy.explain import explain as explained
    from kaudit_setup.policy.load import lines
    from kaudit_setup.report.policy_explain import explanation

    answer = explained(policy, attributes, version)
    first, last = answer.rule_lines
    text = lines(data)[first - 1 : last] if first else []
    if output is Output.json:
        typer.echo(json.dumps(_fields(answer, policy, text), indent=2, ensure_ascii=False))
    else:
        typer.echo(explanation(name, str(version), answer, text, [rule.line for rule in policy.rules]))


def _fields(answer: Explanation, policy: Policy, text: list[str]) -> dict[str, object]:
    from kaudit_setup.policy.evaluate.batch import decision_fields
    from kaudit_setup.policy.request import is_long_running

    first, last = answer.rule_lines
    a = answer.attributes
    return {
        **decision_fields(answer.decision),
        "attributes": {
            "user": a.user,
            "groups": list(a.groups),
            "verb": a.verb,
            "apiGroup": a.api_group,
            "resource": a.resource,
            "subresource": a.subresource,
            "namespace": a.namespace,
            "name": a.name,
            "isResource": a.is_resource,
            "path": a.path,
        },
        "longRunning": is_long_running(a),
        "rule": {"line": first, "endLine": last, "text": "\n".join(text)} if first else None,
        "events": [asdict(event) for event in answer.events],
        "close": [
            {"ruleIndex": miss.index, "line": policy.rules[miss.index].line, "reasons": list(miss.reasons)}
            for miss in answer.close
        ],
    }


def _answer(policy: Policy, requests: str, version: KubeVersion) -> None:
    from kaudit_setup.policy.evaluate.batch import answer

    for block in answer(policy, _chunks(requests), version):
        sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()


def _chunks(requests: str) -> Iterator[bytes]:
    size = 1 << 18
    if requests == "-":
        while chunk := sys.stdin.buffer.read(size):
            yield chunk
        return
    try:
        with Path(requests).open("rb") as file:
            while chunk := file.read(size):
                yield chunk
    except OSError as error:
        raise InputError(f"the requests {requests} cannot be read: {error.strerror}") from error
