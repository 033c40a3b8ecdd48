"""What shall change on one node, as data that a person can read before it happens. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from posixpath import dirname, join, normpath

from kaudit_setup.change.loggroup import KEPT, SetRights, granted, grants, restores, wanted_group
from kaudit_setup.change.nodestate import AuditPaths, NodeState
from kaudit_setup.change.permissions import READ, ROOT, LogGroup, Rights, allows
from kaudit_setup.change.webhook import batch_notes
from kaudit_setup.errors import InputError
from kaudit_setup.manifest import mounts
from kaudit_setup.manifest.flags import unknown_flags, warnings
from kaudit_setup.manifest.patch import check_words, patch, unpatch
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


@dataclass(frozen=True, slots=True)
class MakeDir:
    """Create a folder that is not there."""

    path: str
    mode: str = "700"
    owner: str = ROOT


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Replace or create a file. `secret`: its content is never shown, only its hash."""

    path: str
    before: FileSeen
    after: bytes = field(repr=False)
    mode: str = "600"
    owner: str = ROOT
    secret: bool = False


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """Remove a file. `secret` as in WriteFile."""

    path: str
    before: FileSeen
    secret: bool = False


@dataclass(frozen=True, slots=True)
class FileWanted:
    """What a file shall be: `content` None for no file at all."""

    content: bytes | None = field(repr=False)
    mode: str
    owner: str
    secret: bool = False


# USER_HZ is 100 on every architecture that Kubernetes runs on (man 7 time)
_TICKS_A_SECOND = 100

Change = MakeDir | WriteFile | RemoveFile | SetRights


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes in the order of doing, and the server as they leave it.

    Falsy when there is nothing to do. `settings`: what `enable` sets, None for everything else. `log_group`: who may
    read the log then.
    """

    action: str
    changes: tuple[Change, ...]
    manifest: str
    pod: ApiServerPod
    settings: AuditSettings | None = None
    notes: tuple[str, ...] = ()
    log_group: LogGroup = field(default_factory=LogGroup)

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def restarts(self) -> bool:
        """Whether kubelet will restart the server: only a changed manifest makes it."""
        return any(isinstance(c, WriteFile) and c.path == self.manifest for c in self.changes)

    @property
    def files(self) -> tuple[WriteFile | RemoveFile, ...]:
        """The changes that a backup must be able to take back."""
        return tuple(c for c in self.changes if isinstance(c, WriteFile | RemoveFile))

    @property
    def rights(self) -> tuple[SetRights, ...]:
        """The changes of modes and owners alone."""
        return tuple(c for c in self.changes if isinstance(c, SetRights))

    def content(self, seen: FileSeen) -> bytes:
        """What will be in a file that was seen."""
        written = (c.after for c in self.changes if isinstance(c, WriteFile) and c.path == seen.path)
        return next(written, seen.content or b"")


def no_change(action: str, state: NodeState) -> Plan:
    """The empty plan: the node stays as it is."""
    return Plan(action, (), state.observed.manifest.target, state.pod, state.settings, log_group=state.log_group)


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


def sha256(data: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(data).hexdigest()


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


def drift(now: Mapping[str, str], recorded: Mapping[str, str]) -> list[str]:
    """In what audit flags are not as recorded in the node's journal, one flag a sentence."""

    def describe(name: str) -> str:
        if name not in recorded:
            return f"--{name}={now[name]} was added"
        if name not in now:
            return f"--{name}={recorded[name]} was removed"
        return f"--{name}={recorded[name]} was changed to {now[name]}"

    return [describe(name) for name in sorted({*now, *recorded}) if now.get(name) != recorded.get(name)]


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
    changes: list[Change] = []
    for volume, path in (("log", paths.log), ("policy", paths.policy)):
        folder = dirname(path)
        if folder and observed.volumes[volume].folder != folder:
            changes.append(MakeDir(folder, owner=server))
    changes += _write(observed.file(paths.policy), wanted.policy, server)
    if wanted.webhook_config is not None and paths.webhook:
        changes += _write(observed.file(paths.webhook), wanted.webhook_config, server, secret=True)
    group = wanted_group(state, wanted.log_group)
    rights = grants(state, group, paths.log, server) if group else (*_without_group(state),)
    changes += rights
    changes += _write(observed.manifest, target.manifest.encode("utf-8", "surrogateescape"))
    settings = target.settings
    notes = (
        *filter(None, [wanted.remark]),
        *_restored(state, wanted),
        *_kept(state.pod, wanted, settings),
        *unknown_flags(state.pod.flags, state.version),
        *_moved(state.pod, target.pod, settings),
        *warnings(settings.flags, state.version),
        *batch_notes(settings, state.version),
        *([KEPT] if group and rights else ()),
    )
    return Plan(
        "enable",
        tuple(changes),
        observed.manifest.target,
        target.pod,
        settings,
        notes,
        granted(group, rights),
    )


def _without_group(state: NodeState) -> Iterator[SetRights]:
    """What takes the log from the group that this tool let read it."""
    return restores(state.observed, state.log_group.before, of=state.log_group.gid)


