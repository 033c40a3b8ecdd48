"""Which mounts the audit files need, which are there already, and which nobody else uses."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kaudit_setup.errors import ManifestError
from kaudit_setup.model import LOG_FLAG, POLICY_FLAG, WEBHOOK_FLAG

# Mounting the node's folder over one of these would hide the server's own files, or show it the whole node.
_NEVER = frozenset(
    [
        "/",
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/lib",
        "/lib64",
        "/opt",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/sys",
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/local",
        "/usr/local/bin",
        "/usr/sbin",
        "/var",
        "/var/lib",
        "/var/run",
        "/etc/kubernetes",
        "/etc/kubernetes/manifests",
    ]
)
_PATHS = re.compile(r"/[^,]*")


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder or file of the container. `host`: its path on the node, None if it does not come from there."""

    name: str
    path: str
    host: str | None
    read_only: bool = False
    type: str = ""

    def holds(self, path: str) -> bool:
        """Whether `path` (in the container) is this mount or lies below it."""
        mine = posixpath.normpath(self.path)
        return path == mine or path.startswith(mine.rstrip("/") + "/")


@dataclass(frozen=True, slots=True)
class MountPlan:
    """What changes: indices of mounts that go, mounts that come."""

    removed: tuple[int, ...] = ()
    added: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True)
class _Need:
    name: str
    file: str
    path: str
    write: bool
    type: str


def holder(mounts: Iterable[Mount], path: str) -> Mount | None:
    """The mount that `path` of the container lies in: of several, the deepest one; None if it is in the image."""
    path = posixpath.normpath(path)
    found = [mount for mount in mounts if mount.holds(path)]
    return max(found, key=lambda m: len(posixpath.normpath(m.path)), default=None)


def host_path(mounts: Iterable[Mount], path: str) -> str | None:
    """Where `path` of the container is on the node; None if it is not on the node at all."""
    mount = holder(mounts, path)
    if mount is None or mount.host is None:
        return None
    inside = posixpath.relpath(posixpath.normpath(path), posixpath.normpath(mount.path))
    return posixpath.normpath(posixpath.join(mount.host, inside))


def audit_paths(flags: Mapping[str, str]) -> tuple[str, ...]:
    """The absolute paths that audit flags name: policy, webhook kubeconfig, log."""
    paths = (flags.get(flag, "") for flag in (POLICY_FLAG, WEBHOOK_FLAG, LOG_FLAG))
    return tuple(posixpath.normpath(p) for p in paths if p.startswith("/"))


def plan(
    mounts: Sequence[Mount], before: Mapping[str, str], after: Mapping[str, str], elsewhere: Sequence[Mount] = ()
) -> MountPlan:
    """What has to change so that the files named by the audit flags in `after` are there, and nothing is left over.

    `before`: all flags of the server now (audit and others); `after`: the audit flags that shall be;
    `elsewhere`: mounts that say where on the node a path is which `mounts` does not hold.
    Raises ManifestError if a path cannot be mounted.
    """
    left, kept, added = list(mounts), list[Mount](), list[Mount]()
    owned = _owned(mounts, before)
    ours = [mounts[i] for i in owned]
    for need in _needs(after):
        served = _provide(need, left, elsewhere, ours)
        left = [mount for mount in left if mount not in served.removed]
        kept += served.kept
        added += served.added
    gone = {i for i, mount in enumerate(mounts) if mount not in left}
    gone |= {i for i in owned if mounts[i] not in kept}
    return MountPlan(tuple(sorted(gone)), tuple(added))


@dataclass(frozen=True, slots=True)
class _Served:
    """How one file gets to the container: by a mount that is there, or by a new one in place of others."""

    kept: tuple[Mount, ...] = ()
    added: tuple[Mount, ...] = ()
    removed: tuple[Mount, ...] = ()


