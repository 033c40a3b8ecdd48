"""What state auditing is in on one node, judged from what was seen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from posixpath import dirname
from typing import Any, Literal, TypeAlias

from kaudit_setup.auditlog.event import decode_strictly
from kaudit_setup.change.backup import backups_of
from kaudit_setup.change.loggroup import rights_of
from kaudit_setup.change.nodestate import Entry, NodeState, drift
from kaudit_setup.change.permissions import READ, SEARCH
from kaudit_setup.change.verify import NotProved, Proof, audit_lines
from kaudit_setup.errors import ManifestError
from kaudit_setup.manifest.patch import patch
from kaudit_setup.model import LOG_FLAG, POLICY_ANNOTATION, POLICY_FLAG, WEBHOOK_ANNOTATION, WEBHOOK_FLAG, read_as
from kaudit_setup.node.observe import LogSeen
from kaudit_setup.rotation import Kept, container_log_rotation, kept, rotation_of
from kaudit_setup.values import replace

State: TypeAlias = Literal[
    "off",
    "on",
    "not-writing",
    "records-nothing",
    "changed-by-hand",
    "rewritten",
    "restart-pending",
    "reverted",
    "unconfirmed",
    "server-down",
]
# state → what it means for a person
STATES: dict[State, str] = {
    "off": "auditing is off",
    "on": "auditing is on and events are being written",
    "not-writing": "auditing is on, but events are not being written",
    "records-nothing": "audit flags are set, but without both a policy and a backend nothing is recorded",
    "changed-by-hand": "the audit settings or the policy were changed by hand since this tool last changed them",
    "rewritten": "the manifest was rewritten, as kubeadm upgrade does, with other audit settings",
    "restart-pending": "the running server does not have the settings of the manifest",
    "reverted": "the watchdog undid the last change",
    "unconfirmed": "a change is waiting to be confirmed",
    "server-down": "kube-apiserver is not running",
}


@dataclass(frozen=True, slots=True)
class Status:
    """One node's state. `rate` in bytes a second, `hours_kept` until rotation drops an event; None if unknown.

    `bytes_kept`: what the log and its rotated files will take, None without bound; `disk_free`: -1 if unknown;
    `full_in_hours`: when the volume will be full, None if it will not. `persisted`: whether `kubeadm upgrade` makes
    the same manifest, None where that was not asked or is of no concern; `persisted_why`: why it does not, or why it
    is not known. `enabled`: whether the manifest has a policy and a backend. `by_hand`, `restart_pending` and
    `unconfirmed` are true beside each other, where `state` names only the most urgent. `log_group`: the
    group that was let read the log. `newer`: which of the `remarks` is about a Kubernetes that is not known yet.
    """

    host: str
    state: State
    remarks: tuple[str, ...]
    flags: dict[str, str]
    version: str
    policy_path: str
    policy_sha256: str
    log_path: str
    log_bytes: int
    rate: float | None
    hours_kept: float | None
    last_event: str
    backups: int
    server: str
    bytes_kept: int | None = None
    disk_free: int = -1
    full_in_hours: float | None = None
    persisted: bool | None = None
    persisted_why: str = ""
    enabled: bool = False
    by_hand: bool = False
    restart_pending: bool = False
    unconfirmed: bool = False
    log_group: str = ""
    journal: dict[str, Any] = field(default_factory=dict)
    newer: str = ""

    @property
    def meaning(self) -> str:
        """The state in words."""
        return STATES[self.state]


def judge(state: NodeState, seen: Proof | NotProved | None = None) -> Status:
    """`seen`: the answer of a marked request, None if none was sent."""
    observed, settings, policy = state.observed, state.settings, state.policy
    reached: State = next(name for name, applies in _IN_ORDER if applies(state))
    if reached == "on" and isinstance(seen, NotProved):
        reached = "not-writing"
    remarks = _remarks(state, reached)
    if reached == "on" and _is_other_policy(state):
        reached = "changed-by-hand"
    rate, last = log_rate(observed.log), _event_time(observed.log.last)
    free = observed.volumes["log"].free
    keeps = _keeps(state, rate)
    if keeps.full_in_hours is not None:
        remarks.append(
            f"the volume of the log will be full before rotation removes anything: {free >> 20} MiB are free"
        )
    return Status(
        host=observed.host,
        state=reached,
        remarks=tuple(remarks),
        flags=dict(settings.flags),
        version=str(state.pod.version or ""),
        policy_path=settings.policy_path,
        policy_sha256=policy.sha256 if policy else "",
        log_path=settings.log_path,
        log_bytes=observed.log.size + observed.log.rotated_bytes,
        rate=rate,
        hours_kept=keeps.hours,
        bytes_kept=keeps.bytes,
        disk_free=free,
        full_in_hours=keeps.full_in_hours,
        last_event=f"{last:%Y-%m-%dT%H:%M:%SZ}" if last else "",
        backups=len(backups_of(observed)),
        server=f"{observed.server.pid}" if observed.server else "",
        enabled=not (_is_off(state) or _records_nothing(state)),
        # while a change waits, the journal does not know it yet
        by_hand=not _is_unconfirmed(state)
        and (_edit(state) in {_Edit.by_hand, _Edit.other} or _is_other_policy(state)),
        restart_pending=_runs_other_flags(state),
        unconfirmed=_is_unconfirmed(state),
        log_group=state.log_group.name,
        journal=dict(state.last.data),
        newer=read_as(state.pod.version)[1],
    )


def _is_unconfirmed(state: NodeState) -> bool:
    return any(run.waits for run in state.observed.runs)


def _is_down(state: NodeState) -> bool:
    return state.observed.server is None


def _runs_other_flags(state: NodeState) -> bool:
    server = state.observed.server
    return server is not None and audit_lines(server.argv) != audit_lines(state.pod.argv)


class _Edit(Enum):
    """What somebody else did to the manifest, as far as auditing is concerned."""

    none = "nothing"
    by_hand = "its audit settings are not whole"
    same = "written anew with the same audit settings"
    other = "written anew with other ones"


def _edit(state: NodeState) -> _Edit:
    """What else was changed is not for this tool to judge.

    kubeadm writes the whole file anew (phases/upgrade/staticpods.go), without our annotation, which whoever edits by
    hand leaves alone.
    """
    ours = state.changed_since
    if ours is None:
        return _Edit.none
    same = dict(state.settings.flags) == ours.flags
    anew = bool(ours.flags) and not state.pod.annotations.get(POLICY_ANNOTATION)
    if anew:
        return _Edit.same if same and _is_whole(state) else _Edit.other
    return _Edit.none if same and _is_whole(state) else _Edit.by_hand


def _is_changed_by_hand(state: NodeState) -> bool:
    """Whether `enable` would have something of its own to restore."""
    return _edit(state) is _Edit.by_hand


def _is_rewritten(state: NodeState) -> bool:
    return _edit(state) is _Edit.other


def _is_whole(state: NodeState) -> bool:
    """Whether the manifest has all that belongs to its audit flags: mounts, volumes, no annotation too many."""
    noted = state.pod.annotations
    if not state.settings.flags:
        return True
    text = state.observed.manifest.text
    settings = replace(
        state.settings,
        policy_sha256=noted.get(POLICY_ANNOTATION, ""),
        webhook_sha256=noted.get(WEBHOOK_ANNOTATION, ""),
    )
    try:
        return patch(text, settings, state.version) == text
    except ManifestError:
        return False


def _was_reverted(state: NodeState) -> bool:
    return (state.last.action, state.last.result) == ("watchdog", "reverted")


def _is_off(state: NodeState) -> bool:
    return not state.settings.flags.keys() & {POLICY_FLAG, LOG_FLAG, WEBHOOK_FLAG}


def _records_nothing(state: NodeState) -> bool:
    settings = state.settings
    return not (settings.policy_path and (settings.log_path or settings.webhook_path))


def _always(_state: NodeState) -> bool:
    return True


# the first that applies is the state
_IN_ORDER: tuple[tuple[State, Callable[[NodeState], bool]], ...] = (
    ("unconfirmed", _is_unconfirmed),
    ("server-down", _is_down),
    ("restart-pending", _runs_other_flags),
    ("changed-by-hand", _is_changed_by_hand),
    ("rewritten", _is_rewritten),
    ("reverted", _was_reverted),
    ("off", _is_off),
    ("records-nothing", _records_nothing),
    ("on", _always),
)


def _remarks(state: NodeState, reached: str) -> list[str]:
    """What a person should know besides."""
    found = [said] if (said := read_as(state.pod.version)[1]) else []
    if reached != "unconfirmed":
        found += [
            f"change {run.id} was never confirmed and has no watchdog any more; `kaudit-setup recover` restores "
            "the old state"
            for run in state.observed.runs
            if run.unfinished
        ]
        if state.last.result == "stuck":
            found.append("the last undo could not restore everything; see `kaudit-setup backups list`")
    if state.changed_since and reached not in {"unconfirmed", "restart-pending"}:
        found += _EDITED[_edit(state)](state, state.changed_since)
    policy = state.policy
    if policy and policy.kind != "file":
        joined = "" if state.ours else " (kubeadm join takes the settings from kubeadm-config, but no file with them)"
        found.append(f"{policy.path} does not exist; kube-apiserver does not start without it{joined}")
    elif policy and _is_other_policy(state):
        noted = state.pod.annotations.get(POLICY_ANNOTATION)
        which = "the running server was started with" if noted else "this tool wrote"
        found.append(f"{policy.path} is not the policy that {which}")
    return [*found, *_locked_out(state)]


def _locked_out(state: NodeState) -> Iterator[str]:
    """What the log's group can no longer read."""
    group, log = state.log_group, state.observed.log.path
    for path, wanted in ((dirname(log), READ | SEARCH), (log, READ)):
        now = rights_of(state.observed, path)
        if group and path in group.before and now and not now.admit(group.gid, wanted):
            yield f"group {group.name} cannot read {path} ({now}); `enable` lets it in again"