def _runs_another_policy(observed: Observed, policy: FileSeen, wanted: bytes) -> bool:
    """Whether the server was started after somebody edited the policy in place: it runs what is in the file now."""
    server = observed.server
    if server is None or policy.kind != "file" or policy.sha256 == sha256(wanted):
        return False
    return observed.time - observed.uptime + server.start / _TICKS_A_SECOND >= policy.mtime - 1


def plan_disable(state: NodeState) -> Plan:
    """What takes auditing away again; the logs stay, they are evidence.

    A file that the flags name is removed if it is still as this tool wrote it, by the node's journal.
    """
    observed, before = state.observed, state.observed.manifest.text
    ours = {path: sha for entry in state.journal for path, sha in entry.files.items()}
    after = unpatch(before)
    changes: list[Change] = [
        *_write(observed.manifest, after.encode("utf-8", "surrogateescape")),
        *_without_group(state),
    ]
    notes: list[str] = []
    for path in filter(None, (state.paths.policy, state.paths.webhook)):
        seen = observed.file(path)
        if seen.kind != "file":
            continue
        if ours.get(path) == seen.sha256:
            changes.append(RemoveFile(path, seen, secret=path == state.paths.webhook))
        elif changes:
            notes.append(f"{path} stays: it is not a file that this tool wrote")
    pod = state.pod if after == before else read(after)
    return Plan("disable", tuple(changes), observed.manifest.target, pod, notes=tuple(notes))


def plan_write(
    action: str,
    state: NodeState,
    files: Mapping[str, FileWanted],
    rights: Mapping[str, Rights],
    log_group: LogGroup,
) -> Plan:
    """Put files back, by path; manifest first. `rights`: of log and folder, as they were under `log_group`.

    Raises ManifestError where the manifest to come is none.
    """
    changes: list[Change] = []
    manifest, pod = state.observed.manifest, state.pod
    for path in sorted(files, key=lambda p: p != manifest.target):
        seen = manifest if path == manifest.target else state.observed.file(path)
        target = files[path]
        if target.content is None:
            if seen.kind == "file":
                changes.append(RemoveFile(path, seen, target.secret))
        elif seen.kind != "file" or seen.sha256 != sha256(target.content):
            changes.append(WriteFile(path, seen, target.content, target.mode, target.owner, target.secret))
            if seen is manifest:
                pod = read(target.content.decode("utf-8", "surrogateescape"))
    changes += restores(state.observed, dict(state.log_group.before) | dict(rights))
    return Plan(action, tuple(changes), manifest.target, pod, log_group=log_group)


def _write(seen: FileSeen, after: bytes, reader: str = ROOT, *, secret: bool = False) -> list[Change]:
    """`reader`: `uid:gid` of who must be able to read it; a file that is there keeps its rights if so."""
    if seen.kind not in {"file", "absent"}:
        raise InputError(f"{seen.path} is a {seen.kind}, not a file", hint="name another path")
    kept = seen.kind == "file" and allows(seen.mode, seen.owner, reader, READ)
    if kept and seen.sha256 == sha256(after):
        return []
    rights = {"mode": seen.mode, "owner": seen.owner} if kept else {"owner": reader}
    return [WriteFile(seen.target, seen, after, secret=secret, **rights)]


def _restored(state: NodeState, wanted: Wanted) -> list[str]:
    """What was changed by hand and is set again, because nobody asked for another value today."""
    ours = state.changed_since
    if not ours or not ours.flags:
        return []
    recorded = {name: value for name, value in ours.flags.items() if name not in wanted.flags}
    now = {name: value for name, value in state.pod.flags.items() if name not in wanted.flags}
    return [f"{said} after {ours.time or 'the last run'}; that is undone" for said in drift(now, recorded)]


def _kept(pod: ApiServerPod, wanted: Wanted, settings: AuditSettings) -> list[str]:
    """What nobody asked for today and a person would want to know: what stays, and what begins to remove logs."""
    usual = {POLICY_FLAG: DEFAULT_POLICY_PATH, LOG_FLAG: DEFAULT_LOG_PATH, **ROTATION}
    stays = [
        f"--{name}={value} stays as it is on the node"
        for name, value in settings.flags.items()
        if pod.flags.get(name) == value and name not in wanted.flags and usual.get(name) != value
    ]
    begins = [
        f"--{name}={settings.flags[name]} is new beside a log that is there: the server will remove what is beyond it"
        for name in ("audit-log-maxage", "audit-log-maxbackup")
        if pod.flags.get(LOG_FLAG) and name in settings.flags and name not in pod.flags and name not in wanted.flags
    ]
    return stays + begins


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


def staging_name(path: str, run: str, number: int, kind: str, *, manifest_dir: str, same_device: bool) -> str:
    """Where a file is completed before it is renamed: beside its place, dot-named, never in the static Pod folder
    unless that is a filesystem of its own.
    """
    folder = dirname(path)
    if folder == manifest_dir and same_device:
        folder = dirname(folder)
    return join(folder, f".kaudit.{run}.{number}.{kind}")
