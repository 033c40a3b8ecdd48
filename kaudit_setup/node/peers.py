"""Which API servers a cluster should have, beside those that announce themselves. Pure.

kube-apiserver takes itself out of endpoints/kubernetes when it is stopped in good order
(pkg/controlplane/reconcilers/lease.go:RemoveEndpoints); its Node and what kubeadm wrote of it stay.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kaudit_setup.kubeyaml import GoYamlError, compose
from kaudit_setup.kubeyaml.nodes import plain

# cmd/kubeadm/app/constants/constants.go:LabelNodeRoleControlPlane
_LABEL = "node-role.kubernetes.io/control-plane"


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where an API server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Silent:
    """Control-plane nodes whose API server does not announce itself: `count` of `names`. Falsy if there are none."""

    names: tuple[str, ...]
    count: int

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        names = ", ".join(self.names)
        return names if self.count >= len(self.names) else f"{self.count} of {names}"


NOBODY: Final = Silent((), 0)


def canonical(address: bytes | str) -> str:
    """An IP address in its usual form; empty for anything else."""
    text = address.decode("ascii", "replace") if isinstance(address, bytes) else address
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def announced(endpoints: bytes) -> tuple[Address, ...]:
    """The API servers in Endpoints kubernetes (JSON); none if it cannot be read.

    Source: pkg/controlplane/reconcilers/lease.go; one subset, its https port for all addresses.
    """
    found: set[Address] = set()
    try:
        for subset in json.loads(endpoints).get("subsets") or ():
            ports = [int(p["port"]) for p in subset.get("ports") or () if p.get("name", "https") == "https"]
            addresses = [*(subset.get("addresses") or ()), *(subset.get("notReadyAddresses") or ())]
            found |= {Address(str(a["ip"]), port) for a in addresses for port in ports}
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return ()
    return tuple(sorted(found))


def control_plane(nodes: bytes, kubeadm_config: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The control-plane nodes of a cluster with their addresses, from a NodeList (JSON) and from what kubeadm stored.

    What cannot be read says nothing.
    """
    return _joined(kubeadm_config) | _labelled(nodes)


def _labelled(nodes: bytes) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    try:
        for node in json.loads(nodes).get("items") or ():
            if _LABEL in (node["metadata"].get("labels") or {}):
                addresses = (node.get("status") or {}).get("addresses") or ()
                found[str(node["metadata"]["name"])] = frozenset(canonical(str(a["address"])) for a in addresses)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
    return found


def _joined(kubeadm_config: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """From ClusterStatus, which kubeadm kept up to 1.21; `kubeadm reset` takes a node out of it."""
    text = (kubeadm_config.get("data") or {}).get("ClusterStatus")
    try:
        status = plain(compose(text.encode()).root) if isinstance(text, str) else None
        endpoints = status.get("apiEndpoints") if isinstance(status, dict) else None
        found = endpoints.items() if isinstance(endpoints, dict) else ()
        return {str(name): frozenset({canonical(str(at["advertiseAddress"]))}) for name, at in found}
    except (GoYamlError, LookupError, TypeError, UnicodeError):
        return {}


def silent(
    known: Mapping[str, frozenset[str]], servers: Sequence[Address], *, name: str, addresses: set[str]
) -> Silent:
    """Which of the known nodes have no announced API server.

    `name`, `addresses`: of the node that was asked, which answers. A server may announce an address that its Node
    does not have: as many nodes as there are such servers count as announced, whichever they are.
    """
    hosts = [canonical(server.host) for server in servers]
    asked = name.lower() if name.lower() in known else next((n for n, at in known.items() if at & addresses), "")
    own = next((host for host in hosts if host in addresses), "")
    if own:
        hosts.remove(own)
    absent: list[str] = []
    for other in sorted(known.keys() - {asked}):
        found = next((host for host in hosts if host in known[other]), "")
        if found:
            hosts.remove(found)
        else:
            absent.append(other)
    return Silent(tuple(absent), max(0, len(absent) - len(hosts)))
