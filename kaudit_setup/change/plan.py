"""What shall change on one node, as data that a person can read before it happens. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from posixpath import dirname, join

from kaudit_setup.change.webhook import batch_notes
from kaudit_setup.errors import InputError, ManifestError
from kaudit_setup.manifest.patch import patch, unpatch
from kaudit_setup.manifest.pod import ApiServerPod, host_path, read
from kaudit_setup.manifest.settings import (
    DEFAULT_LOG_PATH,
    DEFAULT_POLICY_PATH,
    DEFAULT_WEBHOOK_PATH,
    ROTATION,
    desired,
)
from kaudit_setup.model import LOG_FLAG, NEWEST, POLICY_FLAG, WEBHOOK_ANNOTATION, WEBHOOK_FLAG, AuditSettings
from kaudit_setup.node.observe import FileSeen, Observed


@dataclass(frozen=True, slots=True)
class MakeDir:
    """Create a folder that is not there."""

    path: str
    mode: str = "700"


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Replace or create a file. `secret`: its content is never shown, only its hash."""

    path: str
    before: FileSeen
    after: bytes = field(repr=False)
    mode: str = "600"
    owner: str = "0:0"
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

Change = MakeDir | WriteFile | RemoveFile


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes in the order of doing, and what the server shall run with afterwards.

    Falsy when there is nothing to do. `settings` is None where auditing will be off.
    """

    action: str
    changes: tuple[Change, ...]
    manifest: str
    settings: AuditSettings | None
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def restarts(self) -> bool:
        """Whether kubelet will restart the server: only a changed manifest makes it."""
        return any(isinstance(c, WriteFile) and c.path == self.manifest for c in self.changes)

    @property
    def files(self) -> tuple[WriteFile | RemoveFile, ...]:
        """The changes that a backup must be able to take back."""
        return tuple(c for c in self.changes if not isinstance(c, MakeDir))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asks `enable` for. `flags`: only those given explicitly, without dashes."""

    policy: bytes = field(repr=False)
    flags: Mapping[str, str] = field(default_factory=dict)
    webhook_config: bytes | None = field(default=None, repr=False)


