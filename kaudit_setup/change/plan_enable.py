"""What `enable` makes of a node: settings and manifest, the changes that lead there, and what to say of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from posixpath import dirname, normpath

from kaudit_setup.change.loggroup import KEPT, granted, grants, wanted_group, without_group
from kaudit_setup.change.nodestate import AuditPaths, NodeState, drift
from kaudit_setup.change.permissions import ROOT
from kaudit_setup.change.plan import Change, MakeDir, Plan, sha256, write_file
from kaudit_setup.change.webhook import batch_notes
from kaudit_setup.manifest import mounts
from kaudit_setup.manifest.flags import unknown_flags, warnings
from kaudit_setup.manifest.patch import check_words, patch
from kaudit_setup.manifest.pod import ApiServerPod, host_path, read
from kaudit_setup.manifest.settings import (
    DEFAULT_LOG_PATH,
    DEFAULT_POLICY_PATH,
    DEFAULT_WEBHOOK_PATH,
    ROTATION,
    desired,
)
from kaudit_setup.model import LOG_FLAG, POLICY_FLAG, WEBHOOK_ANNOTATION, WEBHOOK_FLAG, AuditSettings
from kaudit_setup.node.observe import FileSeen, Observed
from kaudit_setup.values import replace

# USER_HZ is 100 on every architecture that Kubernetes runs on (man 7 time)
_TICKS_A_SECOND = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asks `enable` for. `flags`: only those given explicitly, without dashes. `log_group`: name or
    number of a group on the node, empty for none, None to leave that as it is. `remark`: what a person
    should know of how it was asked for.
    """

    policy: bytes = field(repr=False)
    flags: Mapping[str, str] = field(default_factory=dict)
    webhook_config: bytes | None = field(default=None, repr=False)
    log_group: str | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """What `enable` makes of a node: the settings, the manifest that has them, and the server that it describes."""

    settings: AuditSettings
    manifest: str = field(repr=False)
    pod: ApiServerPod
    paths: AuditPaths


def target_of(state: NodeState, wanted: Wanted) -> Target:
    """Explicit settings over what this tool last set over what else is on the node over the defaults.

    Raises InputError if the server would refuse them, ManifestError if the manifest cannot be patched.
    """
    check_words(state.observed.manifest.text)
    pod, usual = state.pod, _usual(state)
    explicit = dict(wanted.flags)
    if wanted.webhook_config is not None and WEBHOOK_FLAG not in usual:
        explicit.setdefault(WEBHOOK_FLAG, DEFAULT_WEBHOOK_PATH)
    webhook = pod.annotations.get(WEBHOOK_ANNOTATION, "")
    if wanted.webhook_config is not None:
        webhook = sha256(wanted.webhook_config)
    settings = desired(explicit, usual, sha256(wanted.policy), state.version, webhook_sha256=webhook)
    return _target(state, settings)


def _usual(state: NodeState) -> Mapping[str, str]:
    """The flags that stay unless told otherwise: those that this tool last set, though somebody changed the manifest
    since; where it never set any, those that somebody else did.
    """
    ours = state.changed_since
    return ours.flags if ours and ours.flags else state.pod.flags


def _target(state: NodeState, settings: AuditSettings) -> Target:
    before = state.observed.manifest.text
    after = patch(before, settings, state.version)
    pod = state.pod if after == before else read(after)
    return Target(settings, after, pod, AuditPaths.of(settings, pod))


def plan_enable(state: NodeState, wanted: Wanted, target: Target) -> Plan:
    """What makes the node audit as wanted; raises ManifestError, InputError.

    `state` must have seen the paths of `target`.
    """
    observed, paths = state.observed, target.paths
    nothing_new = target.manifest == observed.manifest.text
    if nothing_new and _runs_another_policy(observed, observed.file(paths.policy), wanted.policy):
        now = f"{datetime.fromtimestamp(observed.time, UTC):%Y-%m-%dT%H:%M:%SZ}"
        target = _target(state, replace(target.settings, restarted_at=now))
    # who is not root can give no file away: a folder that holds a node's files may be anybody's
    server = target.pod.runs_as if observed.uid == 0 else ROOT
    changes: list[Change] = [*_folders(observed, paths, server)]
    changes += write_file(observed.file(paths.policy), wanted.policy, server)
    if wanted.webhook_config is not None and paths.webhook:
        changes += write_file(observed.file(paths.webhook), wanted.webhook_config, server, secret=True)
    group = wanted_group(state, wanted.log_group)
    rights = grants(state, group, paths.log, server) if group else (*without_group(state),)
    changes += rights
    changes += write_file(observed.manifest, target.manifest.encode("utf-8", "surrogateescape"))
    notes = (*_notes(state, wanted, target), *([KEPT] if group and rights else ()))
    return Plan(
        "enable",
        tuple(changes),
        observed.manifest.target,
        target.pod,
        target.settings,
        notes,
        granted(group, rights),
    )


