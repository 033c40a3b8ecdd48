"""The backups on nodes, as text for people and as typed data for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from kaudit_setup.change.backup import BackedUpFile, Backup
from kaudit_setup.model import POLICY_FLAG
from kaudit_setup.policy import presets
from kaudit_setup.report.columns import columns
from kaudit_setup.report.documents.document import Item, Time
from kaudit_setup.report.escape import safe
from kaudit_setup.report.times import age, localized
from kaudit_setup.report.wrap import fitted
from kaudit_setup.units import counted

_HEAD = ("NODE", "BACKUP", "AGE", "RESTORES", "TAKEN", "FILES", "BY")
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
    """One line a backup, and what state it restores."""
    rows = [_row(node.host, backup) for node in nodes for backup in node.backups]
    none = [fitted(f"{safe(node.host)}: no backups") for node in nodes if not node.backups]
    return "\n".join([*(columns(_HEAD, rows) if rows else ()), *none])


def _row(host: str, backup: Backup) -> tuple[str, ...]:
    return (
        host,
        backup.name,
        age(backup.time),
        restores(backup),
        f"before {backup.action}",
        counted(len(backup.files), "file"),
        backup.by,
    )


def restores(backup: Backup) -> str:
    """The state that a rollback to this backup brings back: `auditing off`, or `auditing on, policy metadata`."""
    policy = backup.flags.get(POLICY_FLAG)
    if not policy:
        return "auditing off"
    kept = next((file.sha256 for file in backup.files if file.path == policy), "")
    name = presets.name_of(kept) or policy.rpartition("/")[2]
    return f"auditing on, policy {name}"


class BackupFile(Item, frozen=True, kw_only=True):
    """One file as it was; `sha256`: null where there was none. `secret`: its content is never shown."""

    path: str
    sha256: str | None
    mode: str
    owner: str
    secret: bool


class NodeBackup(Item, frozen=True, kw_only=True):
    """One backup on one node, taken before `action`: it `restores` auditing on or off, with these `flags`."""

    host: str
    id: str
    time: Time
    restores: Literal["on", "off"]
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
        "restores": "on" if backup.flags.get(POLICY_FLAG) else "off",
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
    taken = localized(f"taken {backup.time} before {safe(backup.action)} by {safe(backup.by)}")
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
