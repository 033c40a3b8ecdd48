"""Findings about a log that a server which is not root's cannot write. Pure."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator

from kaudit_setup.change.permissions import READ, SEARCH, WRITE, LogGroup, Rights, allows
from kaudit_setup.change.plan import Plan
from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.node.observe import LogSeen, Observed
from kaudit_setup.units import counted


def rights(observed: Observed, plan: Plan) -> Iterator[Finding]:
    """The server creates, renames and removes logs in their folder; a folder that is there stays as it is."""
    # in a folder that holds a node's files, and is not root's, owners say nothing
    if observed.uid == 0 and plan.settings is not None and plan.settings.log_path not in {"", "-"}:
        yield from _unwritable(observed, plan.pod.runs_as)


def log_group(observed: Observed, plan: Plan) -> Iterator[Finding]:
    """Whether the group that shall read the log is there, and comes as far as the log's folder."""
    if plan.log_group and plan.settings is not None:
        yield from _no_group(plan.log_group)
        yield from _other_groups(observed, plan)
        yield from _closed_ways(observed, plan.log_group)
        yield from _closed_logs(observed.log, plan.log_group)


def _no_group(group: LogGroup) -> Iterator[Finding]:
    if not group.gid:
        yield Finding("no-group", True, f"there is no group {group.name} on the node", f"groupadd {group.name}")


def _other_groups(observed: Observed, plan: Plan) -> Iterator[Finding]:
    """What root's group could read it can do without; where owners say nothing, nobody loses anything."""
    harmless = {"0", plan.log_group.gid, plan.pod.runs_as.partition(":")[2]}
    for change in plan.rights if observed.uid == 0 else ():
        gid = change.before.owner.partition(":")[2]
        if gid not in harmless:
            yield Finding(
                "log-group-owner",
                True,
                f"{change.path} belongs to another group ({gid}), which would not be able to use it any more",
                "give the log a folder of its own with --log-path",
            )


def _closed_ways(observed: Observed, group: LogGroup) -> Iterator[Finding]:
    for path, (mode, owner) in observed.ways.items():
        if not Rights(mode, owner).admit(group.gid, SEARCH):
            yield Finding(
                "log-group-way",
                True,
                f"group {group.name} may not pass through {path} (mode 0{mode}, owner {owner}) to the log",
                f"chmod o+x {path}, or give the log another folder with --log-path",
            )


def _closed_logs(log: LogSeen, group: LogGroup) -> Iterator[Finding]:
    """Rotated before: the server gives the rights of the log on to those that it makes from now on."""
    closed = sum(
        count for count, mode, owner in log.kept if group.gid and not Rights(mode, owner).admit(group.gid, READ)
    )
    if closed:
        files = f"{shlex.quote(posixpath.splitext(log.path)[0])}-*"
        yield Finding(
            "log-group-rotated",
            False,
            f"{counted(closed, 'rotated file')} beside {log.path} keep their old rights: group {group.name} cannot "
            "read them",
            f"chgrp {shlex.quote(group.name)} {files} && chmod g+r {files}",
        )


def _unwritable(observed: Observed, server: str) -> Iterator[Finding]:
    log, volume = observed.log, observed.volumes["log"]
    folder = posixpath.dirname(log.path)
    stuck = []
    if volume.folder == folder and not allows(volume.mode, volume.owner, server, WRITE | SEARCH):
        stuck.append((folder, volume.mode, volume.owner))
    if log.kind == "file" and not allows(log.mode, log.owner, server, READ | WRITE):
        stuck.append((log.path, log.mode, log.owner))
    for path, mode, owner in stuck:
        yield Finding(
            "log-not-writable",
            True,
            f"kube-apiserver runs as {server} and cannot write to {path} (mode 0{mode}, owner {owner})",
            f"chown {server} {path}, or give the log a folder of its own with --log-path",
        )
