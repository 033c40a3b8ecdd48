"""Findings about a log that a server which is not root's cannot write. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from kaudit_setup.change.permissions import READ, SEARCH, WRITE, allows
from kaudit_setup.change.plan import Plan
from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.node.observe import Observed


def rights(observed: Observed, plan: Plan) -> Iterator[Finding]:
    """The server creates, renames and removes logs in their folder; a folder that is there stays as it is."""
    # in a folder that holds a node's files, and is not root's, owners say nothing
    if observed.uid == 0 and plan.settings is not None and plan.settings.log_path not in {"", "-"}:
        yield from _unwritable(observed, plan.pod.runs_as)


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
