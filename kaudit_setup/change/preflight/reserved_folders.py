"""Folders of a node that belong to somebody, and what becomes of an audit file in them: one table. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from kaudit_setup.change.folders import STATE
from kaudit_setup.node.observe import Observed, PlaceSeen

LOG: Final = frozenset(["log"])
FILES: Final = frozenset(["policy", "webhook"])
ANY: Final = LOG | FILES
_ETCD_DATA: Final = re.compile(rb"--data-dir[= ](/[^\s\"',]+)")


@dataclass(frozen=True, slots=True)
class Place:
    """One row: the folders that it is about, and what follows for a file in them or anywhere below.

    `name`: of the finding. `what`: whose folder it is, after "in". `follows`: what would happen there. `harms`: for
    which roles (`policy`, `webhook`, `log`) the change is refused; for the others it is a warning. `roles`: which it
    is about at all. `files`: single paths that count, too; `filesystems`: kinds as `stat -f` names them, wherever
    they are mounted. `always`: a path that the server has already is refused like a new one.
    """

    name: str
    what: str
    follows: str
    folders: tuple[str, ...] = ()
    files: frozenset[str] = frozenset()
    filesystems: frozenset[str] = frozenset()
    harms: frozenset[str] = ANY
    roles: frozenset[str] = ANY
    always: bool = False

    def holds(self, paths: Collection[str], filesystem: str) -> bool:
        """`paths`: the names of one file, as it was given and behind links; `filesystem`: empty if not known."""
        return (
            filesystem in self.filesystems
            or not self.files.isdisjoint(paths)
            or any(_is_below(path, folder) for path in paths for folder in self.folders)
        )


# The first row that holds a path counts. Rows about a folder inside another's stand before it.
_FIXED: Final = (
    Place(
        "tool-folder",
        "the folder of this tool",
        "`purge` removes it, and a backup could hold itself",
        (STATE,),
    ),
    Place(
        # pkg/kubelet/kuberuntime/kuberuntime_gc.go:evictPodLogsDirectories
        "kubelet-folder",
        "the folder for the logs of containers",
        "kubelet removes what belongs to no Pod there, and log shippers take it for a container's output",
        ("/var/log/pods", "/var/log/containers"),
    ),
    Place(
        "kubelet-folder",
        "kubelet's own folder",
        "kubelet cleans up in it, and `kubeadm reset` removes it",
        ("/var/lib/kubelet",),
    ),
    Place(
        "runtime-folder",
        "a folder of the container runtime or its network",
        "they read, clean or replace what is there, and a full disk there stops every container",
        (
            "/var/lib/containerd",
            "/var/lib/docker",
            "/var/lib/containers",
            "/var/lib/crio",
            "/var/lib/cri-dockerd",
            "/var/lib/cni",
            "/run/containerd",
            "/run/docker",
            "/run/crio",
            "/run/containers",
            "/run/runc",
            "/etc/containerd",
            "/etc/docker",
            "/etc/crio",
            "/etc/cni",
            "/opt/cni",
            "/opt/containerd",
        ),
    ),
    Place(
        "pki-folder",
        "the folder of the cluster's keys",
        "a server that writes its log there could write over the keys",
        ("/etc/kubernetes/pki",),
        roles=LOG,
    ),
    Place(
        "pki-folder",
        "the folder of the cluster's keys",
        "`kubeadm reset` removes it, and it is copied between nodes with all that is in it",
        ("/etc/kubernetes/pki",),
    ),
    Place(
        "trust-folder",
        "a folder of certificates that programs trust",
        "its tools rewrite it, and a server that may write there could have any certificate trusted",
        (
            "/etc/ssl",
            "/etc/pki",
            "/etc/ca-certificates",
            "/usr/share/ca-certificates",
            "/usr/local/share/ca-certificates",
        ),
    ),
    Place(
        "kernel-folder",
        "a folder that the kernel makes",
        "no file can be kept there",
        ("/proc", "/sys", "/dev"),
        filesystems=frozenset(["proc", "sysfs", "devpts", "cgroupfs", "cgroup2fs", "debugfs", "tracefs"]),
    ),
    Place(
        "system-folder",
        "a folder of the operating system",
        "its updates replace what is there, and on some systems it cannot be written to",
        (
            "/boot",
            "/bin",
            "/sbin",
            "/lib",
            "/lib32",
            "/lib64",
            "/usr/bin",
            "/usr/sbin",
            "/usr/lib",
            "/usr/lib64",
            "/usr/libexec",
            "/usr/share",
            "/usr/include",
            "/lost+found",
        ),
    ),
    Place(
        "volatile-folder",
        "a folder in memory",
        "the log is lost at the next reboot, and it takes memory until then",
        ("/run", "/var/run"),
        filesystems=frozenset(["tmpfs", "ramfs"]),
        harms=frozenset(),
        roles=LOG,
    ),
    Place(
        "volatile-folder",
        "a folder in memory",
        "the file is gone after a reboot, and kube-apiserver does not start without it",
        ("/run", "/var/run"),
        filesystems=frozenset(["tmpfs", "ramfs"]),
    ),
    Place(
        "temporary-folder",
        "a folder for temporary files",
        "systemd-tmpfiles removes old files there, and any user may put files beside the log",
        ("/tmp", "/var/tmp"),
        harms=frozenset(),
        roles=LOG,
    ),
    Place(
        "temporary-folder",
        "a folder for temporary files",
        "systemd-tmpfiles removes old files there, and kube-apiserver does not start again without it",
        ("/tmp", "/var/tmp"),
    ),
)


def find_place(observed: Observed, role: str, path: str) -> Place | None:
    """Whose the place is that `path` on the node leads to; None if it is nobody's."""
    seen = observed.places.get(path, PlaceSeen(path))
    names, kind = {posixpath.normpath(path), posixpath.normpath(seen.real)}, _own_filesystem(observed, seen)
    rows = (*_of_this_node(observed), *_FIXED)
    return next((place for place in rows if role in place.roles and place.holds(names, kind)), None)


