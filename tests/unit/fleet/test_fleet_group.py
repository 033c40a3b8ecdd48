"""Nodes → clusters, by the CA on the node."""

from __future__ import annotations

import base64
import hashlib

import pytest

from kaudit_setup.errors import InputError
from kaudit_setup.fleet.group import Member, fingerprint, group, remarks
from kaudit_setup.node.cluster import ClusterSeen
from kaudit_setup.node.peers import Address


def member(name: str, ca: str = "ca1", *, machine: str = "", holds: bool | None = None, **more: str) -> Member:
    at = Address(f"10.0.0.{name[-1]}", 6443)
    seen = ClusterSeen(None, endpoint="api:6443", holds_endpoint=holds)
    return Member(name, ca, (machine or name,), at, seen=seen, **more)


def names(*members: Member) -> list[list[str]]:
    return [[m.name for m in cluster.members] for cluster in group(members).clusters]


def test_two_clusters_in_one_list_are_two() -> None:
    found = names(member("a1"), member("b1", "ca2"), member("a2"), member("b2", "ca2"))
    assert found == [["a1", "a2"], ["b1", "b2"]]


def test_a_machine_under_two_names_is_one_node() -> None:
    found = group([member("cp1", machine="m"), member("cp2"), member("10.0.0.1", machine="m")])
    assert [m.name for m in found.clusters[0].members] == ["cp1", "cp2"]
    assert found.doubles == (("10.0.0.1", "cp1"),)


def test_clones_with_one_machine_id_in_two_clusters_are_two_nodes() -> None:
    assert names(member("a1", machine="m"), member("b1", "ca2", machine="m")) == [["a1"], ["b1"]]


def test_nodes_without_a_ca_share_nothing() -> None:
    assert names(member("a1", ""), member("a2", "")) == [["a1"], ["a2"]]


def test_the_node_that_the_endpoint_points_to_goes_last() -> None:
    assert names(member("a1", holds=True), member("a2", holds=False), member("a3")) == [["a2", "a3", "a1"]]


@pytest.mark.parametrize("all_of_them", [True, False, None])
def test_an_endpoint_that_points_to_all_or_none_changes_no_order(all_of_them: bool | None) -> None:
    assert names(*(member(f"a{n}", holds=all_of_them) for n in (1, 2, 3))) == [["a1", "a2", "a3"]]


def test_a_claimed_cluster_with_two_cas_is_an_error_that_names_all() -> None:
    with pytest.raises(InputError, match="different cluster CAs") as caught:
        group(
            [
                member("a1", "aa11", claimed="prod", where="i.yaml:3"),
                member("a2", "bb22", claimed="prod", where="i.yaml:4"),
                member("b1", "bb22", claimed="stage"),
            ]
        )
    assert caught.value.details.splitlines() == [
        "cluster prod: CA aa11: a1 (i.yaml:3)",
        "cluster prod: CA bb22: a2 (i.yaml:4)",
    ]


def test_remarks() -> None:
    stranger = Address("10.0.0.9", 6443)
    one = Member("a1", "ca", ("1",), Address("10.0.0.1", 6443), "1.30", seen=ClusterSeen(None, servers=(stranger,)))
    two = member("a2", "ca", holds=True, version="1.31")
    (cluster,) = group([one, two]).clusters
    assert cluster.strangers == (stranger,)
    assert cluster.others(one) == (two.at, stranger)
    versions, strange, last = remarks(cluster)
    assert "1.30: a1; 1.31: a2" in versions
    assert "10.0.0.9:6443" in strange
    assert last == "a2 goes last: api:6443 points to it now"


def test_fingerprint_is_that_of_the_certificate_not_of_the_file() -> None:
    der = b"any bytes"
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(der) + b"\n-----END CERTIFICATE-----\n"
    assert fingerprint(pem) == fingerprint(b"# comment\r\n" + pem + pem) == hashlib.sha256(der).hexdigest()
    assert fingerprint(b" \n") == ""
    assert fingerprint(b"x") == hashlib.sha256(b"x").hexdigest()
