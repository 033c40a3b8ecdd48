"""Looking at a node: one read-only script, and what it said as frozen values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kaudit_setup.errors import NodeError
from kaudit_setup.node import cluster
from kaudit_setup.node.cluster import ClusterSeen
from kaudit_setup.node.frames import frames
from kaudit_setup.node.port import Node
from kaudit_setup.node.shell import script

_YEAR_10000: Final = 253_402_300_800  # seconds since 1970


@dataclass(frozen=True, slots=True)
class FileSeen:
    """One path on the node. `kind`: file, directory, other or absent; `mode` octal digits; `owner` `uid:gid`.

    `links`: how many names the file has. `acl`: it has an access control list, as far as the node's `ls` shows that.
    """

    path: str
    kind: str = "absent"
    real: str = ""
    mode: str = ""
    owner: str = ""
    size: int = 0
    mtime: int = 0
    sha256: str = ""
    content: bytes | None = None
    links: int = 1
    acl: bool = False

    @property
    def target(self) -> str:
        """Where its bytes really are, behind symbolic links."""
        return self.real or self.path

    @property
    def text(self) -> str:
        """Its content, undecodable bytes as surrogates, so that they come back unchanged."""
        return (self.content or b"").decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Volume:
    """The filesystem that holds a path or would hold it; sizes in bytes, -1 where `df` did not say.

    `mode`, `owner`: of the deepest folder on the way that is there, `folder`.
    """

    folder: str
    free: int = -1
    unwritable: bool = False
    blocked: str = ""  # a component of the path that exists and is not a folder
    mode: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class PlaceSeen:
    """Where a path leads to behind links, as far as it is there. `filesystem`: its kind there as `stat -f` names it
    (tmpfs, overlayfs, ext2/ext3); empty where that is not known, and for a folder that holds a node's files.
    """

    real: str
    filesystem: str = ""


@dataclass(frozen=True, slots=True)
class Process:
    """A running kube-apiserver: `start` in clock ticks since boot, with the PID its identity."""

    pid: int
    start: int
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogSeen:
    """The audit log: bytes, times and its first and last line, and how many rotated files stand beside it.

    `kept`: where a group was asked for, how many of the rotated files have which mode and owner.
    """

    path: str
    kind: str = "absent"
    size: int = 0
    mtime: int = 0
    mode: str = ""
    owner: str = ""
    first: bytes = b""
    last: bytes = b""
    rotated: int = 0
    rotated_bytes: int = 0
    kept: tuple[tuple[int, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A change that was begun: `outcome` is empty while it waits to be confirmed.

    `armed`: it came so far that something may have been changed.
    """

    id: str
    outcome: str
    watchdog_alive: bool
    about: dict[str, Any] = field(default_factory=dict)
    armed: bool = True

    @property
    def deadline(self) -> int:
        """When it is undone, in seconds since the node booted; 0 where it does not say."""
        seconds = self.about.get("deadline")
        return seconds if isinstance(seconds, int) else 0

    @property
    def waits(self) -> bool:
        """Undecided, and watched: it will be confirmed or undone by itself."""
        return not self.outcome and self.watchdog_alive

    @property
    def unfinished(self) -> bool:
        """Undecided, and nobody watches it: it is left to `recover`."""
        return not self.outcome and self.armed and not self.watchdog_alive


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a plan may depend on."""

    host: str
    machine: str
    time: int
    uptime: int
    uid: int
    tools: frozenset[str]
    selinux: str
    kubelet_pid: int
    kubelet_log: tuple[str, str]  # containerLogMaxSize and containerLogMaxFiles, as they are written; empty: not set
    static_dir: str
    static_configured: str
    static_same_device: bool  # whether a file can be renamed into it from its parent folder
    manifest: FileSeen
    # every other file of that folder that kubelet reads; without content where it is too large for kubelet
    beside: tuple[FileSeen, ...]
    files: dict[str, FileSeen]
    log: LogSeen
    volumes: dict[str, Volume]
    servers: tuple[Process, ...]
    credentials: frozenset[str]
    # PEM of the cluster's CA and of the kubelet client certificate; base64 of the PEM of admin.conf's certificate
    ca: bytes
    client: bytes
    admin: bytes
    backups: tuple[dict[str, Any], ...]
    journal: tuple[dict[str, Any], ...]
    runs: tuple[RunSeen, ...]
    # folders on the way to what root reads or writes that others than root can write to
    loose: tuple[str, ...] = ()
    # which of the paths that were asked for kubelet would read as a static Pod
    in_static_dir: frozenset[str] = frozenset()
    # the same paths, and the static Pod folder: where they lead to
    places: Mapping[str, PlaceSeen] = field(default_factory=dict)
    # traces of installers other than kubeadm, by their names in node/installers.py
    installers: tuple[str, ...] = ()
    # what its API server said of the cluster; None where there was none to ask
    cluster: ClusterSeen | None = None
    # the group that was asked for, name → gid, and the folders above that of the log: path → mode and owner
    groups: Mapping[str, str] = field(default_factory=dict)
    ways: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def server(self) -> Process | None:
        """The running kube-apiserver; the newest where an old one still drains."""
        return max(self.servers, key=lambda p: p.start, default=None)

    def file(self, path: str) -> FileSeen:
        """What is at `path`; absent if the script was not asked for it."""
        return self.files.get(path, FileSeen(path))


def observe(node: Node, *, manifest: str = "", look_at: Sequence[str] = (), timeout: float | None = 60) -> Observed:
    """Look at the node in one round trip.

    `look_at`: `PATH` for a file with its content, `secret:PATH` for one without, `log:PATH` and `policy:PATH` for
    where those two are or would be, `group:NAME` for a group that shall read the log.
    Raises NodeError and what `Node.sh` raises.
    """
    # in a shell of its own, which runs beside the look
    ask_cluster = "\n".join(["ask_cluster() (", script("client"), script("cluster"), ")"])
    text = "\n".join([script("lib"), ask_cluster, script("observe")])
    ran = node.sh(text, [manifest, *look_at], timeout=timeout)
    found = list(frames(ran.out))
    if ("end", b"ok") not in found:
        said = ran.err.decode("utf-8", "replace").strip() or f"exit status {ran.code}"
        raise NodeError(f"{node.name}: could not be read: {said}")
    outside = [value.decode("utf-8", "replace") for key, value in found if key == "outside"]
    if outside:
        raise NodeError(
            f"{node.name}: a link leads from {outside[0]} out of that folder; nothing was changed",
            hint="make the link relative, or work on the machine that the folder belongs to",
        )
    return parse(found)


def parse(found: Sequence[tuple[str, bytes]]) -> Observed:
    """The frames of observe.sh as values; raises NodeError if a part of them cannot be."""
    try:
        return _parse(found)
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        # whatever a hostile node says ends here
        raise NodeError(f"the node's answer could not be understood: {type(error).__name__} {error}") from error


def _parse(found: Sequence[tuple[str, bytes]]) -> Observed:
    last: dict[str, bytes] = dict(found)

    def text(key: str, default: str = "") -> str:
        return last[key].decode("utf-8", "surrogateescape") if key in last else default

    files = _files(found, "file")
    rotated = text("log.rotated", "0 0").split()
    stat = text("log.stat").split()
    return Observed(
        host=text("host"),
        machine=text("machine"),
        time=_moment(text("time", "0")),
        uptime=int(text("uptime", "0")),
        uid=int(text("uid")),
        tools=frozenset(_texts(found, "tool")),
        selinux=text("selinux"),
        kubelet_pid=int(text("kubelet.pid", "0")),
        kubelet_log=(text("kubelet.logsize"), text("kubelet.logfiles")),
        static_dir=text("static.path"),
        static_configured=text("static.configured"),
        static_same_device="static.samedevice" in last,
        manifest=_files(found, "manifest")[0],
        beside=tuple(_files(found, "beside")),
        files={f.path: f for f in files},
        log=LogSeen(
            path=text("log.path"),
            kind=text("log.kind", "absent"),
            size=int(stat[3]) if stat else 0,
            mtime=int(stat[4]) if stat else 0,
            mode=stat[0] if stat else "",
            owner=":".join(stat[1:3]),
            first=last.get("log.first", b""),
            last=last.get("log.last", b""),
            rotated=int(rotated[0]),
            rotated_bytes=int(rotated[1]),
            kept=tuple(map(_kept, filter(str.strip, text("log.kept").splitlines()))),
        ),
        volumes={name: _volume(last, name) for name in ("log", "manifest", "policy", "state")},
        servers=tuple(_servers(found)),
        credentials=frozenset(_texts(found, "credential")),
        ca=last.get("pki.ca.crt", b""),
        client=last.get("pki.apiserver-kubelet-client.crt", b""),
        admin=last.get("pki.admin", b""),
        backups=tuple(_object(v) for k, v in found if k == "backup"),
        journal=tuple(_object(line) for line in last.get("journal", b"").splitlines()),
        runs=tuple(_runs(found)),
        loose=tuple(dict.fromkeys(_texts(found, "loose"))),
        installers=tuple(_texts(found, "installer")),
        in_static_dir=frozenset(_texts(found, "static.file")),
        places=_places(found),
        cluster=cluster.parse(found) if "cluster" in last else None,
        groups=_groups(text("group")),
        ways=dict(map(_way, _texts(found, "way"))),
    )


def _texts(found: Sequence[tuple[str, bytes]], key: str) -> list[str]:
    """Every value of that key, in order."""
    return [value.decode("utf-8", "surrogateescape") for name, value in found if name == key]


def _places(found: Sequence[tuple[str, bytes]]) -> dict[str, PlaceSeen]:
    paths, reals, kinds = (_texts(found, f"place.{name}") for name in ("path", "real", "filesystem"))
    return {path: PlaceSeen(real, kind) for path, real, kind in zip(paths, reals, kinds, strict=True)}


def _groups(said: str) -> dict[str, str]:
    name, _, gid = said.rpartition(" ")
    return {name: gid} if gid.isascii() and gid.isdigit() else {}


def _kept(said: str) -> tuple[int, str, str]:
    count, mode, uid, gid = said.split()
    return int(count), f"{int(mode, 8):o}", f"{uid}:{gid}"


def _way(said: str) -> tuple[str, tuple[str, str]]:
    mode, owner, path = said.split(" ", 2)
    return path, (f"{int(mode, 8):o}", owner)


def _moment(text: str) -> int:
    """Seconds since 1970 that are a date of four digits."""
    seconds = int(text)
    if not 0 <= seconds < _YEAR_10000:
        raise ValueError(f"no such time: {text}")
    return seconds


def _object(data: bytes) -> dict[str, Any]:
    """A JSON object that this tool wrote; what a crash cut short comes back with only `damaged` set."""
    try:
        value = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {"damaged": True}
    return value if isinstance(value, dict) else {"damaged": True}


def _files(found: Sequence[tuple[str, bytes]], key: str) -> list[FileSeen]:
    groups: list[dict[str, bytes]] = []
    for name, value in found:
        head, _, tail = name.partition(".")
        if head != key:
            continue
        if tail == "path":
            groups.append({})
        groups[-1][tail] = value
    return [_file(group) for group in groups]


def _file(group: dict[str, bytes]) -> FileSeen:
    decoded = {k: v.decode("utf-8", "surrogateescape") for k, v in group.items() if k != "content"}
    mode, uid, gid, size, mtime, *links = decoded.get("stat", "0 0 0 0 0").split()
    return FileSeen(
        path=decoded["path"],
        kind=decoded.get("kind", "file"),
        real=decoded.get("real", ""),
        mode=mode,
        owner=f"{uid}:{gid}",
        size=int(size),
        mtime=int(mtime),
        sha256=decoded.get("sha256", ""),
        content=group.get("content"),
        links=int(links[0]) if links else 1,
        acl="acl" in decoded,
    )


def _volume(last: dict[str, bytes], name: str) -> Volume:
    # POSIX `df -P -k`: filesystem, blocks, used, available, capacity, mount point; names may hold spaces
    words = last.get(f"{name}.volume.df", b"").split()
    numbers = [i for i, word in enumerate(words) if word.endswith(b"%")]
    mode, _, owner = last.get(f"{name}.volume.rights", b"").decode().partition(" ")
    free = int(words[numbers[0] - 1]) * 1024 if numbers and words[numbers[0] - 1].isdigit() else -1
    return Volume(
        folder=last.get(f"{name}.volume.folder", b"").decode("utf-8", "surrogateescape"),
        free=free,
        unwritable=f"{name}.volume.unwritable" in last,
        blocked=last.get(f"{name}.volume.blocked", b"").decode("utf-8", "surrogateescape"),
        mode=mode,
        owner=owner.replace(" ", ":"),
    )


def _servers(found: Sequence[tuple[str, bytes]]) -> list[Process]:
    processes: list[Process] = []
    pid = start = 0
    for key, value in found:
        if key == "server.pid":
            pid = int(value)
        elif key == "server.start":
            start = int(value)
        elif key == "server.cmdline":
            processes.append(Process(pid, start, tuple(value.decode("utf-8", "surrogateescape").split("\n"))))
    return processes


def _runs(found: Sequence[tuple[str, bytes]]) -> list[RunSeen]:
    groups: list[dict[str, bytes]] = []
    for name, value in found:
        if name == "run.id":
            groups.append({})
        if name.startswith("run."):
            groups[-1][name[4:]] = value
    return [
        RunSeen(
            id=group["id"].decode(),
            outcome=group.get("outcome", b"").decode("utf-8", "replace"),
            watchdog_alive=group.get("watchdog") == b"alive",
            armed="armed" in group,
            about=_object(group.get("about", b"")),
        )
        for group in groups
    ]
