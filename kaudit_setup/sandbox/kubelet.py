"""A scripted kubelet: the static Pod directory's real rules, one kind of container.

Source: pkg/kubelet/config/file.go, file_linux.go (what is a manifest, what a watch event and a re-list do),
pkg/kubelet/pod_workers.go:allowStaticPodStart (the new Pod starts when the old one has ended).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from stat import S_ISREG

from kaudit_setup.sandbox.faults import Faults
from kaudit_setup.sandbox.pods import InvalidPodError, Mount, Pod, read
from kaudit_setup.sandbox.proc import Shadow
from kaudit_setup.sandbox.tree import MANIFESTS

STATE = "kubelet.json"
READY = "apiserver.ready"

_Stamp = tuple[int, int, int]


@dataclass(slots=True)
class Container:
    """One API server process."""

    pod: Pod
    process: subprocess.Popen[bytes]
    attempt: int
    shadow: Shadow
    ending_since: float | None = None


class Kubelet:
    """`tick` is called a few dozen times a second; nothing happens in between."""

    def __init__(self, folder: Path, *, node: str, version: str, line: int) -> None:
        self._folder, self._root, self._node = folder, folder / "root", node
        self._version, self._line = version, line
        self._directory = self._root / MANIFESTS
        self._seen: dict[str, _Stamp] = {}
        self._keys: dict[str, str] = {}
        self._store: dict[str, Pod] = {}
        self._listed = float("-inf")
        self._running: Container | None = None
        self._crashes = 0
        self._attempt = 0
        self._not_before = 0.0
        self._uid = ""
        self._starts = 0
        self._shadow: Shadow | None = None

    def ready(self) -> bool:
        """Whether a server has said that it listens."""
        return (self._folder / READY).exists()

    def tick(self) -> None:
        """Look, and do one step."""
        faults = Faults.load(self._folder)
        self._reap(faults)
        if faults.kubelet == "stopped":
            if self._shadow:
                self._shadow.remove()
                self._shadow = None
            # what changes meanwhile is found by the list that a starting kubelet makes
            self._listed = float("-inf")
            self._seen = {}
            return
        if self._shadow is None:
            argv = ("/usr/bin/kubelet", "--config=/var/lib/kubelet/config.yaml", f"--hostname-override={self._node}")
            self._shadow = Shadow.cast(self._root, None, argv)
        now = time.monotonic()
        if now - self._listed >= faults.relist_seconds:
            self._listed = now
            self._relist()
        else:
            self._watch()
        self._sync(faults)

    def kill(self) -> None:
        """End the server, without asking it; the next `tick` begins as a kubelet that has just started."""
        if self._running:
            self._running.process.kill()
            self._running.process.wait()
            self._running.shadow.remove()
            (self._folder / READY).unlink(missing_ok=True)
            self._running = None
        if self._shadow:
            self._shadow.remove()
            self._shadow = None
        self._seen, self._store, self._listed = {}, {}, float("-inf")

    def _files(self) -> dict[str, _Stamp]:
        found: dict[str, _Stamp] = {}
        with suppress(OSError), os.scandir(self._directory) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                with suppress(OSError):
                    stat = entry.stat()
                    if not entry.name.startswith(".") and S_ISREG(stat.st_mode):
                        found[entry.name] = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        return found

    def _relist(self) -> None:
        """Every non-dot file anew; what cannot be read is gone; the last in sort order wins."""
        self._seen = self._files()
        store: dict[str, Pod] = {}
        for name in self._seen:
            try:
                pod = self._read(name)
            except InvalidPodError:
                continue
            store[pod.key] = pod
        self._store = store

    def _watch(self) -> None:
        """What inotify would have told since the last look; an invalid file is an error and changes nothing yet."""
        files = self._files()
        for name in self._seen.keys() - files.keys():
            self._store.pop(self._keys.pop(name, ""), None)
        for name, stamp in files.items():
            if self._seen.get(name) != stamp:
                try:
                    pod = self._read(name)
                except InvalidPodError as error:
                    self._say(f"Unable to process watch event: can't process config file {name!r}: {error}")
                    continue
                self._store[pod.key] = pod
        self._seen = files

    def _read(self, name: str) -> Pod:
        try:
            pod = read((self._directory / name).read_bytes())
        except OSError as error:
            raise InvalidPodError(str(error)) from error
        self._keys[name] = pod.key
        return pod

    def _reap(self, faults: Faults) -> None:
        container = self._running
        if container is None or container.process.poll() is None:
            return
        container.shadow.remove()
        (self._folder / READY).unlink(missing_ok=True)
        self._running = None
        if container.ending_since is None:
            wait = min(faults.backoff_seconds * 2**self._crashes, faults.backoff_seconds * 10)
            self._crashes += 1
            self._attempt = container.attempt + 1
            self._not_before = time.monotonic() + wait
            self._say(f"back-off {wait:g}s restarting failed container kube-apiserver")

    def _sync(self, faults: Faults) -> None:
        """One step from what runs to what shall run."""
        wanted = next((pod for pod in self._store.values() if pod.is_server), None)
        running = self._running
        if running is not None:
            if wanted is None or wanted.uid != running.pod.uid:
                self._end(running, faults)
            return
        if wanted is None:
            return
        if wanted.uid != self._uid:
            self._uid, self._crashes, self._attempt, self._not_before = wanted.uid, 0, 0, 0.0
        if time.monotonic() >= self._not_before:
            self._start(wanted, faults)

    def _end(self, container: Container, faults: Faults) -> None:
        now = time.monotonic()
        if container.ending_since is None:
            container.ending_since = now
            container.process.terminate()
        # the grace period; a real node's is 30 s, here a server may drain for longer than that
        elif now - container.ending_since > faults.drain_seconds + 10:
            container.process.kill()

    def _start(self, pod: Pod, faults: Faults) -> None:
        problem = self._prepare(pod.mounts)
        if problem:
            self._say(problem)
            self._not_before = time.monotonic() + faults.backoff_seconds
            return
        log = self._root / "var/log/pods" / f"{pod.key.replace('/', '_')}-{self._node}_{pod.uid}" / pod.container
        log.mkdir(parents=True, exist_ok=True)
        config = {
            "folder": str(self._folder),
            "node": self._node,
            "version": self._version,
            "uid": pod.uid,
            "argv": list(pod.argv),
            "mounts": [asdict(mount) for mount in pod.mounts],
            "log": str(log / f"{self._attempt}.log"),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "kaudit_setup.sandbox.apiserver", str(self._line), json.dumps(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "apiserver.err").open("ab"),
            pass_fds=(self._line,),
            cwd=self._folder,
        )
        self._running = Container(pod, process, self._attempt, Shadow.cast(self._root, process.pid, pod.argv))
        self._starts += 1
        self._save(process.pid)

    def _prepare(self, mounts: tuple[Mount, ...]) -> str:
        """What hostPath's `type` asks for (pkg/volume/hostpath/host_path.go:checkType); what is wrong, or nothing."""
        for mount in mounts:
            path = self._root / mount.host.lstrip("/")
            try:
                if mount.kind == "DirectoryOrCreate":
                    path.mkdir(parents=True, exist_ok=True)
                elif mount.kind == "FileOrCreate":
                    path.touch()
            except OSError as error:
                return f'MountVolume.SetUp failed for volume "{mount.volume}": {error.strerror}: {mount.host}'
            fits = {"Directory": path.is_dir, "DirectoryOrCreate": path.is_dir}
            fits |= {"File": path.is_file, "FileOrCreate": path.is_file}
            if mount.kind in fits and not fits[mount.kind]():
                noun = "file" if mount.kind.startswith("File") else "directory"
                return (
                    f'MountVolume.SetUp failed for volume "{mount.volume}": '
                    f"hostPath type check failed: {mount.host} is not a {noun}"
                )
            if not path.exists():
                # containerd makes an absent source a folder, whatever it was meant to be
                path.mkdir(parents=True, exist_ok=True)
        return ""

    def _save(self, pid: int) -> None:
        fresh = self._folder / f".{STATE}"
        fresh.write_text(json.dumps({"starts": self._starts, "pid": pid, "uid": self._uid}))
        fresh.replace(self._folder / STATE)

    def _say(self, message: str) -> None:
        with (self._folder / "kubelet.log").open("a") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {message}\n")
