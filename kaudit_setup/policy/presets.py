"""The policies that come with the product: files in `templates/policies/`, each with a comment head.

A head says for whom the preset is, what it answers and what it leaves out; its first sentence is the summary.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

from kaudit_setup import resources
from kaudit_setup.errors import InputError

# Far above any policy that a person or a generator writes; keeps a wrong path (a log, a disk image) out of memory.
MAX_BYTES = 8 * 1024 * 1024

# In the order in which a person should consider them.
_ORDER = ("forensics", "metadata", "cis", "no-secrets", "production", "quiet", "writes", "gce", "panic-only")


@dataclass(frozen=True, slots=True)
class Preset:
    """A shipped policy: `summary` is the first sentence of its comment head, `data` the file as it is installed."""

    name: str
    summary: str
    data: bytes


def names() -> tuple[str, ...]:
    """Every preset's name, the recommended one first."""
    found = {path.stem for path in resources.template("policies").glob("*.yaml")}
    return (*(n for n in _ORDER if n in found), *sorted(found.difference(_ORDER)))


def preset(name: str) -> Preset:
    """The preset of that name; raises InputError that lists the presets if there is none."""
    if name not in names():
        raise InputError(
            f"unknown policy preset {name!r}",
            hint=f"the presets are {', '.join(names())}; a file is given by its path, e.g. ./{name}",
        )
    data = resources.template("policies", f"{name}.yaml").read_bytes()
    return Preset(name, _summary(data.decode()), data)


@cache
def _hashes() -> dict[str, str]:
    return {hashlib.sha256(preset(name).data).hexdigest(): name for name in names()}


def name_of(sha256: str) -> str:
    """The preset with this content (SHA-256 as hex digits), empty if there is none."""
    return _hashes().get(sha256, "")


def read(name_or_path: str) -> tuple[str, bytes]:
    """Name and content of a policy file or of a preset.

    What holds a `/` or exists as a file is a file, anything else a preset's name. Raises InputError if the file
    cannot be read or is larger than MAX_BYTES, or if there is neither such a file nor such a preset.
    """
    try:
        if "/" in name_or_path or Path(name_or_path).is_file() or is_folder(name_or_path):
            return name_or_path, _content(Path(name_or_path))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"the policy file {name_or_path} cannot be read: {why}") from error
    return name_or_path, preset(name_or_path).data


def shadowed(name_or_path: str) -> str:
    """A sentence where this names both a file, which `read` reads, and a preset; else empty."""
    if "/" in name_or_path or name_or_path not in names() or not Path(name_or_path).is_file():
        return ""
    return (
        f"--policy {name_or_path} is the file {name_or_path} in this folder, not the preset of that name "
        "(rename the file for the preset)"
    )


def is_folder(name: str) -> bool:
    """Whether a name on the command line is that of a folder; one that is called as a preset is given as ./NAME."""
    return Path(name).is_dir() and name not in names()


def read_stream() -> tuple[str, bytes]:
    """The policy on standard input, under the name `standard input`; raises InputError if it is too large."""
    return "standard input", _limited(sys.stdin.buffer, "standard input")


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(
            f"there is no audit policy in the folder {path}",
            hint="name a file; in folders, `lint` and `validate` find those that hold `apiVersion: audit.k8s.io/...`",
        )
    with path.open("rb") as file:
        return _limited(file, f"the policy file {path}")


def _limited(file: BinaryIO, name: str) -> bytes:
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} is larger than {MAX_BYTES // 2**20} MiB", hint="this is not an audit policy")
    return data


def _summary(text: str) -> str:
    head = [line[1:].strip() for line in text.splitlines()]
    paragraph = " ".join(head[: head.index("") if "" in head else None])
    return paragraph.split(". ", 1)[0].removesuffix(".") + "."
