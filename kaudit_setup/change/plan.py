"""What shall change on one node, as data that a person can read before it happens. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from posixpath import dirname, join

from kaudit_setup.change.loggroup import SetRights
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.permissions import READ, ROOT, LogGroup, allows
from kaudit_setup.errors import InputError
from kaudit_setup.manifest.pod import ApiServerPod
from kaudit_setup.model import AuditSettings
from kaudit_setup.node.observe import FileSeen


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


def sha256(data: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(data).hexdigest()


def write_file(seen: FileSeen, after: bytes, reader: str = ROOT, *, secret: bool = False) -> list[Change]:
    """`reader`: `uid:gid` of who must be able to read it; a file that is there keeps its rights if so."""
    if seen.kind not in {"file", "absent"}:
        raise InputError(f"{seen.path} is a {seen.kind}, not a file", hint="name another path")
    kept = seen.kind == "file" and allows(seen.mode, seen.owner, reader, READ)
    if kept and seen.sha256 == sha256(after):
        return []
    rights = {"mode": seen.mode, "owner": seen.owner} if kept else {"owner": reader}
    return [WriteFile(seen.target, seen, after, secret=secret, **rights)]


def staging_name(path: str, run: str, number: int, kind: str, *, manifest_dir: str, same_device: bool) -> str:
    """Where a file is completed before it is renamed: beside its place, dot-named, never in the static Pod folder
    unless that is a filesystem of its own.
    """
    folder = dirname(path)
    if folder == manifest_dir and same_device:
        folder = dirname(folder)
    return join(folder, f".kaudit.{run}.{number}.{kind}")
