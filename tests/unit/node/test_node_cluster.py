"""What cluster.sh answered → values; every way in which an answer can be less than hoped for."""

from __future__ import annotations

import json

import pytest

from kaudit_setup.node.cluster import parse
from kaudit_setup.node.peers import Address

CONFIG = json.dumps(
    {
        "kind": "ConfigMap",
        "metadata": {"name": "kubeadm-config", "resourceVersion": "217"},
        "data": {"ClusterConfiguration": "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n"},
    }
).encode()
SERVERS = json.dumps(
    {
        "kind": "Endpoints",
        "subsets": [
            {
                "addresses": [{"ip": "10.0.0.2"}, {"ip": "10.0.0.1"}],
                "notReadyAddresses": [{"ip": "10.0.0.3"}],
                "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
            }
        ],
    }
).encode()


def frames(**fields: bytes) -> list[tuple[str, bytes]]:
    usual = {
        "config.code": b"200",
        "config.body": CONFIG,
        "endpoint": b"api.example.com:6443",
        "servers.code": b"200",
        "servers.body": SERVERS,
    }
    return [*(usual | {k.replace("_", "."): v for k, v in fields.items()}).items()]


def test_everything_that_is_there() -> None:
    seen = parse([*frames(), ("address", b"10.0.0.1"), ("endpoint.address", b"10.0.0.1")])
    assert seen.config is not None
    assert (seen.config.resource_version, seen.config.text.splitlines()[1]) == ("217", "kind: ClusterConfiguration")
    assert seen.config.whole["metadata"]["name"] == "kubeadm-config"
    assert seen.servers == tuple(Address(f"10.0.0.{n}", 6443) for n in (1, 2, 3))
    assert (seen.endpoint, seen.holds_endpoint) == ("api.example.com:6443", True)


@pytest.mark.parametrize(
    ("here", "there", "holds"),
    [
        (["10.0.0.1", "10.0.0.9"], ["10.0.0.9"], True),
        (["10.0.0.1"], ["10.0.0.9"], False),
        (["10.0.0.1"], ["10.0.0.1", "10.0.0.2"], None),
        (["10.0.0.1"], [], None),
        ([], ["10.0.0.1"], None),
        (["2001:0db8:0000:0000:0000:0000:0000:0001"], ["2001:db8::1"], True),
    ],
)
def test_who_holds_the_endpoint(here: list[str], there: list[str], holds: bool | None) -> None:
    found = [("address", a.encode()) for a in here] + [("endpoint.address", a.encode()) for a in there]
    assert parse([*frames(), *found]).holds_endpoint is holds


@pytest.mark.parametrize(
    ("code", "body", "why"),
    [
        (b"404", b"", "made by kubeadm?"),
        (b"403", b"", "may not read"),
        (b"none", b"", "no client"),
        (b"000", b"", "did not answer"),
        (b"200", b"{", "no ClusterConfiguration"),
        (b"200", b"[]", "no ClusterConfiguration"),
        (b"200", b'{"data":{"ClusterStatus":""},"metadata":{"resourceVersion":"1"}}', "no ClusterConfiguration"),
        (
            b"200",
            b'{"data":{"ClusterConfiguration":1},"metadata":{"resourceVersion":"1"}}',
            "no ClusterConfiguration",
        ),
    ],
)
def test_why_there_is_no_configuration(code: bytes, body: bytes, why: str) -> None:
    seen = parse(frames(config_code=code, config_body=body))
    assert seen.config is None
    assert why in seen.config_why


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"subsets":[{"addresses":[{}],"ports":[{"port":1}]}]}', b"{}"])
def test_endpoints_that_are_none(body: bytes) -> None:
    assert parse(frames(servers_body=body)).servers == ()
