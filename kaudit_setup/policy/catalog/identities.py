"""Users and groups that Kubernetes brings along, and who acts under a name.

Sources: staging/src/k8s.io/apiserver/pkg/authentication/user/user.go (names),
plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go (who is what).
"""

from __future__ import annotations

from typing import Final

ANONYMOUS: Final = "system:anonymous"
APISERVER: Final = "system:apiserver"
AUTHENTICATED: Final = "system:authenticated"
UNAUTHENTICATED: Final = "system:unauthenticated"
SERVICE_ACCOUNTS: Final = "system:serviceaccounts"
KUBE_SYSTEM: Final = "system:serviceaccounts:kube-system"
MASTERS: Final = "system:masters"
NODES: Final = "system:nodes"
SCHEDULER: Final = "system:kube-scheduler"
CONTROLLER_MANAGER: Final = "system:kube-controller-manager"
# Reserved names that people use all the same: k3s and OpenShift call their administrator so.
NAMED_PEOPLE: Final = (ANONYMOUS, "system:admin")

# The controllers that make Pods, as kube-controller-manager calls them with --use-service-account-credentials.
POD_MAKERS: Final = tuple(
    f"system:serviceaccount:kube-system:{name}"
    for name in (
        "daemon-set-controller", "job-controller", "replicaset-controller",
        "replication-controller", "statefulset-controller",
    )
)  # fmt: skip

GONE_USERS: Final = {
    "system:unsecured": "the insecure port of kube-apiserver is gone since 1.20",
    "kubelet": "kubelets are system:node:NAME in group system:nodes",
    "kube-proxy": "kube-proxy is system:kube-proxy, or system:serviceaccount:kube-system:kube-proxy with kubeadm",
    "kube-scheduler": "the scheduler is system:kube-scheduler",
    "kube-controller-manager": "the controller manager is system:kube-controller-manager",
    "kube-apiserver": "the API server calls itself system:apiserver",
    "system:kube-apiserver": "the API server calls itself system:apiserver",
    "system:kubelet": "kubelets are system:node:NAME in group system:nodes",
    "system:dns": "kube-dns and CoreDNS are service accounts of kube-system",
    "system:kube-dns": "kube-dns and CoreDNS are service accounts of kube-system",
    "system:serviceaccount:kube-system:tiller": "Helm has no Tiller since version 3",
}
GONE_GROUPS: Final = {
    "system:kubelets": "kubelets are in group system:nodes",
    "system:node": "kubelets are in group system:nodes",
    "system:serviceaccount": "service accounts are in group system:serviceaccounts",
    "system:anonymous": "that is a user; its group is system:unauthenticated",
    "system:unsecured": "the insecure port of kube-apiserver is gone since 1.20",
}


def is_service_account(user: str) -> bool:
    """Whether the name is a service account's: `system:serviceaccount:NAMESPACE:NAME`."""
    return user.startswith("system:serviceaccount:")


def is_component(user: str) -> bool:
    """Whether Kubernetes itself acts under this name: `system:…`, or a service account of kube-system."""
    if is_service_account(user):
        return user.startswith("system:serviceaccount:kube-system:")
    return user.startswith("system:") and user not in NAMED_PEOPLE


def is_person(user: str) -> bool:
    """Whether a person acts under this name: neither a component nor a service account."""
    return not is_component(user) and not is_service_account(user)


def is_component_group(group: str) -> bool:
    """Whether only components of Kubernetes are members: nodes, joining nodes, service accounts of kube-system."""
    return group in {NODES, KUBE_SYSTEM} or group.startswith("system:bootstrappers")


def is_program_group(group: str) -> bool:
    """Whether no person is a member: the groups of components and of service accounts."""
    return is_component_group(group) or group == SERVICE_ACCOUNTS or group.startswith(f"{SERVICE_ACCOUNTS}:")
