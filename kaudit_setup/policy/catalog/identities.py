"""Users and groups that Kubernetes brings along, and who acts under a name.

Sources: staging/src/k8s.io/apiserver/pkg/authentication/user/user.go (names),
plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go (who is what),
staging/src/k8s.io/apiserver/pkg/authentication/serviceaccount/util.go (names of service accounts),
pkg/auth/nodeidentifier/default.go (nodes), cmd/kubeadm/app/phases/kubeconfig (kubeadm's certificates).
"""

from __future__ import annotations

import difflib
import re
from typing import Final

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.catalog.mistake import Mistake

ANONYMOUS: Final = "system:anonymous"
APISERVER: Final = "system:apiserver"
AUTHENTICATED: Final = "system:authenticated"
UNAUTHENTICATED: Final = "system:unauthenticated"
SERVICE_ACCOUNTS: Final = "system:serviceaccounts"
KUBE_SYSTEM: Final = "system:serviceaccounts:kube-system"
MASTERS: Final = "system:masters"
NODES: Final = "system:nodes"
BOOTSTRAPPERS: Final = "system:bootstrappers"
MONITORING: Final = "system:monitoring"
KUBEADM_ADMINS: Final = "kubeadm:cluster-admins"
PROXY: Final = "system:kube-proxy"
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


_GROUPS: Final = frozenset(
    {
        AUTHENTICATED, UNAUTHENTICATED, SERVICE_ACCOUNTS, MASTERS, NODES, BOOTSTRAPPERS, MONITORING, KUBEADM_ADMINS,
        "system:cluster-admins",
    }
)  # fmt: skip
_USERS: Final = frozenset(
    {
        ANONYMOUS, APISERVER, SCHEDULER, CONTROLLER_MANAGER, PROXY, "system:admin",
        "system:cloud-controller-manager", "kubernetes-admin", "kubernetes-super-admin",
    }
)  # fmt: skip
_ACCOUNT: Final = "system:serviceaccount:"
_ACCOUNTS_OF: Final = f"{SERVICE_ACCOUNTS}:"
_NODE: Final = "system:node:"
_JOINING: Final = "system:bootstrap:"
# validation of namespaces and of names of service accounts (DNS label, DNS subdomain)
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME: Final = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_KUBEADM_ADMINS_SINCE: Final = KubeVersion(1, 29)
_LOOPBACK_ALONE: Final = KubeVersion(1, 20)


def usual_groups(user: str | None, version: KubeVersion) -> tuple[str, ...]:
    """The groups that a user of this name has by default; None is a login that failed, which has none.

    Those that kube-apiserver adds by itself, and those that the certificates of Kubernetes' own components and of
    kubeadm's administrators say.
    """
    if user is None:
        return ()
    if user == ANONYMOUS:
        return (UNAUTHENTICATED,)
    if user == APISERVER and version <= _LOOPBACK_ALONE:
        # pkg/server/config.go:AuthorizeClientBearerToken; seen on 1.20 and on 1.36, which adds the second group
        return (MASTERS,)
    return (*_own_groups(user, version), AUTHENTICATED)


def _own_groups(user: str, version: KubeVersion) -> tuple[str, ...]:
    account = user.removeprefix(_ACCOUNT)
    if account != user and account.count(":") == 1:
        return (SERVICE_ACCOUNTS, f"{_ACCOUNTS_OF}{account.partition(':')[0]}")
    if user.startswith(_NODE):
        return (NODES,)
    if user.startswith(_JOINING):
        return (BOOTSTRAPPERS,)
    if user == "kubernetes-admin":
        return (KUBEADM_ADMINS if version >= _KUBEADM_ADMINS_SINCE else MASTERS,)
    return (MASTERS,) if user in {APISERVER, "system:admin", "kubernetes-super-admin"} else ()


def is_namespace_name(text: str) -> bool:
    """Whether a namespace can have this name: a DNS label."""
    return _LABEL.fullmatch(text) is not None


def why_no_user(user: str) -> Mistake | None:
    """Why nobody has this name, and what to write instead; None if somebody may have it."""
    if user in _GROUPS or user.startswith((f"{BOOTSTRAPPERS}:", _ACCOUNTS_OF)):
        return _group_as_user(user)
    if user in GONE_USERS:
        return Mistake("gone-identity", f"nobody is `{user}`: {GONE_USERS[user]}", "use the name of today")
    if user.startswith(_ACCOUNT) or user == _ACCOUNT.rstrip(":"):
        return _why_no_account(user)
    if user in {_NODE, _NODE.rstrip(":")} or user.startswith(f"{NODES}:"):
        fix = "write `system:node:NAME`, or the group `system:nodes` in `userGroups`"
        return Mistake("not-a-user", f"no node is called `{user}`", fix)
    return _misspelt("not-a-user", user, _USERS)


def _misspelt(code: str, word: str, known: frozenset[str]) -> Mistake | None:
    """Of a name of Kubernetes' own with a slip in it; upper and lower case count."""
    if word in known or not word.lower().startswith("system:") or word.count(":") > 1:
        return None
    close = difflib.get_close_matches(word.lower(), known, 1, cutoff=0.93)
    return Mistake(code, f"nobody is `{word}`", f"did you mean `{close[0]}`?") if close else None


def _group_as_user(user: str) -> Mistake:
    account = user.removeprefix(_ACCOUNTS_OF)
    if account != user and ":" in account:
        fix = f"a service account is `{_ACCOUNT}{account}`, without the s"
        return Mistake("not-a-user", f"nobody is `{user}`", fix)
    return Mistake("group-as-user", f"`{user}` is a group, not a user", "write it into `userGroups`")


def _why_no_account(user: str) -> Mistake | None:
    namespace, _, name = user.removeprefix(_ACCOUNT.rstrip(":")).removeprefix(":").partition(":")
    if _LABEL.fullmatch(namespace) and _NAME.fullmatch(name):
        return None
    if _LABEL.fullmatch(namespace) and not name:
        message = f"`{user}` names a namespace and no service account in it"
        fix = f"write `{_ACCOUNT}{namespace}:NAME`, or the group `{_ACCOUNTS_OF}{namespace}` in `userGroups`"
    else:
        message, fix = f"no service account is called `{user}`", f"write `{_ACCOUNT}NAMESPACE:NAME`"
    return Mistake("not-a-user", message, fix)


def why_no_group(group: str) -> Mistake | None:
    """Why nobody is in this group, and what to write instead; None if somebody may be."""
    if group in GONE_GROUPS:
        return Mistake("gone-identity", f"nobody is `{group}`: {GONE_GROUPS[group]}", "use the name of today")
    if group in _USERS or group.startswith((_ACCOUNT, _NODE, _JOINING)):
        return Mistake("user-as-group", f"`{group}` is a user, not a group", "write it into `users`")
    namespace = group.removeprefix(_ACCOUNTS_OF)
    if namespace == group:
        return _misspelt("not-a-group", group, _GROUPS)
    if is_namespace_name(namespace):
        return None
    message = f"no group is called `{group}`"
    if ":" in namespace:
        fix = f"the service account is `{_ACCOUNT}{namespace}`, in `users`"
    else:
        fix = f"write `{_ACCOUNTS_OF}NAMESPACE`"
    return Mistake("not-a-group", message, fix)


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
