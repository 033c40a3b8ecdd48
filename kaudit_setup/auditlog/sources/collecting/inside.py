"""Nothing is written outside of the folder that logs are collected into, whatever lies in it.

Its manifest is a file that somebody else may have written, and so may be what stands beside it: a name that is not
FOLDER/NAME, or a link on the way there, would let us move and overwrite files elsewhere.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from kaudit_setup.errors import KauditError


def check_inside(into: Path, file: str) -> None:
    """Raises KauditError unless `file` is FOLDER/NAME and no link below `into`."""
    folder, _, name = file.partition("/")
    if not name or "/" in name or "\0" in file or {folder, name} & {"", ".", ".."}:
        raise KauditError(
            f"the manifest in {into} names {file!r}, which is not a file of a node's folder; nothing was written",
            hint="somebody altered that manifest; choose another -d DIR",
        )
    for path in (into / folder, into / file):
        refuse_link(path)


def refuse_link(path: Path) -> None:
    """Raises KauditError if `path` is a symbolic link: what is written there would land elsewhere."""
    if path.is_symlink():
        raise KauditError(f"{path} is a link; nothing was written through it", hint="choose another -d DIR")


def write_whole(path: Path, data: bytes) -> None:
    """Replace the file `path` with `data` in one step, mode 0600; a link there is replaced, not followed."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    fresh.rename(path)
