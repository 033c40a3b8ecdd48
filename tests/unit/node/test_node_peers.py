"""Control-plane nodes that a cluster knows, beside the API servers that announce themselves."""

from __future__ import annotations

import json

import pytest

from kaudit_setup.node.cluster import parse

LABELS = {"node-role.kubernetes.io/control-plane": ""}


def seen(servers: str, nodes: dict[str, str], *, host: str = "cp1", here: str = "10.0.0.1", status: str = "") -> str:
    """Who is missed. `servers`: their addresses; `nodes`: name → addresses of the Nodes; `status`: ClusterStatus."""
    addresses = [{"ip": ip} for ip in servers.split()]
    endpoints = {"subsets": [{"addresses": addresses, "ports": [{"name": "https", "port": 6443}]}]}
    items = [
        {
            "metadata": {"name": name, "labels": LABELS},
            "status": {"addresses": [{"type": "InternalIP", "address": ip} for ip in ips.split()]},
        }
        for name, ips in nodes.items()
    ]
    data = {"ClusterConfiguration": "kind: ClusterConfiguration\n"} | ({"ClusterStatus": status} if status else {})
    config = {"metadata": {"resourceVersion": "1"}, "data": data}
    found = parse(
        [
            ("host", host.encode()),
            ("config.code", b"200"),
            ("config.body", json.dumps(config).encode()),
            ("servers.code", b"200"),
            ("servers.body", json.dumps(endpoints).encode()),
            ("nodes.code", b"200"),
            ("nodes.body", json.dumps({"items": items}).encode()),
            *(("address", ip.encode()) for ip in here.split()),
        ]
    )
    return str(found.silent) if found.silent else ""


ALL = {"cp1": "10.0.0.1", "cp2": "10.0.0.2", "cp3": "10.0.0.3"}


def test_everybody_is_there() -> None:
    assert seen("10.0.0.1 10.0.0.2 10.0.0.3", ALL) == ""


def test_who_withdrew_is_named() -> None:
    assert seen("10.0.0.1 10.0.0.3", ALL) == "cp2"
    assert seen("10.0.0.1", ALL) == "cp2, cp3"


def test_the_node_that_was_asked_is_there_whatever_it_announces() -> None:
    assert seen("10.0.0.2 10.0.0.3", ALL) == ""
    assert seen("10.0.0.2 10.0.0.3", ALL, host="another-name") == ""


def test_servers_that_announce_other_addresses_than_their_nodes_count() -> None:
    assert seen("192.168.0.1 192.168.0.2 192.168.0.3", ALL, here="10.0.0.1 192.168.0.1") == ""
    assert seen("192.168.0.1 192.168.0.2", ALL, here="10.0.0.1 192.168.0.1") == "1 of cp2, cp3"


def test_ipv6_is_compared_as_an_address() -> None:
    nodes = {"cp1": "2001:db8::1", "cp2": "2001:db8:0::2"}
    assert seen("2001:db8::1 2001:0db8:0000::2", nodes, here="2001:0db8:0:0:0:0:0:1") == ""


def test_kubeadm_s_old_list_of_servers_counts_too() -> None:
    status = (
        "apiEndpoints:\n  cp1:\n    advertiseAddress: 10.0.0.1\n    bindPort: 6443\n"
        "  cp2:\n    advertiseAddress: 10.0.0.2\n    bindPort: 6443\nkind: ClusterStatus\n"
    )
    assert seen("10.0.0.1", {}, status=status) == "cp2"
    assert seen("10.0.0.1 10.0.0.2", {}, status=status) == ""


@pytest.mark.parametrize("status", [":", "apiEndpoints: 1", "apiEndpoints: {cp2: {}}", "apiEndpoints: {cp2: 1}"])
def test_a_list_that_cannot_be_read_says_nothing(status: str) -> None:
    assert seen("10.0.0.1", {}, status=status) == ""


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"items":[1]}', b'{"items":[{"metadata":{}}]}', b"[" * 5000])
def test_nodes_that_are_none(body: bytes) -> None:
    endpoints = b'{"subsets":[{"addresses":[{"ip":"10.0.0.1"}],"ports":[{"port":6443}]}]}'
    found = [("servers.code", b"200"), ("servers.body", endpoints), ("nodes.code", b"200"), ("nodes.body", body)]
    assert not parse(found).silent


def test_nodes_that_may_not_be_read_are_said() -> None:
    assert "may not read the list of nodes" in parse([("nodes.code", b"403")]).nodes_why
