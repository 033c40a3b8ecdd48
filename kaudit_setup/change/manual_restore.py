"""What a person types on the node where this tool cannot restore it. Pure."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable

from kaudit_setup.change.folders import backup_files


def commands(backup: str, files: Iterable[tuple[int, str, bool]]) -> str:
    """One line of shell that restores `files` of a backup: number in it, path, whether there was a file.

    The files come in the order of doing; they are restored in the reverse order.
    """
    typed = []
    for number, path, was_there in files:
        target = shlex.quote(path)
        if was_there:
            # by way of a dot-file: kubelet must never see half of a manifest
            between = shlex.quote(f"{posixpath.dirname(path)}/.kaudit.restore")
            typed.append(f"cp -p {backup_files(backup)}/{number} {between} && mv -f {between} {target}")
        else:
            typed.append(f"rm -f {target}")
    return "; ".join(reversed(typed))