def _other_edit(state: NodeState, ours: Entry) -> Iterator[str]:
    yield f"{state.observed.manifest.path} was changed after {_since(ours)}, but not in its audit settings"


def _edited_by_hand(state: NodeState, ours: Entry) -> Iterator[str]:
    yield f"{state.observed.manifest.path} was changed after {_since(ours)}"
    if ours.flags:
        yield from (f"{said}; `enable` undoes that" for said in drift(state.pod.flags, ours.flags))


def _rewritten_alike(state: NodeState, ours: Entry) -> Iterator[str]:
    yield (
        f"{state.observed.manifest.path} was rewritten after {_since(ours)} with the same audit settings, as kubeadm "
        "upgrade does"
    )


def _rewritten_otherwise(state: NodeState, ours: Entry) -> Iterator[str]:
    how = "with other audit settings" if state.settings.flags else "without the audit settings"
    yield (
        f"{state.observed.manifest.path} was rewritten after {_since(ours)} {how}, as kubeadm upgrade does; `enable` "
        "fixes it with one restart"
    )
    if state.settings.flags:
        yield from drift(state.pod.flags, ours.flags)


def _since(ours: Entry) -> str:
    return ours.time or "the last run"


_EDITED: Mapping[_Edit, Callable[[NodeState, Entry], Iterator[str]]] = {
    _Edit.none: _other_edit,
    _Edit.by_hand: _edited_by_hand,
    _Edit.same: _rewritten_alike,
    _Edit.other: _rewritten_otherwise,
}


