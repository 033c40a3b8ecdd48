"""The lab itself: what the other tests take for granted about a real node."""

from __future__ import annotations

from reallab import MANIFEST, Lab, RealNode, wait_until

STRAY = "/etc/kubernetes/manifests/kube-apiserver.yaml.bak"


def test_the_node_runs_pods(node: RealNode) -> None:
    """Not only its own static ones: proofs of `who` need Pods that somebody made."""
    node.kubectl("run", "e2e-pod", "--image=k8s.gcr.io/pause:3.2", "--restart=Never")
    try:
        node.kubectl("wait", "--for=condition=Ready", "pod/e2e-pod", "--timeout=60s")
    finally:
        node.kubectl("delete", "pod", "e2e-pod", "--wait=false")


def test_kubeadm_left_its_configuration_in_the_cluster(node: RealNode) -> None:
    """What `kubeadm upgrade` would make the manifest from."""
    config = node.kubectl("-n", "kube-system", "get", "configmap", "kubeadm-config", "-o", "yaml")
    assert "kind: ClusterConfiguration" in config


def test_a_bak_file_in_the_static_pod_folder_would_have_won(breakable: Lab, pristine: RealNode) -> None:
    """Why a backup must never lie beside the manifest: kubelet runs the OLD one although the new one is in place."""
    before = pristine.server()
    changed = pristine.manifest.replace(b"    - --advertise-address", b"    - --v=3\n    - --advertise-address", 1)
    # the backup that many instructions ask for, and then the change
    pristine.sh('cp -p "$1" "$2"', MANIFEST, STRAY)
    pristine.write(MANIFEST, changed)
    flipped = wait_until(
        "a server with the new flag", lambda: [s for s in pristine.servers() if s.flags.get("v") == "3"], 60
    )
    assert flipped
    # until kubelet's next look at the whole folder, 20 s later at most: the copy sorts last and wins
    back = wait_until(
        "the old configuration coming back",
        lambda: [s for s in pristine.servers() if "v" not in s.flags and s.start != before.start],
        90,
    )
    assert back
    assert b"--v=3" in pristine.manifest, "although the manifest still says otherwise"


def test_kubelet_stopped_means_no_restart(breakable: Lab, pristine: RealNode) -> None:
    """The fault that the tests of `enable` use is real: without kubelet nothing happens."""
    before = pristine.server()
    pristine.fault("kubelet", "stop")
    try:
        pristine.write(MANIFEST, pristine.manifest + b"# a comment\n")
        assert pristine.server() == before
    finally:
        pristine.fault("kubelet", "start")
    # a comment is no change for kubelet, either
    assert pristine.settle().start == before.start
