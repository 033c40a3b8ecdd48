"""An embedded throw-away control-plane node for the demo and the flow tests, reached like any other node.

It is simulated: a folder tree with kubeadm's files, a scripted kubelet, and a stand-in for kube-apiserver that
writes real-shaped audit events as the policy in its manifest says. What is real is the way there: SSH on loopback,
POSIX sh, TLS with client certificates. It needs no root, no network and no container runtime.

    with Sandbox.start() as node:
        subprocess.run(["ssh", "-F", str(node.ssh_config), node.host, "ls $KAUDIT_ROOT/etc/kubernetes"])
"""

from kaudit_setup.sandbox.box import Sandbox
from kaudit_setup.sandbox.faults import Faults

__all__ = ["Faults", "Sandbox"]