def _provide(need: _Need, left: Sequence[Mount], elsewhere: Sequence[Mount], ours: Collection[Mount]) -> _Served:
    mount = holder(left, need.file)
    if mount is not None and _serves(mount, need):
        return _Served(kept=(mount,))
    if mount is None or mount.path.rstrip("/") not in {need.path, need.file}:
        return _Served(added=(_made(need, left, elsewhere),))
    if mount.host is None:
        raise ManifestError(
            f"the container already mounts volume {mount.name!r} at {mount.path}, which is not on the node",
            hint=f"remove that volumeMount, or choose another path than {need.file}",
        )
    if mount.read_only and mount not in ours:
        raise ManifestError(
            f"the log {need.file} would be in {mount.path}, which the container mounts read-only for something else "
            f"(volume {mount.name!r})",
            hint="give the log a folder of its own, e.g. /var/log/kubernetes/audit/audit.log",
        )
    if mount.path.rstrip("/") == need.path:
        return _Served(added=(Mount(need.name, need.path, mount.host, not need.write, need.type),), removed=(mount,))
    others = [other for other in left if other is not mount]
    if holder(others, need.file) is None:
        # a mounted log file cannot be renamed at rotation: its folder on the node takes its place
        host = posixpath.dirname(posixpath.normpath(mount.host))
        return _Served(added=(Mount(need.name, _allowed(need), host, not need.write, need.type),), removed=(mount,))
    served = _provide(need, others, elsewhere, ours)
    return _Served(served.kept, served.added, (mount, *served.removed))


def free_name(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or `wanted-1`, `wanted-2`, … if it is taken."""
    number = 0
    name = wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _needs(flags: Mapping[str, str]) -> list[_Need]:
    needs: list[_Need] = []
    for flag, name in (
        (POLICY_FLAG, "audit-policy"),
        (WEBHOOK_FLAG, "audit-webhook-config"),
        (LOG_FLAG, "audit-log"),
    ):
        value = flags.get(flag, "")
        if not value or (flag == LOG_FLAG and value == "-"):
            continue
        path = posixpath.normpath(value)
        if path in {need.file for need in needs}:
            raise ManifestError(f"--{flag}={value} is the path of another audit file", hint="give each its own path")
        if not value.startswith("/") or value.startswith("//") or value.endswith("/") or ".." in value.split("/"):
            raise ManifestError(
                f"--{flag}={value} is not the absolute path of a file",
                hint="give a path that starts with one / and has no .. in it",
            )
        if flag == LOG_FLAG:
            needs.append(_Need(name, path, posixpath.dirname(path), write=True, type="DirectoryOrCreate"))
        else:
            needs.append(_Need(name, path, path, write=False, type="File"))
    return needs


def _serves(mount: Mount, need: _Need) -> bool:
    if mount.host is None or (need.write and mount.read_only):
        return False
    return not (need.write and mount.holds(need.file) and posixpath.normpath(mount.path) == need.file)


def _made(need: _Need, mounts: Sequence[Mount], elsewhere: Sequence[Mount]) -> Mount:
    host = host_path(mounts, need.path) or host_path(elsewhere, need.path) or need.path
    return Mount(need.name, _allowed(need), host, not need.write, need.type)


def _allowed(need: _Need) -> str:
    if need.write and need.path in _NEVER:
        raise ManifestError(
            f"the log {need.file} would need the node's {need.path} mounted over the container's",
            hint="give the log a folder of its own, e.g. /var/log/kubernetes/audit/audit.log",
        )
    return need.path


def _owned(mounts: Sequence[Mount], flags: Mapping[str, str]) -> set[int]:
    """Mounts that only auditing uses: no other flag names a path in them, and they are about auditing by name.

    A mount of a shared parent folder (/var/log, /etc/kubernetes) is somebody's wish and stays.
    """
    audit = audit_paths({k: v for k, v in flags.items() if k.startswith("audit-")})
    others = {
        posixpath.normpath(path)
        for name, value in flags.items()
        if not name.startswith("audit-")
        for path in _PATHS.findall(value)
    }
    shared = {id(holder(mounts, path)) for path in others}
    owned = set()
    for path in audit:
        mount = holder(mounts, path)
        if mount is None or id(mount) in shared:
            continue
        exact = posixpath.normpath(mount.path) == path
        if exact or "audit" in mount.name.lower() or "audit" in mount.path.lower():
            owned.add(mounts.index(mount))
    return owned
