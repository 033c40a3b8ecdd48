"""The audit settings as options, the same for every command that takes them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from kaudit_setup.cli import complete
from kaudit_setup.cli.answer import remark
from kaudit_setup.errors import InputError
from kaudit_setup.model import LOG_FLAG, NEWER, NEWEST, POLICY_FLAG, WEBHOOK_FLAG, KubeVersion, read_as


class SettingsOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The wanted audit settings: a policy, and flags of kube-apiserver."""

    policy: Annotated[
        str | None,
        typer.Option(
            "--policy",
            metavar="FILE|PRESET",
            autocompletion=complete.policies,
            help="Preset (see `kaudit-setup policy list`) or policy file.",
        ),
    ] = None
    policy_path: Annotated[
        str | None,
        typer.Option(
            "--policy-path",
            metavar="PATH",
            help="Policy file on the node. [default: /etc/kubernetes/audit-policy.yaml]",
        ),
    ] = None
    log_path: Annotated[
        str | None,
        typer.Option(
            "--log-path",
            metavar="PATH",
            help="Log on the node; `-` is standard output, '' is no log. "
            "[default: /var/log/kubernetes/audit/audit.log]",
        ),
    ] = None
    log_maxage: Annotated[
        int | None, typer.Option("--log-maxage", metavar="DAYS", help="Days to keep rotated logs. [default: 30]")
    ] = None
    log_maxbackup: Annotated[
        int | None, typer.Option("--log-maxbackup", metavar="N", help="Number of rotated logs to keep. [default: 10]")
    ] = None
    log_maxsize: Annotated[
        int | None,
        typer.Option("--log-maxsize", metavar="MB", help="Size in MB at which the log is rotated. [default: 100]"),
    ] = None
    log_compress: Annotated[
        bool | None, typer.Option("--log-compress/--no-log-compress", help="Compress rotated logs with gzip.")
    ] = None
    log_format: Annotated[
        str | None, typer.Option("--log-format", metavar="json|legacy", help="Format of the log.")
    ] = None
    log_mode: Annotated[
        str | None,
        typer.Option(
            "--log-mode", metavar="blocking|blocking-strict|batch", help="How events are written to the log."
        ),
    ] = None
    log_group: Annotated[
        str | None,
        typer.Option(
            "--log-group",
            metavar="GROUP",
            help="Group on the node (name or number) that may read the log and its folder; '' is none. "
            "[default: as it is]",
        ),
    ] = None
    webhook_config: Annotated[
        Path | None,
        typer.Option("--webhook-config", metavar="FILE", help="Also send events to the server in this kubeconfig."),
    ] = None
    webhook_path: Annotated[
        str | None,
        typer.Option(
            "--webhook-path",
            metavar="PATH",
            help="Path of that kubeconfig on the node. [default: /etc/kubernetes/audit-webhook.kubeconfig]",
        ),
    ] = None
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="audit-FLAG=VALUE",
            help="Any other --audit-* flag of kube-apiserver, e.g. audit-log-batch-max-size=100; repeatable. "
            "An empty path removes the flag.",
        ),
    ] = None

    def explicit(self) -> dict[str, str]:
        """The audit flags that the user named, without leading dashes. Raises InputError if two options disagree."""
        from kaudit_setup.manifest.settings import parse_set

        given: dict[str, str | int | None] = {
            POLICY_FLAG: self.policy_path,
            LOG_FLAG: self.log_path,
            "audit-log-maxage": self.log_maxage,
            "audit-log-maxbackup": self.log_maxbackup,
            "audit-log-maxsize": self.log_maxsize,
            "audit-log-compress": None if self.log_compress is None else str(self.log_compress).lower(),
            "audit-log-format": self.log_format,
            "audit-log-mode": self.log_mode,
            WEBHOOK_FLAG: self.webhook_path,
        }
        flags = {name: str(value) for name, value in given.items() if value is not None}
        for name, value in parse_set(self.sets or []).items():
            if flags.setdefault(name, value) != value:
                raise InputError(
                    f"--set {name}={value} contradicts the option that says {flags[name]}", hint="give one of them"
                )
        return flags

    def note_log_group(self) -> None:
        """Say what `--log-group` comes to where no node is touched."""
        if self.log_group:
            from kaudit_setup.report.terminal import note

            group = shlex.quote(self.log_group)
            note(
                "--log-group is not a setting of kube-apiserver: before it starts, make the log on the node: "
                f"install -d -m 750 -g {group} DIR; install -m 640 -g {group} /dev/null DIR/audit.log"
            )

    def policy_bytes(self) -> bytes | None:
        """The policy that was named, None if none was. Raises InputError if it cannot be read."""
        if self.policy is None:
            return None
        from kaudit_setup.policy import presets

        return presets.read(self.policy)[1]

    def policy_remark(self) -> str:
        """What a person should know of the policy that was named; empty for nothing."""
        from kaudit_setup.policy import presets

        return presets.shadowed(self.policy) if self.policy else ""

    def checked_policy(self, version: KubeVersion | None) -> bytes | None:
        """As policy_bytes; raises PolicyError if kube-apiserver of that version (default: the newest) refuses it."""
        data = self.policy_bytes()
        if data is not None:
            from kaudit_setup.policy.load import load, refusal

            loaded = load(data, version or NEWEST)
            if not loaded.ok:
                raise refusal(f"{self.policy}", loaded, version or NEWEST)
        return data

    def webhook_bytes(self) -> bytes | None:
        """The webhook's kubeconfig, None if none was named. Raises InputError if it cannot be read."""
        if self.webhook_config is None:
            return None
        try:
            return self.webhook_config.read_bytes()
        except OSError as error:
            raise InputError(
                f"the webhook kubeconfig {self.webhook_config} cannot be read: {error.strerror}",
                hint="name a file that can be read",
            ) from error


def kube_version(text: str | None) -> KubeVersion | None:
    """`--kube-version` as a value, and a note where it is newer than the newest that is known, as which it is then
    read. Raises InputError if it is not a version.
    """
    if text is None:
        return None
    try:
        return followed(KubeVersion.parse(text))
    except ValueError:
        raise InputError(f"--kube-version {text} is not a version", hint="write it as 1.36") from None


def followed(version: KubeVersion | None) -> KubeVersion | None:
    """The version whose rules are followed for this one, with a note where it is another; None for None."""
    known, said = read_as(version)
    if said:
        remark(NEWER, said)
    return known if version else None
