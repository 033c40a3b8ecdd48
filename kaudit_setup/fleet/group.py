"""Which nodes belong together: decided by the cluster CA that is on the node, not by what a list claims. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from kaudit_setup.errors import InputError
from kaudit_setup.node.cluster import ClusterSeen
from kaudit_setup.node.peers import Address

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Member:
    """One node as it was found.

    `ca`: SHA-256 of the cluster CA, empty if it has none. `identity`: what tells this machine from every other.
    `claimed`: the cluster that the inventory says it belongs to. `at`: where its API server listens.
    """

    name: str
    ca: str
    identity: tuple[str, ...]
    at: Address
    version: str = ""
    claimed: str = ""
    where: str = ""
    seen: ClusterSeen = field(default_factory=lambda: ClusterSeen(None))


@dataclass(frozen=True, slots=True)
class Cluster:
    """The members that share one CA, in the order in which they are changed.

    `strangers`: API servers of this cluster that are not in the list.
    """

    ca: str
    members: tuple[Member, ...]
    strangers: tuple[Address, ...] = ()

    @property
    def name(self) -> str:
        """What people call it: the name that the inventory gives it, or the beginning of its CA's SHA-256."""
        claimed = {m.claimed for m in self.members if m.claimed}
        return claimed.pop() if len(claimed) == 1 else f"cluster {self.ca[:12]}" if self.ca else self.members[0].name

    @property
    def versions(self) -> tuple[str, ...]:
        """The Kubernetes versions of its nodes, each once, in the order of the members."""
        return tuple(dict.fromkeys(m.version for m in self.members if m.version))

    def others(self, member: Member) -> tuple[Address, ...]:
        """Where every other API server of the cluster listens, in the list or not."""
        known = {m.at for m in self.members} | set(self.strangers)
        return tuple(sorted(known - {member.at}))


@dataclass(frozen=True, slots=True)
class Grouped:
    """Clusters in the order of the list; `doubles`: (name, the name under which it was seen already)."""

    clusters: tuple[Cluster, ...]
    doubles: tuple[tuple[str, str], ...] = ()


def fingerprint(ca: bytes) -> str:
    """SHA-256 of the first certificate in a PEM file, as `openssl x509 -fingerprint -sha256` has it; hex, or empty.

    White space and what stands beside the certificate do not count. Bytes that hold no certificate are hashed whole.
    """
    if not ca.strip():
        return ""
    found = _CERTIFICATE.search(ca)
    try:
        der = base64.b64decode(found[1]) if found else ca
    except ValueError:
        der = ca
    return hashlib.sha256(der).hexdigest()


def group(members: Sequence[Member]) -> Grouped:
    """Clusters of `members`; a machine that is listed twice is taken once, under its first name.

    Raises InputError where nodes of one claimed cluster have different CAs.
    """
    first: dict[tuple[str, tuple[str, ...]], Member] = {}
    doubles: list[tuple[str, str]] = []
    for member in members:
        key = (member.ca, member.identity)
        if key in first:
            doubles.append((member.name, first[key].name))
        else:
            first[key] = member
    _check_claims(first.values())
    together: dict[str, list[Member]] = {}
    for member in first.values():
        # a node without a CA shares a cluster with nobody
        together.setdefault(member.ca or f"alone {member.identity}", []).append(member)
    clusters = tuple(Cluster(found[0].ca, order(found), strangers(found)) for found in together.values())
    return Grouped(clusters, tuple(doubles))


def order(members: Sequence[Member]) -> tuple[Member, ...]:
    """The order of the list, but the node to which controlPlaneEndpoint points now goes last, if there is just one.

    Its restart interrupts everybody who comes through that address; it is done when the others are done.
    """
    holders = [m for m in members if m.seen.holds_endpoint]
    if len(holders) != 1:
        return tuple(members)
    return (*(m for m in members if m is not holders[0]), holders[0])


def strangers(members: Sequence[Member]) -> tuple[Address, ...]:
    """API servers that the cluster announces and that no member is."""
    known = {m.at for m in members}
    return tuple(sorted({server for m in members for server in m.seen.servers} - known))


def _check_claims(members: Iterable[Member]) -> None:
    claims: dict[str, dict[str, list[Member]]] = {}
    for member in members:
        if member.claimed:
            claims.setdefault(member.claimed, {}).setdefault(member.ca, []).append(member)
    said = []
    for claimed, by_ca in claims.items():
        if len(by_ca) > 1:
            for ca, found in by_ca.items():
                names = ", ".join(f"{m.name} ({m.where})" if m.where else m.name for m in found)
                said.append(f"cluster {claimed}: CA {ca[:12] or 'none'}: {names}")
    if said:
        raise InputError(
            "nodes that the inventory puts into one cluster have different cluster CAs; nothing was changed",
            hint="put each node below its own cluster; the CA is /etc/kubernetes/pki/ca.crt on the node",
            details="\n".join(said),
        )


def remarks(cluster: Cluster, describe: Callable[[Address], str] = str) -> tuple[str, ...]:
    """What a person should know about a cluster before it is changed."""
    found: list[str] = []
    if len(cluster.versions) > 1:
        by = "; ".join(
            f"{v}: {', '.join(m.name for m in cluster.members if m.version == v)}" for v in cluster.versions
        )
        found.append(f"its nodes run different versions ({by}): is an upgrade under way?")
    if cluster.strangers:
        names = ", ".join(map(describe, cluster.strangers))
        found.append(f"it has API servers that are not in the list and stay as they are: {names}")
    last = cluster.members[-1]
    if len(cluster.members) > 1 and last.seen.holds_endpoint:
        found.append(f"{last.name} goes last: {last.seen.endpoint} points to it now")
    return tuple(found)
