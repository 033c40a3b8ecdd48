"""The backups on nodes, as text for people and as plain data for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from kaudit_setup.change.backup import BackedUpFile, Backup
from kaudit_setup.report.escape import safe

_HIDDEN = "its content is secret and is not shown"


@dataclass(frozen=True, slots=True)
class Listed:
    """The backups of one node, oldest first."""

    host: str
    backups: tuple[Backup, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """One backup with its files' contents, by path."""

    host: str
    backup: Backup
    contents: Mapping[str, bytes] = field(repr=False)

    def text(self, file: BackedUpFile) -> str:
        """What may be shown of a file."""
        return _HIDDEN if file.secret else self.contents[file.path].decode("utf-8", "replace")


def list_as_text(nodes: Sequence[Listed]) -> str:
    """One line a backup."""
    return "\n".join(line for node in nodes for line in _list(node))


def _list(node: Listed) -> list[str]:
    name = safe(node.host)
    if not node.backups:
        return [f"{name}: no backups"]
    return [
        f"{name}: {b.name}  before {safe(b.action):<8}  {len(b.files)} files  by {safe(b.by)}" for b in node.backups
    ]


def list_as_data(nodes: Sequence[Listed]) -> list[dict[str, Any]]:
    """One entry a node."""
    return [{"host": node.host, "backups": [asdict(b) for b in node.backups]} for node in nodes]


def contents_as_text(nodes: Sequence[Opened]) -> str:
    """Every file of each backup, as it was."""
    return "\n".join(line for node in nodes for line in _contents(node))


def _contents(node: Opened) -> list[str]:
    backup = node.backup
    taken = f"taken {backup.time} before {safe(backup.action)} by {safe(backup.by)}"
    lines = [f"{safe(node.host)}: {backup.name}, {taken}"]
    for file in backup.files:
        if file.sha256:
            lines.append(f"--- {safe(file.path)}  mode 0{file.mode}  owner {file.owner}  sha256 {file.sha256}")
            lines += map(safe, node.text(file).split("\n"))
        else:
            lines.append(f"--- {safe(file.path)}: was not there")
    return lines


def contents_as_data(nodes: Sequence[Opened]) -> list[dict[str, Any]]:
    """One entry a node; `contents` by path."""
    return [
        {
            "host": node.host,
            **asdict(node.backup),
            "contents": {f.path: node.text(f) for f in node.backup.files if f.sha256},
        }
        for node in nodes
    ]
