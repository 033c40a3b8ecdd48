"""The state that an end-to-end test starts from, on one node or on several of one cluster."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from reallab import LOG, MANIFEST, MANIFESTS, POLICY, STATE, RealNode, Server, wait_until

# Everything that the tool leaves on a node, and what tests add. Says `stray` if a copy lay in the static Pod folder:
# kubelet then forgets the Pod until it sees the manifest again.
SWEEP = f"""
for pid in $(cat {STATE}/run/*/watchdog.pid 2>/dev/null | cut -d" " -f1); do kill -9 "$pid" 2>/dev/null || true; done
rm -rf {STATE}/* {STATE}/.[!.]* {POLICY} {LOG.rsplit("/", 1)[0]}
rm -f /etc/systemd/system/kaudit-setup-* /etc/systemd/system/*.wants/kaudit-setup-*
find {MANIFESTS} -mindepth 1 ! -name "*.yaml" -delete -printf "stray\\n"
find /etc/kubernetes -maxdepth 1 -name ".*" -type f -delete
"""
_STAMP = re.compile(rb"    e2e\.kaudit-setup\.io/turn: .*\n")


@dataclass(frozen=True, slots=True)
class Original:
    """A node before a test: kubeadm's manifest with a stamp, the Pod that kubelet makes of it, its process."""

    manifest: bytes
    pod: str
    files: list[str]
    server: Server


class Baseline:
    """Makes the state that a test starts from: no auditing, nothing of the tool's left, and no Pod that ran before.

    kubelet gives the same manifest the same Pod UID, and holds a Pod back, longer and longer, that was started
    several times within minutes (kuberuntime_manager.go:doBackOff): tests that went back to one and the same manifest
    would wait up to 5 minutes for it. So each manifest is stamped with an annotation of its own, which goes into the
    audited one, too. Where only the process is another one, kubelet is restarted instead, which is quicker: it keeps
    what it holds back in its memory only.
    """

    def __init__(self, nodes: Sequence[RealNode]) -> None:
        """`nodes` must be as kubeadm made them."""
        self._nodes = tuple(nodes)
        self._plain = {node.name: _STAMP.sub(b"", node.manifest) for node in nodes}
        for node in nodes:
            assert not node.settle().audited, f"{node.name} is audited already: these tests need nodes that are not"
        self._files = {node.name: node.static_files() for node in nodes}
        self._config = nodes[0].stored_config()
        assert "audit" not in self._config, "kubeadm-config has audit settings: these tests need one without"
        self._now: dict[str, Original] = {}
        self.fresh()

    def of(self, node: RealNode) -> Original:
        """What the test on this node started from."""
        return self._now[node.name]

    def fresh(self) -> None:
        """Make it, on all nodes side by side; a node to which nothing happened stays as it is."""
        stamped: dict[str, set[str]] = {}
        for node in self._nodes:
            was = self._now.get(node.name)
            stray = node.sh(SWEEP)
            if was is None or stray or node.manifest != was.manifest or not _runs(node, was):
                stamped[node.name] = {server.pod for server in node.servers()}
                node.write(MANIFEST, self._stamped(node))
            elif node.serving() != was.server and not node.forget_back_off():
                stamped[node.name] = {was.pod}
                node.write(MANIFEST, self._stamped(node))
        for node in self._nodes:
            server = node.settle(audited=False, other_than=stamped.get(node.name, ()))
            self._now[node.name] = Original(node.manifest, server.pod, self._files[node.name], server)
        self._restore_config()

    def end(self) -> None:
        """The nodes as they were before the first test."""
        for node in self._nodes:
            node.sh(SWEEP)
            node.write(MANIFEST, self._plain[node.name])

    def _stamped(self, node: RealNode) -> bytes:
        plain = self._plain[node.name]
        # without quotes, as kubeadm writes: the tool follows the style of what it finds
        stamp = f"  annotations:\n    e2e.kaudit-setup.io/turn: t{time.time_ns()}\n".encode()
        manifest = plain.replace(b"  annotations:\n", stamp, 1)
        assert manifest != plain, "the manifest has no annotations, unlike kubeadm's"
        return manifest

    def _restore_config(self) -> None:
        first = self._nodes[0]
        first.restore_config(self._config)
        if len(self._nodes) > 1:
            # a server takes itself off the list when it ends, and is back with its first look at it
            addresses = {node.address for node in self._nodes}
            wait_until("every server in endpoints/kubernetes", lambda: set(first.announced()) == addresses, 60)


def _runs(node: RealNode, was: Original) -> bool:
    """Whether the Pod of the stamped manifest is what runs."""
    serving = node.serving()
    return serving is not None and serving.pod == was.pod
