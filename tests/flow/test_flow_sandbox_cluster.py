"""Several simulated nodes of one cluster, and what their API servers say of it through SSH."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kaudit_setup.fleet.group import fingerprint
from kaudit_setup.node.cluster import wait_ready
from kaudit_setup.node.observe import observe
from kaudit_setup.node.peers import Address
from kaudit_setup.node.ssh.paramiko_node import SshNode
from kaudit_setup.node.ssh.target import SshOptions, SshTarget
from kaudit_setup.sandbox import Sandbox

pytestmark = pytest.mark.xdist_group("pair")


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Sandbox, Sandbox]]:
    with Sandbox.start(name="cp1") as one, Sandbox.start(name="cp2", joins=one) as two:
        yield one, two


def reach(box: Sandbox) -> SshNode:
    return SshNode(SshTarget(box.name), SshOptions(box.ssh_config))


def at(box: Sandbox) -> Address:
    return Address("127.0.0.1", box.api_port)


def test_nodes_of_one_cluster_have_one_ca_and_one_configuration(pair: tuple[Sandbox, Sandbox]) -> None:
    seen = []
    for box in pair:
        node = reach(box)
        observed = observe(node)
        assert observed.cluster is not None
        seen.append((fingerprint(observed.ca), observed.cluster))
        node.close()
    (one_ca, one), (two_ca, two) = seen
    assert one_ca == two_ca
    assert one.config == two.config
    assert one.config is not None
    assert one.config.text.startswith("apiServer: {}\napiVersion: kubeadm.k8s.io/v1beta4\n")
    assert one.servers == two.servers == tuple(sorted(at(box) for box in pair))


def test_waiting_for_the_others_names_the_one_that_is_not_ready(pair: tuple[Sandbox, Sandbox]) -> None:
    one, two = pair
    node = reach(one)
    said: list[str] = []
    assert wait_ready(node, [at(two)], limit=20) == ()
    two.misbehave(never_ready=True)
    assert wait_ready(node, [at(one), at(two)], limit=1, progress=said.append) == (str(at(two)),)
    assert said == [f"waiting for the other API servers: {at(two)}"]
    two.misbehave(never_ready=False)
    assert wait_ready(node, [at(one), at(two)], limit=20) == ()
    node.close()
