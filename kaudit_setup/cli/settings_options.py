"""The options that say how auditing shall be, the same for every command that takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kaudit_setup.errors import InputError
from kaudit_setup.model import LOG_FLAG, POLICY_FLAG, WEBHOOK_FLAG, KubeVersion

PolicyOption = Annotated[
    str | None,
    typer.Option("--policy", metavar="NAME|FILE", help="Preset (see `kaudit-setup policy list`) or policy file."),
]
PolicyPathOption = Annotated[
    str | None,
    typer.Option(
        "--policy-path", metavar="PATH", help="Policy file on the node. [default: /etc/kubernetes/audit-policy.yaml]"
    ),
]
LogPathOption = Annotated[
    str | None,
    typer.Option(
        "--log-path",
        metavar="PATH",
        help="Log on the node; `-` is standard output, '' is no log. [default: /var/log/kubernetes/audit/audit.log]",
    ),
]
MaxAgeOption = Annotated[
    int | None, typer.Option("--log-maxage", metavar="DAYS", help="Keep rotated logs so long. [default: 30]")
]
MaxBackupOption = Annotated[
    int | None, typer.Option("--log-maxbackup", metavar="N", help="Keep so many rotated logs. [default: 10]")
]
MaxSizeOption = Annotated[
    int | None, typer.Option("--log-maxsize", metavar="MB", help="Rotate at this size. [default: 100]")
]
CompressOption = Annotated[
    bool | None, typer.Option("--log-compress/--no-log-compress", help="Compress rotated logs with gzip.")
]
FormatOption = Annotated[str | None, typer.Option("--log-format", metavar="json|legacy", help="Format of the log.")]
ModeOption = Annotated[
    str | None,
    typer.Option("--log-mode", metavar="blocking|blocking-strict|batch", help="How events reach the log."),
]
WebhookOption = Annotated[
    Path | None,
    typer.Option("--webhook-config", metavar="FILE", help="Send events to the server of this kubeconfig, too."),
]
WebhookPathOption = Annotated[
    str | None,
    typer.Option(
        "--webhook-path",
        metavar="PATH",
        help="That kubeconfig on the node. [default: /etc/kubernetes/audit-webhook.kubeconfig]",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="audit-FLAG=VALUE",
        help="Any other --audit-* flag of kube-apiserver, e.g. audit-log-batch-max-size=100; repeatable. "
        "An empty path takes the flag away.",
    ),
]


def explicit(
    *,
    policy_path: str | None = None,
    log_path: str | None = None,
    log_maxage: int | None = None,
    log_maxbackup: int | None = None,
    log_maxsize: int | None = None,
    log_compress: bool | None = None,
    log_format: str | None = None,
    log_mode: str | None = None,
    webhook_path: str | None = None,
    sets: list[str] | None = None,
) -> dict[str, str]:
    """The audit flags that the user named, without leading dashes. Raises InputError if two options disagree."""
    from kaudit_setup.manifest.settings import parse_set

    given: dict[str, str | int | None] = {
        POLICY_FLAG: policy_path,
        LOG_FLAG: log_path,
        "audit-log-maxage": log_maxage,
        "audit-log-maxbackup": log_maxbackup,
        "audit-log-maxsize": log_maxsize,
        "audit-log-compress": None if log_compress is None else str(log_compress).lower(),
        "audit-log-format": log_format,
        "audit-log-mode": log_mode,
        WEBHOOK_FLAG: webhook_path,
    }
    flags = {name: str(value) for name, value in given.items() if value is not None}
    for name, value in parse_set(sets or []).items():
        if flags.setdefault(name, value) != value:
            raise InputError(
                f"--set {name}={value} disagrees with the option that says {flags[name]}", hint="give one of them"
            )
    return flags


def kube_version(text: str | None) -> KubeVersion | None:
    """`--kube-version` as a value; raises InputError if it is none."""
    if text is None:
        return None
    try:
        return KubeVersion.parse(text)
    except ValueError:
        raise InputError(f"--kube-version {text} is no version", hint="write it as 1.36") from None
