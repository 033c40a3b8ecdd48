"""The group that may read the audit log besides its owner: what gives it that, and what takes it away again. Pure.

kube-apiserver makes a missing log for its owner alone (staging/src/k8s.io/apiserver/pkg/server/options/audit.go:
ensureLogFile, 0600). A rotated log's successor gets the mode and the owner of the old one, and so does its .gz
(vendor/gopkg.in/natefinch/lumberjack.v2/lumberjack.go: openNew, compressLogFile). So the log is made here, empty,
before the server is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import dirname

from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.permissions import READ, SEARCH, LogGroup, Rights
from kaudit_setup.errors import InputError
from kaudit_setup.node.observe import Observed
from kaudit_setup.values import replace

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}")
KEPT = (
    "kube-apiserver keeps the group's rights when it rotates the log; if the log is removed, it makes a new one for "
    "its own user alone, and `enable` gives the group its rights again"
)


@dataclass(frozen=True, slots=True)
class SetRights:
    """Give a file or folder another mode and owner. `creates`: an empty file is made where there is none."""

    path: str
    before: Rights
    after: Rights
    creates: bool = False


def check_name(name: str) -> None:
    """Raises InputError for what cannot be a group's name or number; empty is none (useradd(8): NAME_REGEX)."""
    if name and not _NAME.fullmatch(name):
        raise InputError(f"--log-group {name!r} is not a group", hint="give its name or number, e.g. --log-group adm")


def rights_of(observed: Observed, path: str) -> Rights | None:
    """As they were seen; None for what is not there or was not asked for."""
    log, volume, seen = observed.log, observed.volumes["log"], observed.file(path)
    if path == log.path:
        return Rights(log.mode, log.owner) if log.kind == "file" else None
    if path == volume.folder:
        return Rights(volume.mode, volume.owner)
    return Rights(seen.mode, seen.owner) if seen.kind in {"file", "directory"} and seen.mode != "0" else None


def wanted_group(state: NodeState, name: str | None) -> LogGroup:
    """The group of that name (or number) on the node, without a gid if there is none; None stays as it is."""
    if name is None:
        return state.log_group
    check_name(name)
    gid = name if name.isascii() and name.isdigit() else state.observed.groups.get(name, "")
    return replace(state.log_group, name=name, gid=gid)


def grants(state: NodeState, group: LogGroup, log: str, server: str) -> tuple[SetRights, ...]:
    """What lets the group read the log at that path of the node, and its folder, which were seen.

    `server`: `uid:gid` of who makes what is missing. Raises InputError where there is no log file.
    """
    if not group.gid:
        return ()
    if not log:
        raise InputError("--log-group needs a log file", hint="name one with --log-path, or leave --log-group out")
    return tuple(
        SetRights(path, was or made, (was or made).let_in(group.gid, bits), creates=is_file and was is None)
        for path, made, bits, is_file in (
            (dirname(log), Rights("700", server), READ | SEARCH, False),
            (log, Rights("600", server), READ, True),
        )
        for was in [rights_of(state.observed, path)]
        if was is None or not was.admit(group.gid, bits)
    )


def granted(group: LogGroup, changes: tuple[SetRights, ...]) -> LogGroup:
    """The group after these changes: what was before the first of them stays known."""
    return replace(group, before={c.path: c.before for c in changes} | dict(group.before)) if group else LogGroup()


def restores(observed: Observed, rights: Mapping[str, Rights], *, of: str = "") -> Iterator[SetRights]:
    """What gives these paths these rights back, as far as they are there. `of`: only where they have that group."""
    for path, was in rights.items():
        now = rights_of(observed, path)
        if now is None:
            continue
        # who is not root can give no file away: a folder that holds a node's files may be anybody's
        alike = now == was if observed.uid == 0 else now.mode == was.mode
        if not alike and (not of or observed.uid != 0 or now.owner.endswith(f":{of}")):
            yield SetRights(path, now, was)


def without_group(state: NodeState) -> Iterator[SetRights]:
    """What takes the log from the group that this tool let read it."""
    return restores(state.observed, state.log_group.before, of=state.log_group.gid)