def sha256(data: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(data).hexdigest()


def pod_of(observed: Observed) -> ApiServerPod:
    """The node's kube-apiserver Pod; raises ManifestError that names the file."""
    seen = observed.manifest
    if seen.kind != "file" or seen.content is None:
        reason = {"absent": "is not there", "file": "is too large"}.get(seen.kind, f"is a {seen.kind}")
        raise ManifestError(
            f"{seen.path} {reason}",
            hint="is this a kubeadm control-plane node? --manifest names another file",
        )
    try:
        return read(seen.text)
    except ManifestError as error:
        raise ManifestError(f"{seen.path}: {error.message}", hint=error.hint, details=error.details) from error


def settings_for(observed: Observed, pod: ApiServerPod, wanted: Wanted) -> AuditSettings:
    """Explicit settings over what is on the node over the defaults; raises InputError if the server would refuse."""
    explicit = dict(wanted.flags)
    if wanted.webhook_config is not None and WEBHOOK_FLAG not in pod.flags:
        explicit.setdefault(WEBHOOK_FLAG, DEFAULT_WEBHOOK_PATH)
    webhook = pod.annotations.get(WEBHOOK_ANNOTATION, "")
    if wanted.webhook_config is not None:
        webhook = sha256(wanted.webhook_config)
    return desired(explicit, pod.flags, sha256(wanted.policy), pod.version or NEWEST, webhook_sha256=webhook)


def paths_of(settings: AuditSettings, pod: ApiServerPod) -> dict[str, str]:
    """Where the files that the flags name are on the node: keys `policy`, `log`, `webhook`."""
    named = {"policy": settings.policy_path, "log": settings.log_path, "webhook": settings.webhook_path}
    return {k: host_path(pod, path) or path for k, path in named.items() if path and path != "-"}


def look_at(paths: Mapping[str, str]) -> list[str]:
    """The same for `observe`."""
    prefix = {"log": "log:", "policy": "policy:", "webhook": "secret:"}
    return [prefix[kind] + path for kind, path in paths.items()]


def plan_enable(observed: Observed, wanted: Wanted) -> Plan:
    """What makes the node audit as wanted; raises ManifestError, InputError.

    `observed` must have looked at the paths that the settings name.
    """
    pod = pod_of(observed)
    version = pod.version or NEWEST
    settings = settings_for(observed, pod, wanted)
    before = observed.manifest.text
    after = patch(before, settings, version)
    paths = paths_of(settings, read(after))
    if after == before and _runs_another_policy(observed, observed.file(paths["policy"]), wanted.policy):
        settings = replace(settings, restarted_at=f"{datetime.fromtimestamp(observed.time, UTC):%Y-%m-%dT%H:%M:%SZ}")
        after = patch(before, settings, version)
    changes: list[Change] = []
    for kind in ("log", "policy"):
        folder = dirname(paths.get(kind, ""))
        if folder and observed.volumes[kind].folder != folder:
            changes.append(MakeDir(folder))
    changes += _write(observed.file(paths["policy"]), wanted.policy)
    if wanted.webhook_config is not None and "webhook" in paths:
        changes += _write(observed.file(paths["webhook"]), wanted.webhook_config, secret=True)
    changes += _write(observed.manifest, after.encode("utf-8", "surrogateescape"))
    notes = (*_kept(pod, wanted, settings), *batch_notes(settings, version))
    return Plan("enable", tuple(changes), observed.manifest.target, settings, notes)


def _runs_another_policy(observed: Observed, policy: FileSeen, wanted: bytes) -> bool:
    """Whether the server was started after somebody edited the policy in place: it runs what is in the file now."""
    server = observed.server
    if server is None or policy.kind != "file" or policy.sha256 == sha256(wanted):
        return False
    return observed.time - observed.uptime + server.start / _TICKS_A_SECOND >= policy.mtime - 1


def plan_disable(observed: Observed, ours: Mapping[str, str]) -> Plan:
    """What takes auditing away again; the logs stay, they are evidence.

    `ours`: path → SHA-256 of files that this tool wrote; such a file is removed if it is still that file.
    """
    pod = pod_of(observed)
    before = observed.manifest.text
    changes: list[Change] = _write(observed.manifest, unpatch(before).encode("utf-8", "surrogateescape"))
    notes: list[str] = []
    current = AuditSettings(pod.flags)
    for kind, path in paths_of(current, pod).items():
        seen = observed.file(path)
        if kind == "log" or seen.kind != "file":
            continue
        if ours.get(path) == seen.sha256:
            changes.append(RemoveFile(path, seen, secret=kind == "webhook"))
        elif changes:
            notes.append(f"{path} stays: it is not a file that this tool wrote")
    return Plan("disable", tuple(changes), observed.manifest.target, None, tuple(notes))


def plan_write(action: str, observed: Observed, files: Mapping[str, FileWanted]) -> Plan:
    """Put files back, by path; manifest first."""
    changes: list[Change] = []
    manifest = observed.manifest
    settings: AuditSettings | None = None
    for path in sorted(files, key=lambda p: p != manifest.target):
        seen = manifest if path == manifest.target else observed.file(path)
        target = files[path]
        if target.content is None:
            if seen.kind == "file":
                changes.append(RemoveFile(path, seen, target.secret))
        elif seen.kind != "file" or seen.sha256 != sha256(target.content):
            changes.append(WriteFile(path, seen, target.content, target.mode, target.owner, target.secret))
    return Plan(action, tuple(changes), manifest.target, settings)


def _write(seen: FileSeen, after: bytes, *, secret: bool = False) -> list[Change]:
    if seen.kind not in {"file", "absent"}:
        raise InputError(f"{seen.path} is a {seen.kind}, not a file", hint="name another path")
    if seen.kind == "file" and seen.sha256 == sha256(after):
        return []
    kept = {"mode": seen.mode, "owner": seen.owner} if seen.kind == "file" else {}
    return [WriteFile(seen.target, seen, after, secret=secret, **kept)]


def _kept(pod: ApiServerPod, wanted: Wanted, settings: AuditSettings) -> list[str]:
    """What nobody asked for today and a person would want to know: what stays, and what begins to remove logs."""
    usual = {POLICY_FLAG: DEFAULT_POLICY_PATH, LOG_FLAG: DEFAULT_LOG_PATH, **ROTATION}
    stays = [
        f"--{name}={value} stays as it is on the node"
        for name, value in settings.flags.items()
        if name in pod.flags and name not in wanted.flags and usual.get(name) != value
    ]
    begins = [
        f"--{name}={settings.flags[name]} is new beside a log that is there: the server will remove what is beyond it"
        for name in ("audit-log-maxage", "audit-log-maxbackup")
        if pod.flags.get(LOG_FLAG) and name in settings.flags and name not in pod.flags and name not in wanted.flags
    ]
    return stays + begins


def staging_name(path: str, run: str, number: int, kind: str, *, manifest_dir: str, same_device: bool) -> str:
    """Where a file is completed before it is renamed: beside its place, dot-named, never in the static Pod folder
    unless that is a filesystem of its own.
    """
    folder = dirname(path)
    if folder == manifest_dir and same_device:
        folder = dirname(folder)
    return join(folder, f".kaudit.{run}.{number}.{kind}")
