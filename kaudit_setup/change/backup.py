"""The backups on a node: what one says of itself, which ones are kept, and their files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from kaudit_setup.change.folders import backup_files
from kaudit_setup.change.loggroup import rights_of
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.permissions import LogGroup, Rights, parse_rights, rights_as_data
from kaudit_setup.change.plan import Plan, sha256
from kaudit_setup.errors import ChangeError, InputError
from kaudit_setup.node.frames import frames
from kaudit_setup.node.observe import Observed
from kaudit_setup.node.port import Node
from kaudit_setup.node.shell import script

# backup.json: the ClusterConfiguration of kubeadm-config as it was, where a run could read it
CONFIG_KEY = "kubeadm_config"
_TIME = "%Y%m%dT%H%M%SZ"
NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class BackedUpFile:
    """One file as it was: `sha256` is empty where there was none; `number` is its name in the backup.

    `secret`: its content is never shown.
    """

    number: int
    path: str
    sha256: str
    mode: str
    owner: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Backup:
    """One complete backup on the node. `kubeadm_config`: the cluster's ClusterConfiguration then, if it is there.

    `rights`: of the log and its folder, where a group has been let in or was to be; `log_group`: that group.
    """

    name: str
    time: str
    action: str
    by: str
    files: tuple[BackedUpFile, ...]
    flags: dict[str, str] = field(default_factory=dict)
    kubeadm_config: str = field(default="", repr=False)
    rights: dict[str, Rights] = field(default_factory=dict)
    log_group: LogGroup = field(default_factory=LogGroup)


def name_of(observed: Observed, run: str) -> str:
    """`<UTC time>-<id>`; sorts behind every backup there is, even when a clock went back."""
    taken = [_taken(b.name) for b in backups_of(observed)]
    now = datetime.fromtimestamp(observed.time, UTC)
    return f"{max([now, *(t + timedelta(seconds=1) for t in taken)]):{_TIME}}-{run[:6]}"


def _taken(name: str) -> datetime:
    """When a backup was taken. Raises ValueError where that is not a time, or none that another one can follow."""
    moment = datetime.strptime(name[:16], _TIME).replace(tzinfo=UTC)
    if moment.year == 9999:
        raise ValueError(f"{name} is too late")
    return moment


def describe(plan: Plan, state: NodeState, *, name: str, by: str, kubeadm_config: str = "") -> dict[str, Any]:
    """backup.json: everything that `rollback` and a person need to know."""
    rights = {path: now for path in state.log_group.before if (now := rights_of(state.observed, path))}
    rights |= {change.path: change.before for change in plan.rights}
    return {
        "name": name,
        "time": f"{datetime.fromtimestamp(state.observed.time, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "host": state.observed.host,
        "before": plan.action,
        "by": by,
        "flags": dict(state.settings.flags),
        **({CONFIG_KEY: kubeadm_config} if kubeadm_config else {}),
        **({"rights": rights_as_data(rights), "log_group": state.log_group.as_data()} if rights else {}),
        "files": [
            {
                "number": number,
                "path": change.path,
                "sha256": change.before.sha256 if change.before.kind == "file" else "",
                "mode": change.before.mode,
                "owner": change.before.owner,
                "secret": change.secret,
            }
            for number, change in enumerate(plan.files)
        ],
    }


def backups_of(observed: Observed) -> tuple[Backup, ...]:
    """The backups on the node, oldest first; what is damaged is left out."""
    found = [b for b in map(_parse, observed.backups) if b]
    return tuple(sorted(found, key=lambda b: b.name))


def _parse(data: dict[str, Any]) -> Backup | None:
    try:
        if not NAME.fullmatch(data["name"]):
            return None
        _taken(data["name"])
        return Backup(
            name=data["name"],
            time=str(data["time"]),
            action=str(data["before"]),
            by=str(data["by"]),
            files=tuple(map(_file, data["files"])),
            flags={str(name): str(value) for name, value in dict(data.get("flags", {})).items()},
            kubeadm_config=str(data.get(CONFIG_KEY, "")),
            rights=parse_rights(data.get("rights")),
            log_group=LogGroup.parse(data.get("log_group")),
        )
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
        return None


def _file(data: dict[str, Any]) -> BackedUpFile:
    path, checksum, mode, owner = (str(data[key]) for key in ("path", "sha256", "mode", "owner"))
    return BackedUpFile(int(data["number"]), path, checksum, mode, owner, bool(data.get("secret", False)))


def prune(names: Sequence[str], keep: int) -> tuple[str, ...]:
    """The oldest names beyond `keep`; never the first one ever taken, which is the node as it was before us, and
    never the newest, which takes back what was just done.
    """
    ordered = sorted(names)
    surplus = max(0, len(ordered) - max(keep, 2))
    return tuple(ordered[1 : 1 + surplus])


def pick(found: tuple[Backup, ...], wanted: str | None, where: str) -> Backup:
    """The backup with that name, or an unambiguous part of one; the newest if nothing is named. Raises InputError."""
    if not found:
        raise InputError(f"{where} has no backups", hint="nothing was ever changed there by this tool")
    if wanted is None:
        return found[-1]
    if wanted == "first":
        return found[0]
    matching = [b for b in found if wanted in b.name]
    if len(matching) != 1:
        raise InputError(
            f"{where}: "
            + (f"{wanted!r} matches {len(matching)} backups" if matching else f"no backup matches {wanted!r}"),
            hint="see `kaudit-setup backups list`",
        )
    return matching[0]


def fetch(node: Node, backup: Backup) -> dict[str, bytes]:
    """The files of a backup, byte for byte; raises ChangeError if one is damaged."""
    names = [str(f.number) for f in backup.files if f.sha256]
    ran = node.sh(script("lib") + script("fetch"), [backup_files(backup.name), *names], timeout=60)
    by_number = dict(frames(ran.out)) if ran.code == 0 else {}
    contents = {f.path: by_number.get(str(f.number), b"") for f in backup.files if f.sha256}
    for file in backup.files:
        if file.sha256 and sha256(contents[file.path]) != file.sha256:
            raise ChangeError(
                f"{node.name}: backup {backup.name} is damaged: {file.path} does not have the recorded SHA-256",
                hint="choose another one: `kaudit-setup backups list`",
            )
    return contents


def remove_backups(node: Node, names: Sequence[str]) -> None:
    """Remove backups by name. Raises ChangeError if one could not be removed."""
    if not names:
        return
    ran = node.sh(script("lib") + script("prune"), list(names), timeout=60)
    if ran.code != 0:
        raise ChangeError(f"{node.name}: backups could not be removed: {ran.err.decode('utf-8', 'replace').strip()}")