def _folders(observed: Observed, paths: AuditPaths, server: str) -> Iterator[MakeDir]:
    """The folders of log and policy that are not there."""
    for volume, path in (("log", paths.log), ("policy", paths.policy)):
        folder = dirname(path)
        if folder and observed.volumes[volume].folder != folder:
            yield MakeDir(folder, owner=server)


def _notes(state: NodeState, wanted: Wanted, target: Target) -> Iterator[str]:
    """What a person should know before they say yes."""
    settings = target.settings
    yield from filter(None, [wanted.remark])
    yield from _restored(state, wanted)
    yield from _staying(state.pod, wanted, settings)
    yield from _beginning(state.pod, wanted, settings)
    yield from unknown_flags(state.pod.flags, state.version)
    yield from _moved(state.pod, target.pod, settings)
    yield from warnings(settings.flags, state.version)
    yield from batch_notes(settings, state.version)


def _runs_another_policy(observed: Observed, policy: FileSeen, wanted: bytes) -> bool:
    """Whether the server was started after somebody edited the policy in place: it runs what is in the file now."""
    server = observed.server
    if server is None or policy.kind != "file" or policy.sha256 == sha256(wanted):
        return False
    return observed.time - observed.uptime + server.start / _TICKS_A_SECOND >= policy.mtime - 1


def _restored(state: NodeState, wanted: Wanted) -> list[str]:
    """What was changed by hand and is set again, because nobody asked for another value today."""
    ours = state.changed_since
    if not ours or not ours.flags:
        return []
    undone = drift(_unasked(state.pod.flags, wanted), _unasked(ours.flags, wanted))
    return [f"{said} after {ours.time or 'the last run'}; that is undone" for said in undone]


def _unasked(flags: Mapping[str, str], wanted: Wanted) -> dict[str, str]:
    """Those flags that nobody gave today."""
    return {name: value for name, value in flags.items() if name not in wanted.flags}


def _staying(pod: ApiServerPod, wanted: Wanted, settings: AuditSettings) -> Iterator[str]:
    """What stays on the node though it is not usual and nobody asked for it today."""
    usual = {POLICY_FLAG: DEFAULT_POLICY_PATH, LOG_FLAG: DEFAULT_LOG_PATH, **ROTATION}
    for name, value in _unasked(settings.flags, wanted).items():
        if pod.flags.get(name) == value and usual.get(name) != value:
            yield f"--{name}={value} stays as it is on the node"


def _beginning(pod: ApiServerPod, wanted: Wanted, settings: AuditSettings) -> Iterator[str]:
    """What begins to remove logs though nobody asked for it today."""
    new = _unasked(settings.flags, wanted)
    for name in ("audit-log-maxage", "audit-log-maxbackup"):
        if pod.flags.get(LOG_FLAG) and name in new and name not in pod.flags:
            yield (
                f"--{name}={new[name]} is new beside a log that is there: the server will remove what is beyond it"
            )


def _moved(before: ApiServerPod, after: ApiServerPod, settings: AuditSettings) -> Iterator[str]:
    """Where the log is written from now on, if that is another file of the node, or a folder instead of one file."""
    old, new = before.flag(LOG_FLAG), settings.log_path
    if not old.startswith("/") or not new.startswith("/"):
        return
    was, will = host_path(before, old), host_path(after, new)
    if will is None:
        return
    if was is None:
        yield f"the log was not on the node but in the container; it is {will} from now on"
    elif was != will:
        yield f"the log moves on the node from {was} to {will}: its readers need the new name; old events stay there"
    mount = mounts.holder(before.mounts, old)
    if mount and mount not in after.mounts and normpath(mount.path) == normpath(old):
        yield (
            f"the server gets the folder {dirname(will)} of the node, writable, instead of one mounted file: a "
            "mounted file cannot be renamed, so that rotation fails"
        )
