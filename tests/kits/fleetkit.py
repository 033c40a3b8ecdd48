"""Several simulated nodes of one cluster, for whoever writes a flow test of a rollout."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from documentkit import items
from flowkit import POLICY, program

from kaudit_setup.cli import main
from kaudit_setup.sandbox import Sandbox
from kaudit_setup.sandbox.tree import cluster_configuration

CONFIGURATION = cluster_configuration("1.36.2")


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> list[Any]:
        """The items."""
        return items(self.out)


@dataclass
class Fleet:
    boxes: tuple[Sandbox, ...]
    config: Path
    capture: pytest.CaptureFixture[str] | None = None
    manifests: tuple[bytes, ...] = ()
    """What kubeadm has written."""

    def restore(self) -> None:
        """As after `kubeadm init`, but for the backups: by hand, which is quicker than the tool's proofs."""
        for box, old in zip(self.boxes, self.manifests, strict=True):
            box.misbehave(crash="never", never_ready=False, refuse_logins=False)
            if box.manifest.read_bytes() != old:
                starts = box.starts()
                fresh = box.manifest.with_name(".restored")
                fresh.write_bytes(old)
                fresh.replace(box.manifest)
                box.wait(lambda b=box, n=starts: b.starts() > n, "the old server")
                (box.root / POLICY).unlink(missing_ok=True)
                # else the next test is told that the manifest was changed by hand
                (box.root / "var/lib/kaudit-setup/journal.jsonl").unlink(missing_ok=True)
            box.wait((box.folder / "apiserver.ready").exists, "the old server to listen")
        if self.stored() != CONFIGURATION:
            self.store(lambda _text: CONFIGURATION)

    def run(self, *argv: str) -> Ran:
        assert self.capture is not None
        self.capture.readouterr()
        code = main([*argv, "--ssh-config", str(self.config)])
        said = self.capture.readouterr()
        return Ran(code, said.out, said.err)

    def enable(self, *argv: str, nodes: str = "cp1 cp2 cp3") -> Ran:
        return self.run("enable", "--policy", "metadata", "--yes", *hosts(nodes), *argv)

    def argv(self, *argv: str, slack: int | None = None) -> list[str]:
        """What `start` runs."""
        return program([*argv, "--ssh-config", str(self.config)], slack)

    def start(self, *argv: str, slack: int = 4) -> subprocess.Popen[str]:
        """As a process in a process group of its own, for tests that interrupt it; it loses its patience soon."""
        home = self.config.parent / "home"
        home.mkdir(exist_ok=True)
        return subprocess.Popen(
            self.argv(*argv, slack=slack),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"HOME": str(home), "PATH": os.environ["PATH"], "NO_COLOR": "1", "COLUMNS": "200"},
            start_new_session=True,
        )

    @property
    def audited(self) -> list[str]:
        return [box.name for box in self.boxes if "--audit-policy-file" in box.manifest.read_text()]

    def stored(self) -> str:
        """The ClusterConfiguration as etcd has it."""
        objects = json.loads((self.boxes[0].folder / "etcd.json").read_text())["objects"]
        text: str = objects["/configmaps/kube-system/kubeadm-config"]["data"]["ClusterConfiguration"]
        return text

    def store(self, change: Callable[[str], str]) -> None:
        """Somebody else edits it."""
        file = self.boxes[0].folder / "etcd.json"
        saved = json.loads(file.read_text())
        found = saved["objects"]["/configmaps/kube-system/kubeadm-config"]
        found["data"]["ClusterConfiguration"] = change(found["data"]["ClusterConfiguration"])
        saved["revision"] += 1
        found["metadata"]["resourceVersion"] = str(saved["revision"])
        fresh = file.with_name(".edited")
        fresh.write_text(json.dumps(saved))
        fresh.replace(file)


def hosts(names: str) -> list[str]:
    return [word for name in names.split() for word in ("--host", name)]


@contextmanager
def nodes(folder: Path, names: str, *, of: str = "", versions: str = "") -> Iterator[Fleet]:
    """Simulated nodes of these names; `of`: for each, the node whose cluster it joins (itself: a new one)."""
    of_each = versions.split() or ["1.36.2"] * len(names.split())
    firsts = of.split() or [names.split()[0]] * len(names.split())
    boxes: dict[str, Sandbox] = {}
    try:
        for name, first, version in zip(names.split(), firsts, of_each, strict=True):
            boxes[name] = Sandbox.start(name=name, joins=boxes.get(first), grace=1, version=version)
        config = folder / "config"
        found = tuple(boxes.values())
        config.write_text("".join(b.ssh_config.read_text().replace("Host sandbox ", "Host ") for b in found))
        yield Fleet(found, config, manifests=tuple(box.manifest.read_bytes() for box in found))
    finally:
        for box in reversed(boxes.values()):
            box.stop()
