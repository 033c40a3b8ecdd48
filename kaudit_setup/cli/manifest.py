"""`kaudit-setup manifest …`: the manifest patch as a pure filter, for GitOps and machine images."""

from __future__ import annotations

import hashlib

import typer

from kaudit_setup.cli import settings_options as options
from kaudit_setup.cli.options import KubeVersionOption
from kaudit_setup.errors import InputError, ManifestError
from kaudit_setup.model import POLICY_ANNOTATION, WEBHOOK_ANNOTATION, WEBHOOK_FLAG

app = typer.Typer(
    help="Patch a kube-apiserver manifest: standard input to standard output, nothing else is touched.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_PATCH_EPILOG = """\b
Examples:
  kaudit-setup manifest patch --policy metadata < kube-apiserver.yaml > new.yaml
  kaudit-setup manifest patch --policy my-policy.yaml --log-maxage 90 --log-compress < in.yaml > out.yaml
  kaudit-setup manifest patch --policy quiet --log-path - --set audit-log-truncate-enabled=true < in.yaml"""
_UNPATCH_EPILOG = """\b
Example:
  kaudit-setup manifest unpatch < kube-apiserver.yaml > without-audit.yaml"""


@app.command(epilog=_PATCH_EPILOG)
def patch(
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
) -> None:
    """Write the manifest on standard input to standard output, with auditing as wanted.

    Its own style survives: comments, order, quoting, indentation, line ends. What auditing it has already is
    adopted; without --policy the annotation with the policy's SHA-256 stays as it is.
    """
    from kaudit_setup.manifest import pod
    from kaudit_setup.manifest.patch import patch as patched
    from kaudit_setup.manifest.settings import DEFAULT_WEBHOOK_PATH, desired

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
    text = _standard_input()
    now = pod.read(text)
    version = options.kube_version(kube_version) or now.version
    policy_sha, webhook_sha = now.annotations.get(POLICY_ANNOTATION, ""), now.annotations.get(WEBHOOK_ANNOTATION, "")
    if policy is not None:
        from kaudit_setup.policy import presets

        policy_sha = hashlib.sha256(presets.read(policy)[1]).hexdigest()
    if webhook_config is not None:
        try:
            webhook_sha = hashlib.sha256(webhook_config.read_bytes()).hexdigest()
        except OSError as error:
            raise InputError(f"the webhook kubeconfig {webhook_config} cannot be read: {error.strerror}") from error
        if WEBHOOK_FLAG not in explicit and WEBHOOK_FLAG not in now.flags:
            explicit[WEBHOOK_FLAG] = DEFAULT_WEBHOOK_PATH
    settings = desired(explicit, now.flags, policy_sha, version, webhook_sha256=webhook_sha)
    _standard_output(patched(text, settings, version))


@app.command(epilog=_UNPATCH_EPILOG)
def unpatch() -> None:
    """Write the manifest on standard input to standard output, without auditing.

    All --audit-* flags go, the mounts and volumes that only they used, and the annotations of this tool.
    """
    from kaudit_setup.manifest.patch import unpatch as unpatched

    _standard_output(unpatched(_standard_input()))


def _standard_input() -> str:
    stream = typer.get_binary_stream("stdin")
    if stream.isatty():
        raise InputError(
            "the manifest is read from standard input, which is a terminal",
            hint="kaudit-setup manifest patch < kube-apiserver.yaml",
        )
    # one byte more than the limit is enough to be refused for its size
    data = stream.read((4 << 20) + 1)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ManifestError(
            f"the manifest is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}",
            hint="give the kube-apiserver's static Pod as YAML or JSON",
        ) from None


def _standard_output(text: str) -> None:
    stream = typer.get_binary_stream("stdout")
    stream.write(text.encode())
    stream.flush()
