"""`kaudit-setup render`: the same settings for those who install Kubernetes by other means."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from kaudit_setup.cli import settings_options as options
from kaudit_setup.cli.options import KubeVersionOption
from kaudit_setup.errors import InputError, PolicyError
from kaudit_setup.model import NEWEST, WEBHOOK_FLAG

app = typer.Typer(rich_markup_mode=None)

_EPILOG = """\b
Formats:
  kubeadm                ClusterConfiguration, as --kube-version wants it
  kubeadm-v1beta2, kubeadm-v1beta3, kubeadm-v1beta4
  kubeadm-patches        kube-apiserver+json.yaml for a folder of kubeadm --patches
  kind                   kind create cluster --config
  cluster-api, cluster-api-v1beta2
                         KubeadmControlPlane
  k3s, rke2, kops, talos, kubespray
  minikube               a command line

\b
Examples:
  kaudit-setup render kubeadm-v1beta4 --policy metadata
  kaudit-setup render kind --policy ./audit-policy.yaml > kind-config.yaml
  kaudit-setup render kubeadm-patches --policy quiet --dir ./patches
  kaudit-setup render talos --policy metadata --log-maxage 90 | talosctl patch mc --patch @/dev/stdin"""


@app.command(epilog=_EPILOG)
def render(
    format: Annotated[str, typer.Argument(metavar="FORMAT", help="One of the formats below.")],
    policy: options.PolicyOption = None,
    policy_path: options.PolicyPathOption = None,
    log_path: options.LogPathOption = None,
    log_maxage: options.MaxAgeOption = None,
    log_maxbackup: options.MaxBackupOption = None,
    log_maxsize: options.MaxSizeOption = None,
    log_compress: options.CompressOption = None,
    log_format: options.FormatOption = None,
    log_mode: options.ModeOption = None,
    webhook_config: options.WebhookOption = None,
    webhook_path: options.WebhookPathOption = None,
    sets: options.SetOption = None,
    kube_version: KubeVersionOption = None,
    name: Annotated[str, typer.Option("--name", help="Name of the KubeadmControlPlane.")] = "my-cluster",
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Write the file there, under the name that the tool expects."),
    ] = None,
) -> None:
    """Print the audit settings in the words of another installer, with what to do with them in a comment above."""
    from kaudit_setup.manifest.render import FORMATS, Source, render
    from kaudit_setup.manifest.settings import DEFAULT_WEBHOOK_PATH, desired
    from kaudit_setup.policy import presets
    from kaudit_setup.policy.load import load
    from kaudit_setup.texts import template

    version = options.kube_version(kube_version)
    explicit = options.explicit(
        policy_path=policy_path,
        log_path=log_path,
        log_maxage=log_maxage,
        log_maxbackup=log_maxbackup,
        log_maxsize=log_maxsize,
        log_compress=log_compress,
        log_format=log_format,
        log_mode=log_mode,
        webhook_path=webhook_path,
        sets=sets,
    )
    if policy is None:
        raise InputError("--policy is missing", hint="name a preset or a file, e.g. --policy metadata")
    if format == "kubeadm":
        from kaudit_setup.manifest.render import kubeadm_format

        format = kubeadm_format(version)
    where, text = presets.read(policy)
    refused = load(text, version or NEWEST).errors
    if refused:
        raise PolicyError(
            f"kube-apiserver would refuse {where}: {refused[0]}",
            hint="mend the policy; `kaudit-setup policy lint` says more",
            details="\n".join(map(str, refused[1:])),
        )
    webhook = _read(webhook_config)
    if webhook_config is not None:
        explicit.setdefault(WEBHOOK_FLAG, DEFAULT_WEBHOOK_PATH)
    elif explicit.get(WEBHOOK_FLAG):
        raise InputError(
            "--webhook-path needs --webhook-config", hint="--webhook-config FILE is the kubeconfig itself"
        )
    settings = desired(
        explicit,
        {},
        hashlib.sha256(text).hexdigest(),
        version,
        webhook_sha256=hashlib.sha256(webhook).hexdigest() if webhook_config else "",
    )
    if format not in FORMATS:
        raise InputError(f"there is no format {format!r}", hint="one of: kubeadm, " + ", ".join(FORMATS))
    source = Source(settings, text.decode("utf-8", "replace"), webhook.decode("utf-8", "replace"), name)
    rendered = render(format, source, template("render", f"{format}.txt").read_text(encoding="utf-8"))
    if folder is None:
        typer.echo(rendered, nl=False)
        return
    target = folder / FORMATS[format].file
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # it may hold the webhook's credentials
        target.touch(0o600)
        target.write_text(rendered, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}", hint="name another --dir") from error
    typer.echo(f"wrote {target}", err=True)


def _read(file: Path | None) -> bytes:
    if file is None:
        return b""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(
            f"the webhook kubeconfig {file} cannot be read: {error.strerror}", hint="name a file that can be read"
        ) from error
