"""`policy explain`: what kube-apiserver makes of one request."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.output import KubeVersionOption, Output, OutputOption
from kaudit_setup.cli.options.policies import FileArgument, read_policy, require_policy, supported_version
from kaudit_setup.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaudit_setup.model import KubeVersion
    from kaudit_setup.policy.explain.words import RequestWords
    from kaudit_setup.policy.model import Policy

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Examples:
  kaudit-setup policy explain quiet --verb create --resource pods/exec
  kaudit-setup policy explain quiet --verb patch --resource deploy/web
  kaudit-setup policy explain my.yaml --url 'POST /api/v1/namespaces/x/pods'
  kaudit-setup policy explain my.yaml --path /healthz --verb get
  kaudit-setup policy explain my.yaml --failed-login --url 'GET /api/v1/pods'
  kaudit-setup policy explain quiet --requests requests.jsonl > out.jsonl"""


class RequestOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The request that is asked about."""

    user: Annotated[
        str | None,
        typer.Option("--as", metavar="USER", help="User of the request. Default: a user that no rule names."),
    ] = None
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--as-group",
            metavar="GROUP",
            help="Group of the user; repeatable. Default: those that a user of that name has by itself.",
        ),
    ] = None
    failed_login: Annotated[
        bool, typer.Option("--failed-login", help="The request has no valid credentials (401).")
    ] = False
    verb: Annotated[str | None, typer.Option("--verb", metavar="VERB", help="Verb as in RBAC: get, create, ...")] = (
        None
    )
    resource: Annotated[
        str | None,
        typer.Option(
            metavar="RESOURCE[.GROUP][/SUB]",
            help="As kubectl takes it: po, pods/exec, deploy/web, jobs.batch/status.",
        ),
    ] = None
    subresource: Annotated[
        str, typer.Option("--subresource", metavar="SUB", help="Subresource, as an alternative to /SUB.")
    ] = ""
    api_group: Annotated[
        str | None,
        typer.Option("--api-group", metavar="GROUP", help="API group. Default: that of the built-in resource."),
    ] = None
    namespace: Annotated[str, typer.Option("-n", "--namespace", metavar="NS", help="Namespace of the object.")] = ""
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the object, as in the URL.")] = ""
    path: Annotated[
        str | None,
        typer.Option(
            "--path", metavar="PATH", help="URL path of a request that is not for a resource, instead of --resource."
        ),
    ] = None
    url: Annotated[
        str | None,
        typer.Option(
            "--url", metavar="'METHOD URL'", help="The whole request, instead of --verb, --resource and so on."
        ),
    ] = None

    def words(self) -> RequestWords:
        """As `policy` reads it."""
        from kaudit_setup.policy.explain.words import RequestWords

        return RequestWords(
            user=None if self.failed_login else self.user or "",
            groups=tuple(self.group or ()),
            verb=self.verb,
            resource=self.resource,
            subresource=self.subresource,
            api_group=self.api_group,
            namespace=self.namespace,
            name=self.name,
            path=self.path,
            url=self.url,
        )


@app.command(epilog=_EPILOG)
@takes(request=RequestOptions)
def explain(
    file: FileArgument,
    requests: Annotated[
        str | None,
        typer.Option("--requests", metavar="FILE|-", help="Many requests: reads and prints JSON lines."),
    ] = None,
    output: OutputOption = Output.text,
    kube_version: KubeVersionOption = None,
    *,
    request: RequestOptions,
) -> None:
    """Show which rule decides a request, and what is logged. Rules that almost matched are shown, too.

    A line of --requests has the fields user, groups, verb, apiGroup, resource, subresource, namespace, name,
    isResource and path; the answer has level, omitStages, ruleIndex (from 0; null if no rule matches) and
    omitManagedFields.
    """
    from kaudit_setup.policy.explain import explain as explained
    from kaudit_setup.policy.explain import lines_of
    from kaudit_setup.policy.load import load
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.policy.explain import PolicyExplanation, as_item, as_text

    version = supported_version(kube_version)
    if file == "-" and requests == "-":
        raise InputError(
            "the policy and the requests cannot both come from standard input", hint="name a file for one"
        )
    name, data = read_policy(file)
    policy = require_policy(name, load(data, version), version)
    words = request.words()
    if requests is not None:
        if words.given:
            raise InputError("--requests excludes --url, --verb, --resource and --path", hint="leave them out")
        _answer(policy, requests, version)
        return
    asked = words.asked(version)
    answer = explained(policy, asked.attributes, version)
    rule = lines_of(answer, data)
    show(
        output,
        lambda: document(PolicyExplanation, [as_item(policy, answer, rule, asked.notes)]),
        lambda: as_text(name, version, policy, answer, rule, asked.notes),
    )


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