def _own_filesystem(observed: Observed, seen: PlaceSeen) -> str:
    """Its kind; empty where the manifest is on such a one, too, as on a node that boots from the network."""
    manifests = observed.places.get(observed.static_dir, PlaceSeen(""))
    return "" if seen.filesystem == manifests.filesystem else seen.filesystem


def _of_this_node(observed: Observed) -> tuple[Place, ...]:
    """The rows whose folders are where its programs were told to have them."""
    static = [observed.static_dir, observed.static_configured, "/etc/kubernetes/manifests"]
    static += [observed.places[folder].real for folder in static if folder in observed.places]
    return (
        Place(
            # whatever its name, a file there is a Pod to kubelet (pkg/kubelet/config/file.go:extractFromDir)
            "static-pod-folder",
            "the folder that kubelet reads static Pods from",
            "kubelet would try to run it as a Pod",
            files=observed.in_static_dir,
            always=True,
        ),
        Place(
            # the same function logs an error for each folder in it, every 20 seconds
            "static-pod-folder",
            "the folder that kubelet reads static Pods from",
            "kubelet complains of folders in it at each look, and tools that copy or restore it take the file along",
            tuple(filter(None, static)),
        ),
        Place(
            "etcd-folder",
            "the data of etcd",
            "it takes etcd's disk, and goes when a member is replaced or restored, or with `kubeadm reset`",
            ("/var/lib/etcd", *_etcd_data(observed)),
        ),
    )


def _etcd_data(observed: Observed) -> tuple[str, ...]:
    """Where the etcd of this node, a static Pod of kubeadm's, has its data: the same path inside and outside."""
    found = (_ETCD_DATA.search(beside.content or b"") for beside in observed.beside)
    paths = (posixpath.normpath(match[1].decode("utf-8", "replace")) for match in found if match)
    return tuple(path for path in paths if path != "/")


def _is_below(path: str, folder: str) -> bool:
    folder = posixpath.normpath(folder)
    return path == folder or path.startswith(folder.rstrip("/") + "/")
