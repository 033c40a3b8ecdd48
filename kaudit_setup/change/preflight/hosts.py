"""Who resolves the name of a webhook's server. Pure.

kube-apiserver is on the node's network, and a Pod there has the node's resolver, not the cluster's DNS, unless its
dnsPolicy says otherwise (pkg/kubelet/network/dns/dns.go:getPodDNSType). The cluster's DNS would complete short names:
`NAME`, `NAME.NAMESPACE` and `NAME.NAMESPACE.svc` (its search domains).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

# Last words of two that are a name of the world or of a site, beside those of two letters, which are countries.
_TOP: Final = re.compile(
    "arpa|biz|com|edu|eu|gov|info|int|mil|name|net|org|pro|"
    "app|cloud|company|dev|digital|global|group|online|site|tech|"
    "ad|corp|domain|example|home|intern|internal|intranet|invalid|lan|local|localdomain|office|private|test"
)


def needs_cluster_dns(host: str) -> str:
    """Why a name is likely to be one of the cluster's own DNS, as the rest of a sentence; empty if it is not."""
    if _address(host) is not None or host == "localhost":
        return ""
    words = host.rstrip(".").split(".")
    if "svc" in words[2:] or words[-2:] == ["cluster", "local"]:
        return "is a name of the cluster's own DNS"
    if len(words) == 1:
        return "is a short name, which only search domains complete: of a Service it needs the cluster's own DNS"
    if len(words) == 2 and not host.endswith(".") and len(words[-1]) > 2 and not _TOP.fullmatch(words[-1]):
        return f"looks like Service {words[0]} of namespace {words[1]}: that is a name of the cluster's own DNS"
    return ""


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on the node."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
