"""The backups on nodes, as text for people and as typed data for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kaudit_setup.change.backup import BackedUpFile, Backup
from kaudit_setup.report.documents.document import Item, Time
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


class BackupFile(Item, frozen=True, kw_only=True):
    """One file as it was; `sha256`: null where there was none. `secret`: its content is never shown."""

    path: str
    sha256: str | None
    mode: str
    owner: str
    secret: bool


class NodeBackup(Item, frozen=True, kw_only=True):
    """One backup on one node: the state before `action`; `flags`: the audit flags that it restores."""

    host: str
    id: str
    time: Time
    action: str
    by: str
    flags: dict[str, str]
    files: tuple[BackupFile, ...]


class BackupContents(NodeBackup, frozen=True, kw_only=True):
    """One backup with its files' contents, by path."""

    contents: dict[str, str]


class RemovedBackups(Item, frozen=True, kw_only=True):
    """The IDs of the backups that were removed from one node."""

    host: str
    removed: tuple[str, ...]


def list_as_items(nodes: Sequence[Listed]) -> list[NodeBackup]:
    """One entry a backup."""
    return [NodeBackup(**_fields(node.host, b)) for node in nodes for b in node.backups]


def _fields(host: str, backup: Backup) -> dict[str, Any]:
    return {
        "host": host,
        "id": backup.name,
        "time": backup.time,
        "action": backup.action,
        "by": backup.by,
        "flags": backup.flags,
        "files": tuple(
            BackupFile(path=f.path, sha256=f.sha256 or None, mode=f.mode, owner=f.owner, secret=f.secret)
            for f in backup.files
        ),
    }


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


def contents_as_items(nodes: Sequence[Opened]) -> list[BackupContents]:
    """One entry a node."""
    return [
        BackupContents(
            **_fields(node.host, node.backup),
            contents={f.path: node.text(f) for f in node.backup.files if f.sha256},
        )
        for node in nodes
    ]
