"""`kaudit-setup render`: the same settings for those who install Kubernetes by other means."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli import complete
from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.output import KubeVersionOption
from kaudit_setup.cli.options.settings import SettingsOptions
from kaudit_setup.cli.options.settings import kube_version as parse_version
from kaudit_setup.errors import InputError
from kaudit_setup.model import WEBHOOK_FLAG, KubeVersion

if TYPE_CHECKING:
    from kaudit_setup.manifest.render_source import Source

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Formats:
  kubeadm                ClusterConfiguration, for --kube-version
  kubeadm-v1beta2, kubeadm-v1beta3, kubeadm-v1beta4
  kubeadm-patches        kube-apiserver+json.yaml, for kubeadm --patches DIR
  kind                   kind create cluster --config
  cluster-api, cluster-api-v1beta2
                         KubeadmControlPlane
  k3s, rke2, kops, kubespray
  talos, talos-v1.14     machine config (talos: until 1.13)
  minikube               a command line
  vector, fluent-bit, alloy
                         a log shipper, for the log at --log-path

\b
Examples:
  kaudit-setup render kubeadm-v1beta4 --policy metadata
  kaudit-setup render kind --policy ./audit-policy.yaml > kind-config.yaml
  kaudit-setup render kubeadm-patches --policy quiet --dir ./patches
  kaudit-setup render talos --policy metadata > patch.yaml
  kaudit-setup render vector --log-path /srv/audit/audit.log > vector.yaml"""


@app.command(epilog=_EPILOG)
@takes(settings=SettingsOptions)
def render(
    format: Annotated[
        str, typer.Argument(metavar="FORMAT", autocompletion=complete.formats, help="One of the formats below.")
    ],
    kube_version: KubeVersionOption = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the KubeadmControlPlane.")
    ] = "my-cluster",
    folder: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            metavar="DIR",
            help="Write the file to this directory, under the name that the installer expects, and beside it the "
            "policy and the webhook's kubeconfig where the file does not hold them.",
        ),
    ] = None,
    *,
    settings: SettingsOptions,
) -> None:
    """Print the audit settings in the format of another installer, with instructions in a comment."""
    from kaudit_setup.manifest.shippers.render import SHIPPERS

    files = _shipper(format, settings) if format in SHIPPERS else _installer(format, settings, kube_version, name)
    if folder is None:
        typer.echo(next(iter(files.values())), nl=False)
        return
    for file, text in files.items():
        _write(folder / file, text)


def _shipper(format: str, settings: SettingsOptions) -> dict[str, str]:
    """The configuration of a log shipper, by the name of its file. Raises InputError."""
    from kaudit_setup.manifest.shippers.render import DEFAULT_LOG, SHIPPERS, render
    from kaudit_setup.resources import template

    if settings.policy is not None:
        raise InputError(f"{format} ships a log and takes no --policy", hint="leave it out")
    log = DEFAULT_LOG if settings.log_path is None else settings.log_path
    text = template("shippers", f"{format}.txt").read_text(encoding="utf-8")
    return {SHIPPERS[format].file: render(format, log, text)}


def _installer(format: str, settings: SettingsOptions, kube_version: str | None, name: str) -> dict[str, str]:
    """The settings in the format of an installer, and what belongs beside it, by file name. Raises InputError."""
    from kaudit_setup.manifest.render import FORMATS, companions, kubeadm_format, render
    from kaudit_setup.manifest.shippers.render import SHIPPERS
    from kaudit_setup.resources import template

    version = parse_version(kube_version)
    source = _source(settings, version, name)
    chosen = kubeadm_format(version) if format == "kubeadm" else format
    if chosen not in FORMATS:
        raise InputError(f"unknown format {chosen!r}", hint="one of: kubeadm, " + ", ".join([*FORMATS, *SHIPPERS]))
    rendered = render(chosen, source, template("render", f"{chosen}.txt").read_text(encoding="utf-8"))
    return {FORMATS[chosen].file: rendered, **companions(chosen, source)}


def _source(settings: SettingsOptions, version: KubeVersion | None, name: str) -> Source:
    """What is to be rendered. Raises InputError for options that contradict each other."""
    from kaudit_setup.manifest.render_source import Source
    from kaudit_setup.manifest.settings import DEFAULT_WEBHOOK_PATH, desired

    settings.note_log_group()
    explicit = settings.explicit()
    text = settings.checked_policy(version)
    if text is None:
        raise InputError("--policy is missing", hint="name a preset or a file, e.g. --policy metadata")
    webhook = settings.webhook_bytes() or b""
    if webhook:
        explicit.setdefault(WEBHOOK_FLAG, DEFAULT_WEBHOOK_PATH)
    elif explicit.get(WEBHOOK_FLAG):
        raise InputError(
            "--webhook-path needs --webhook-config", hint="--webhook-config FILE is the kubeconfig itself"
        )
    webhook_sha = hashlib.sha256(webhook).hexdigest() if webhook else ""
    wanted = desired(explicit, {}, hashlib.sha256(text).hexdigest(), version, webhook_sha256=webhook_sha)
    return Source(wanted, text.decode("utf-8", "replace"), webhook.decode("utf-8", "replace"), name, version)


def _private(path: str, flags: int) -> int:
    """Opens a file that only its owner reads from its first byte on: it may hold the webhook's credentials."""
    handle = os.open(path, flags, 0o600)
    os.fchmod(handle, 0o600)
    return handle


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(target, "w", encoding="utf-8", opener=_private) as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}", hint="name another --dir") from error
    typer.echo(f"wrote {target}", err=True)
