"""`kaudit-setup manifest …`: the manifest patch as a pure filter, for GitOps and machine images."""

from __future__ import annotations

import hashlib

import typer

from kaudit_setup.cli.options.groups import takes
from kaudit_setup.cli.options.output import KubeVersionOption
from kaudit_setup.cli.options.settings import SettingsOptions, followed
from kaudit_setup.cli.options.settings import kube_version as parse_version
from kaudit_setup.errors import InputError, ManifestError
from kaudit_setup.model import POLICY_ANNOTATION, WEBHOOK_ANNOTATION, WEBHOOK_FLAG

app = typer.Typer(
    help="Patch a kube-apiserver manifest: reads standard input, writes standard output, changes nothing else.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_PATCH_EPILOG = """\b
Examples:
  kaudit-setup manifest patch --policy metadata < kube-apiserver.yaml
  kaudit-setup manifest patch --policy my.yaml < in.yaml > out.yaml
  kaudit-setup manifest patch --set audit-log-truncate-enabled=true < in.yaml"""
_UNPATCH_EPILOG = """\b
Example:
  kaudit-setup manifest unpatch < kube-apiserver.yaml > without-audit.yaml"""


@app.command(epilog=_PATCH_EPILOG)
@takes(settings=SettingsOptions)
def patch(kube_version: KubeVersionOption = None, *, settings: SettingsOptions) -> None:
    """Add or change audit settings in the manifest on standard input.

    Comments, order, quoting, indentation and line ends stay as they are. Audit settings that it already has are
    kept unless an option changes them; without --policy the annotation with the policy's SHA-256 is kept.
    """
    from kaudit_setup.manifest import pod
    from kaudit_setup.manifest.flags import unknown_flags
    from kaudit_setup.manifest.patch import check_words
    from kaudit_setup.manifest.patch import patch as patched
    from kaudit_setup.manifest.settings import DEFAULT_WEBHOOK_PATH, desired

    settings.note_log_group()
    explicit = settings.explicit()
    text = _standard_input()
    check_words(text)
    now = pod.read(text)
    version = parse_version(kube_version) or followed(now.version)
    policy_sha, webhook_sha = now.annotations.get(POLICY_ANNOTATION, ""), now.annotations.get(WEBHOOK_ANNOTATION, "")
    policy, webhook = settings.checked_policy(version), settings.webhook_bytes()
    if policy is not None:
        policy_sha = hashlib.sha256(policy).hexdigest()
    if webhook is not None:
        webhook_sha = hashlib.sha256(webhook).hexdigest()
        if WEBHOOK_FLAG not in now.flags:
            explicit.setdefault(WEBHOOK_FLAG, DEFAULT_WEBHOOK_PATH)
    for note in unknown_flags(now.flags, version):
        typer.echo(f"note: {note}", err=True)
    wanted = desired(explicit, now.flags, policy_sha, version, webhook_sha256=webhook_sha)
    _standard_output(patched(text, wanted, version))


@app.command(epilog=_UNPATCH_EPILOG)
def unpatch() -> None:
    """Remove audit settings from the manifest on standard input.

    Removes all --audit-* flags, the mounts and volumes that only they used, and this tool's annotations.
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
    # far above the limit of a manifest; keeps a wrong file out of memory
    data = stream.read(4 << 20)
    try:
        # cut in the middle of a character, it is still too large
        return data.decode(errors="strict" if len(data) < 4 << 20 else "replace")
    except UnicodeDecodeError as error:
        raise ManifestError(
            f"the manifest is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}",
            hint="give the static Pod of kube-apiserver as YAML or JSON",
        ) from None


def _standard_output(text: str) -> None:
    stream = typer.get_binary_stream("stdout")
    stream.write(text.encode())
    stream.flush()
