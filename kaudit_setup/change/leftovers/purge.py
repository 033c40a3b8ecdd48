"""What stays on a node after `disable`: found, refused while it is still needed, removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from kaudit_setup.change.backup import backups_of
from kaudit_setup.change.leftovers.recover import staging_folders
from kaudit_setup.change.nodestate import Entry, NodeState
from kaudit_setup.change.verify import audit_lines
from kaudit_setup.errors import ChangeError, ManifestError, RefusedError
from kaudit_setup.manifest.kubeadm import read_cluster_configuration
from kaudit_setup.model import LOG_FLAG, POLICY_ANNOTATION, RESTART_ANNOTATION, WEBHOOK_ANNOTATION
from kaudit_setup.node.frames import frames
from kaudit_setup.node.observe import Observed
from kaudit_setup.node.port import Node
from kaudit_setup.node.shell import script

Kind = Literal["unit", "file", "staged", "log", "backup", "folder"]
_KINDS: tuple[Kind, ...] = get_args(Kind)
_ANNOTATIONS = frozenset({POLICY_ANNOTATION, WEBHOOK_ANNOTATION, RESTART_ANNOTATION})


@dataclass(frozen=True, slots=True)
class Left:
    """One path on the node. `folder` is the tool's own, with its journal."""

    kind: Kind
    path: str


@dataclass(frozen=True, slots=True)
class Remains:
    """What goes from one node, and what stays: logs that were not asked for (kind `log`), files that somebody changed
    since (kind `file`).

    `stored`: whether kubeadm-config of the cluster still has audit settings.
    """

    gone: tuple[Left, ...] = ()
    kept: tuple[Left, ...] = ()
    stored: bool = False


def look(node: Node, observed: Observed, *, logs: bool) -> Remains:
    """What would go; nothing is changed. `logs`: audit logs, too.

    Raises RefusedError while auditing is on or a change is not over, ChangeError if the lock is held, and what
    `Node.sh` raises.
    """
    _refuse_if_needed(node.name, observed)
    return _ask(node, "look", observed, logs=logs)


def purge(node: Node, observed: Observed, *, logs: bool) -> Remains:
    """Remove it. The manifest must still be what `observed` says.

    Raises as `look`, and ChangeError where not all could be removed; it can be done again then.
    """
    _refuse_if_needed(node.name, observed)
    return _ask(node, "clear", observed, logs=logs)


def _refuse_if_needed(host: str, observed: Observed) -> None:
    """Raises RefusedError that says what to type first."""
    for run in observed.runs:
        if run.waits:
            left = max(run.deadline - observed.uptime, 0)
            raise RefusedError(
                f"{host}: a change waits to be confirmed; nothing was removed",
                hint=f"it is undone by itself in {left} s; `kaudit-setup recover --force pending` undoes it now",
            )
        if run.unfinished or run.outcome == "stuck":
            raise RefusedError(
                f"{host}: a change was never brought to an end; nothing was removed",
                hint="`kaudit-setup recover` does",
            )
    for why in _still_on(observed):
        raise RefusedError(
            f"{host}: {why}; nothing was removed",
            hint="`kaudit-setup disable` first, then `kaudit-setup purge` again",
        )


def _still_on(observed: Observed) -> Iterator[str]:
    """Why what is there is still needed. A node that is no control plane any more has no manifest."""
    if observed.manifest.kind != "absent":
        state = NodeState.of(observed)
        if state.settings.flags:
            yield "auditing is on, and the backups are the way back"
        if noted := sorted(_ANNOTATIONS & state.pod.annotations.keys()):
            yield f"{observed.manifest.path} has the annotation {noted[0]}"
    if any(audit_lines(server.argv) for server in observed.servers):
        yield "the running kube-apiserver still has audit flags"


def _ask(node: Node, how: str, observed: Observed, *, logs: bool) -> Remains:
    made = [word for path, checksum in made_files(observed) for word in (path, checksum)]
    manifest = observed.manifest
    # asked for by name, the log at its usual place goes even where no journal names it any more
    log = log_of(observed) or (observed.log.path if logs else "")
    arguments = [how, manifest.path, manifest.sha256 or "absent", log, "logs" if logs else "", *made]
    text = "\n".join(map(script, ("lib", "change", "purge")))
    ran = node.sh(text, [*arguments, "--", *staging_folders(observed)], timeout=120)
    found = [(key, value.decode("utf-8", "surrogateescape")) for key, value in frames(ran.out)] if ran.out else []
    last = dict(found)
    if "holder" in last:
        raise ChangeError(
            f"{node.name}: the lock of this node is held: {last['holder']}; nothing was removed",
            hint="wait until it has ended, or end that process on the node, then run `kaudit-setup purge` again",
        )
    if "end" not in last:
        said = last.get("error") or ran.err.decode("utf-8", "replace").strip() or f"exit status {ran.code}"
        raise ChangeError(
            f"{node.name}: not everything was removed: {said}" if how == "clear" else f"{node.name}: {said}",
            hint="what is left is removed by `kaudit-setup purge` again",
        )
    return Remains(_with(found, ""), _with(found, "kept."), _is_stored(observed))


def _with(found: Sequence[tuple[str, str]], prefix: str) -> tuple[Left, ...]:
    """The paths whose key is a kind behind that prefix."""
    kinds = {prefix + kind: kind for kind in _KINDS}
    return tuple(Left(kinds[key], path) for key, path in found if key in kinds)


def made_files(observed: Observed) -> list[tuple[str, str]]:
    """Files beside the manifest that this tool made, with what it last wrote there. What was there before its first
    change is the administrator's. Pure.
    """
    before: dict[str, str] = {}
    for backup in backups_of(observed):
        for file in backup.files:
            before.setdefault(file.path, file.sha256)
    after: dict[str, str] = {}
    for entry in map(Entry.parse, observed.journal):
        after |= entry.files
    wrote = {path: checksum for path, checksum in after.items() if checksum != "absent" and not before.get(path)}
    return sorted((path, checksum) for path, checksum in wrote.items() if path != observed.manifest.target)


def log_of(observed: Observed) -> str:
    """Where this tool last had the log written; empty if it had none written into a file. Pure."""
    paths = [
        flags[LOG_FLAG]
        for flags in (
            *(backup.flags for backup in backups_of(observed)),
            *(Entry.parse(entry).flags for entry in observed.journal),
        )
        if flags.get(LOG_FLAG, "-").startswith("/")
    ]
    return paths[-1] if paths else ""


def _is_stored(observed: Observed) -> bool:
    config = observed.cluster.config if observed.cluster else None
    try:
        return bool(config and read_cluster_configuration(config.text))
    except ManifestError:
        return False
