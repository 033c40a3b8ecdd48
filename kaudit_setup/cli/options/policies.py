"""What every `policy` command needs first: the Kubernetes version, and the policy file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kaudit_setup.cli import complete
from kaudit_setup.cli.answer import show
from kaudit_setup.cli.options.output import Output
from kaudit_setup.cli.options.settings import kube_version as parsed_version
from kaudit_setup.errors import InputError
from kaudit_setup.model import NEWEST, OLDEST, KubeVersion

if TYPE_CHECKING:
    from kaudit_setup.policy.load import Loaded
    from kaudit_setup.policy.model import Policy

FileArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE|PRESET",
        autocompletion=complete.policies,
        help="A policy file, a preset's name, or - for standard input.",
    ),
]


def supported_version(text: str | None) -> KubeVersion:
    """`--kube-version` as a value, by default the newest; raises InputError for one that is too old."""
    version = parsed_version(text) or NEWEST
    if version < OLDEST:
        raise InputError(
            f"unsupported --kube-version {version} (supported: {OLDEST} to {NEWEST})",
            hint=f"the oldest is {OLDEST}",
        )
    return version


def read_policy(file: str) -> tuple[str, bytes]:
    """Name and bytes of a file, of a preset, or of standard input (`-`)."""
    from kaudit_setup.policy import presets

    return presets.read_stream() if file == "-" else presets.read(file)


def load_file(file: str, version: KubeVersion) -> tuple[str, Loaded]:
    """Name of the file, and what loading it came to."""
    from kaudit_setup.policy.load import load

    name, data = read_policy(file)
    return name, load(data, version)


def try_load_file(file: str, version: KubeVersion) -> tuple[str, Loaded]:
    """As `load_file`, but a file that cannot be read is one that did not load."""
    from kaudit_setup.policy.load import Loaded
    from kaudit_setup.policy.load.problem import Problem

    try:
        return load_file(file, version)
    except InputError as error:
        return file, Loaded(None, (Problem("", error.message),))


def require_policy(name: str, held: Loaded, version: KubeVersion) -> Policy:
    """The policy that was loaded; raises PolicyError with every reason if kube-apiserver would not load it."""
    if held.policy is not None:
        return held.policy
    from kaudit_setup.policy.load import refusal

    raise refusal(name, held, version)


def load_policy(file: str, version: KubeVersion) -> tuple[str, Policy]:
    """Name and policy of a file; raises PolicyError if kube-apiserver would not load it."""
    name, held = load_file(file, version)
    return name, require_policy(name, held, version)


def print_policy(name: str, text: str, output: Output) -> None:
    """A policy as its file, or as data; `name` is a preset's or empty."""
    from kaudit_setup.policy.load import load
    from kaudit_setup.report.documents.document import document
    from kaudit_setup.report.policy.file import PolicyFile, as_item

    if output is Output.text:
        typer.echo(text, nl=False)
        return
    policy = require_policy(name, load(text.encode()), NEWEST)
    show(output, lambda: document(PolicyFile, [as_item(name, text, policy)]), lambda: text)
