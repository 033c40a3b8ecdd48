"""Who usually sends a request, which the server's metrics do not say and a policy may ask. Pure.

Every sender counts the same, so that this is a guess where a policy has rules for users, groups or namespaces.
Sources: the clients of kubeadm's control plane; pkg/kubelet,
plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kaudit_setup.node.requests import RequestCount
from kaudit_setup.policy.catalog import identities as ids


@dataclass(frozen=True, slots=True)
class Sender:
    """A user with its groups, and the namespace in which it works."""

    user: str
    groups: tuple[str, ...]
    namespace: str


def _account(namespace: str, name: str, works_in: str) -> Sender:
    groups = (ids.SERVICE_ACCOUNTS, f"{ids.SERVICE_ACCOUNTS}:{namespace}", ids.AUTHENTICATED)
    return Sender(f"system:serviceaccount:{namespace}:{name}", groups, works_in)


_SIGNED: Final = (ids.AUTHENTICATED,)
_KUBELET: Final = Sender("system:node:node-1", (ids.NODES, *_SIGNED), "default")
_KUBELET_LEASE: Final = Sender(_KUBELET.user, _KUBELET.groups, "kube-node-lease")
_CONTROLLER: Final = _account("kube-system", "replicaset-controller", "default")
_ENDPOINTS: Final = _account("kube-system", "endpointslice-controller", "default")
_PROXY: Final = _account("kube-system", "kube-proxy", "")
_MANAGER: Final = Sender(ids.CONTROLLER_MANAGER, _SIGNED, "kube-system")
_SCHEDULER: Final = Sender(ids.SCHEDULER, _SIGNED, "kube-system")
_SERVER: Final = Sender(ids.APISERVER, (ids.MASTERS, *_SIGNED), "kube-system")
_OPERATOR: Final = _account("operators", "operator", "default")
_PERSON: Final = Sender("kubernetes-admin", (ids.KUBEADM_ADMINS, *_SIGNED), "default")
_NOBODY: Final = Sender(ids.ANONYMOUS, (ids.UNAUTHENTICATED,), "")

_ANYBODY: Final = (_CONTROLLER, _OPERATOR, _PERSON)
EVERYBODY: Final = (
    _KUBELET, _KUBELET_LEASE, _CONTROLLER, _ENDPOINTS, _PROXY, _MANAGER, _SCHEDULER, _SERVER, _OPERATOR, _PERSON,
)  # fmt: skip
"""All who may send a request to a resource."""
_BY_RESOURCE: Final = {
    "leases": (_KUBELET_LEASE, _MANAGER, _SCHEDULER, _SERVER),
    "nodes": (_KUBELET,),
    "csinodes": (_KUBELET,),
    "endpoints": (_ENDPOINTS, _PROXY),
    "endpointslices": (_ENDPOINTS, _PROXY),
    "events": (_KUBELET, _CONTROLLER, _SCHEDULER),
}
_BY_SUBRESOURCE: Final = {
    ("pods", "status"): (_KUBELET,),
    ("pods", "binding"): (_SCHEDULER,),
    ("serviceaccounts", "token"): (_KUBELET, _MANAGER),
}
_PROBED: Final = ("/healthz", "/livez", "/readyz")


def usual(count: RequestCount) -> tuple[Sender, ...]:
    """Who usually sends such a request."""
    if not count.resource:
        return (_NOBODY,) if count.subresource.startswith(_PROBED) else (_OPERATOR, _PERSON)
    by_part = _BY_SUBRESOURCE.get((count.resource, count.subresource))
    return by_part or _BY_RESOURCE.get(count.resource, _ANYBODY)


def possible(count: RequestCount) -> tuple[Sender, ...]:
    """Who may send it at all."""
    return EVERYBODY if count.resource else (_NOBODY, *EVERYBODY)
