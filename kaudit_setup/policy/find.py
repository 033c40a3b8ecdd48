"""The audit policies among the files of a folder, such as a repository."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from kaudit_setup.policy.load import MAX_BYTES
from kaudit_setup.policy.presets import is_folder

_ENDINGS: Final = (".yaml", ".yml", ".json")
_GROUP: Final = re.compile(rb"(?m)^\s*[\"']?apiVersion[\"']?\s*:\s*[\"']?audit\.k8s\.io/", re.IGNORECASE)
_KIND: Final = re.compile(rb"(?m)^\s*[\"']?kind[\"']?\s*:\s*[\"']?Policy\b", re.IGNORECASE)


def policy_files(names: Iterable[str]) -> list[str]:
    """What names on a command line stand for: themselves, or the audit policies in folders of these names.

    Hidden folders are passed over. A folder without an audit policy stands for itself: reading it says so.
    """
    return [file for name in names for file in _of(name)]


def _of(name: str) -> list[str]:
    files = _files(Path(name)) if is_folder(name) else ()
    return sorted(str(path) for path in files if _is_policy(path)) or [name]


def _files(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "node_modules"]
        yield from (Path(here, name) for name in files if name.endswith(_ENDINGS))


def _is_policy(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(MAX_BYTES)
    except OSError:
        # it is named where somebody wants to know why it cannot be read
        return False
    return bool(_GROUP.search(head) and _KIND.search(head)) or _one_line(head)


def _one_line(head: bytes) -> bool:
    """JSON without line breaks."""
    return head[:1] == b"{" and b'"audit.k8s.io/' in head and re.search(rb'"kind"\s*:\s*"Policy"', head) is not None