def _is_other_policy(state: NodeState) -> bool:
    """Whether the policy file is not the one that the manifest's annotation names, or the journal without it."""
    policy = state.policy
    noted = state.pod.annotations.get(POLICY_ANNOTATION) or (policy and _written(state, policy.path))
    return bool(noted and policy and policy.kind == "file" and noted != policy.sha256)


def _written(state: NodeState, path: str) -> str:
    """The hash of what this tool last wrote there; empty if it did not."""
    return next((e.files[path] for e in reversed(state.journal) if path in e.files), "")


def log_rate(log: LogSeen) -> float | None:
    """Bytes a second, from the first event to the last one."""
    first, last = _event_time(log.first), _event_time(log.last)
    seconds = (last - first).total_seconds() if first and last else 0
    return log.size / seconds if seconds >= 1 else None


def _keeps(state: NodeState, rate: float | None) -> Kept:
    if state.settings.log_path == "-":
        # without the log's own size: the server's messages are in it, too
        return kept(container_log_rotation(*state.observed.kubelet_log), 0.0)
    if not state.paths.log:
        return Kept(None, None, "nothing", None)
    log, free = state.observed.log, state.observed.volumes["log"].free
    rotation = rotation_of(state.settings.flags, state.pod.version)
    return kept(rotation, rate or 0.0, used=log.size + log.rotated_bytes, free=free if free >= 0 else None)


def _event_time(line: bytes) -> datetime | None:
    event = decode_strictly(line)
    try:
        moment = datetime.fromisoformat(event.stage_timestamp) if event else None
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None
