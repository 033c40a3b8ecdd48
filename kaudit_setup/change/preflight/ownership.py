"""Findings about paths that belong to somebody else: another program's folder, another program's log. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from kaudit_setup.auditlog.shapes.recognition.names import describe_foreign
from kaudit_setup.change.nodestate import AuditPaths, NodeState
from kaudit_setup.change.permissions import ROOT, WRITE, allows
from kaudit_setup.change.plan import Plan
from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.change.preflight.reserved_folders import find_place
from kaudit_setup.manifest.settings import DEFAULT_LOG_PATH, DEFAULT_POLICY_PATH, DEFAULT_WEBHOOK_PATH
from kaudit_setup.model import AuditSettings
from kaudit_setup.node.observe import LogSeen, Observed


def ownership(state: NodeState, plan: Plan) -> Iterator[Finding]:
    """Of the paths that `enable` sets or keeps; nothing for other actions."""
    if plan.settings is not None:
        for file in _files(state, plan.settings, AuditPaths.of(plan.settings, plan.pod)):
            yield from _place(state.observed, file)
        yield from _foreign_log(state.observed.log, plan.settings)


@dataclass(frozen=True, slots=True)
class _File:
    """An audit file: `given` is its path in the server's container, `path` the one on the node. `kept`: it is there
    already, by the manifest as it is.
    """

    role: str
    what: str
    option: str
    default: str
    given: str
    path: str
    kept: bool


def _files(state: NodeState, settings: AuditSettings, at: AuditPaths) -> Iterator[_File]:
    now = state.paths
    for role, what, default, given, path, before in (
        ("policy", "the policy file", DEFAULT_POLICY_PATH, settings.policy_path, at.policy, now.policy),
        ("webhook", "the webhook's kubeconfig", DEFAULT_WEBHOOK_PATH, settings.webhook_path, at.webhook, now.webhook),
        ("log", "the log", DEFAULT_LOG_PATH, settings.log_path, at.log, now.log),
    ):
        if path:
            yield _File(role, what, f"--{role}-path", default, given, path, path == before)


def _place(observed: Observed, file: _File) -> Iterator[Finding]:
    place, hint = find_place(observed, file.role, file.path), f"name another path, e.g. {file.option} {file.default}"
    if place is not None:
        yield Finding(
            place.name,
            file.role in place.harms and (place.always or not file.kept),
            f"{file.path} would hold {file.what}, in {place.what}: {place.follows}{_other_names(observed, file)}",
            hint,
        )
    elif (folder := _open_folder(observed, file)) and folder not in observed.loose:
        yield Finding(
            "open-folder",
            False,
            f"{file.path} would hold {file.what}, in {folder}: before it is there any user may put a file of that "
            "name there",
            hint,
        )


def _other_names(observed: Observed, file: _File) -> str:
    """What the path is called elsewhere, where that is not what the user gave."""
    spot = observed.places.get(file.path)
    link = f"; {file.path} leads to {spot.real}" if spot and spot.real != posixpath.normpath(file.path) else ""
    inside = f"; {file.given} of the server's container is there" if file.given != file.path else ""
    return link + inside


def _open_folder(observed: Observed, file: _File) -> str:
    """The deepest folder on the way that is there, if everybody may write to it."""
    volume = observed.volumes.get(file.role)
    nobody = "65534:65534"
    return volume.folder if volume and volume.mode and allows(volume.mode, ROOT, nobody, WRITE) else ""


def _foreign_log(log: LogSeen, settings: AuditSettings) -> Iterator[Finding]:
    """kube-apiserver would append to it, rename it and remove its old files, while its owner writes, too."""
    if settings.log_path in {"", "-"} or log.kind != "file":
        return
    # a crash may cut the first line short, and the server may be writing the last one
    lines = [line for line in (log.first, log.last) if line.strip()]
    if lines and all(map(describe_foreign, lines)):
        yield Finding(
            "foreign-log",
            True,
            f"{log.path} is {describe_foreign(lines[0])}, which would write into it and rotate it",
            f"name another file: --log-path {DEFAULT_LOG_PATH}",
        )
