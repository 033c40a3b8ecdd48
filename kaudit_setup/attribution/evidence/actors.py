"""Who an actor is: a person, a service account, a node, or one of Kubernetes' own controllers.

Source: cmd/kube-controller-manager/app (each controller's client is `system:serviceaccount:kube-system:<name>`
with --use-service-account-credentials, as kubeadm sets it; without it all are `system:kube-controller-manager` and
only the user agent's tail tells them apart); the names: plugin/pkg/auth/authorizer/rbac/bootstrappolicy.

A component's credentials may be taken off its disk and used with kubectl. So a user agent that the component does not
send (staging/src/k8s.io/client-go/rest/config.go:DefaultKubernetesUserAgent) shows somebody else. Its own proves
nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from kaudit_setup.auditlog.filters import AnyOf, Filter, Values
from kaudit_setup.auditlog.timestamps import Window

_PREFIX: Final = "system:serviceaccount:kube-system:"
_MANAGER: Final = "system:kube-controller-manager"
_NODE: Final = "system:node:"
_NODES: Final = "system:nodes"

GARBAGE: Final = "generic-garbage-collector"
NAMESPACES: Final = "namespace-controller"
DEPLOYMENTS: Final = "deployment-controller"
REPLICASETS: Final = "replicaset-controller"
STATEFULSETS: Final = "statefulset-controller"
DAEMONSETS: Final = "daemon-set-controller"
JOBS: Final = "job-controller"
CRONJOBS: Final = "cronjob-controller"
REPLICATIONS: Final = "replication-controller"
AUTOSCALER: Final = "horizontal-pod-autoscaler"
NODES: Final = "node-controller"
TAINTS: Final = "taint-eviction-controller"
SCHEDULER: Final = "kube-scheduler"

SIZERS: Final = frozenset({DEPLOYMENTS, REPLICASETS, REPLICATIONS, STATEFULSETS, DAEMONSETS, JOBS, CRONJOBS})
"""The controllers that make and delete what is missing or too many."""

_NAMES: Final = """
attachdetach-controller bootstrap-signer certificate-controller clusterrole-aggregation-controller
cronjob-controller daemon-set-controller deployment-controller device-taint-eviction-controller
disruption-controller endpoint-controller endpointslice-controller endpointslicemirroring-controller
ephemeral-volume-controller expand-controller generic-garbage-collector horizontal-pod-autoscaler job-controller
kube-apiserver-serving-clustertrustbundle-publisher legacy-service-account-token-cleaner namespace-controller
node-controller persistent-volume-binder pod-garbage-collector podcertificaterequestcleaner
pv-protection-controller pvc-protection-controller replicaset-controller replication-controller
resource-claim-controller resourcequota-controller root-ca-cert-publisher route-controller
selinux-warning-controller service-account-controller service-ca-cert-publisher service-cidrs-controller
service-controller statefulset-controller storage-version-garbage-collector storage-version-migrator-controller
taint-eviction-controller token-cleaner tokens-controller ttl-after-finished-controller ttl-controller
validatingadmissionpolicy-status-controller volumeattributesclass-protection-controller
"""
_CONTROLLERS: Final = frozenset(_NAMES.split())
_COMPONENTS: Final = {
    "system:kube-scheduler": SCHEDULER,
    "system:apiserver": "kube-apiserver",
    _MANAGER: "kube-controller-manager",
}
_BINARIES: Final = {"system:kube-scheduler": "kube-scheduler", _MANAGER: "kube-controller-manager"}
_ALL_IN_ONE: Final = {"hyperkube", "k3s", "kubelite"}  # one binary for all components: its agents bear its name


def controller_of(user: str, agent: str, impersonator: str) -> str:
    """The short name of the controller that this actor is, empty for everybody else.

    Somebody who impersonates a controller is not one. A user agent alone proves nothing (anybody may send it): it
    tells the controllers apart that share the user `system:kube-controller-manager`, and shows who is none.
    """
    if impersonator or (user in _BINARIES and not _sent_by(_BINARIES[user], agent)):
        return ""
    if user.startswith(_PREFIX):
        name = user.removeprefix(_PREFIX)
        # staging/src/k8s.io/controller-manager/pkg/clientbuilder: each client adds its user to its agent
        return name if name in _CONTROLLERS and agent.endswith(f"/{user}") else ""
    if user == _MANAGER:
        tail = agent.rpartition("/")[2].removeprefix(_PREFIX)
        return tail if tail in _CONTROLLERS else "kube-controller-manager"
    return _COMPONENTS.get(user, "")


def on_all_by_others(resource: str, window: Window) -> AnyOf:
    """The requests on all objects of a kind, wherever they are, but for those that a component of the control plane
    sent on its own account, in a time. Those of controllers with a user of their own are among them, and the
    autoscaler's.
    """
    agents = {
        user: tuple(f"{name}/*" for name in (_BINARIES.get(user, "kube-apiserver"), *_ALL_IN_ONE))
        for user in _COMPONENTS
    }
    by = (
        {"user": Values(unwanted=tuple(_COMPONENTS))},
        *({"user": Values((user,)), "agent": Values(unwanted=sent)} for user, sent in agents.items()),
        {"agent": Values((f"*{AUTOSCALER}",))},
        {"impersonator": Values(("*",))},
    )
    on_all = {"resource": Values((resource,)), "namespace": Values(("",)), "name": Values(("",))}
    return AnyOf(tuple(Filter({**on_all, **one}, window) for one in by), all_stages=False)


def node_of(user: str, groups: Collection[str], agent: str, impersonator: str) -> str:
    """The node whose kubelet this actor is, empty for everybody else (for one with a node's credentials, too).

    A node is in the group of all nodes, else it is only called like one
    (pkg/auth/nodeidentifier/default.go:NodeIdentity); a log that leaves groups out does not tell.
    """
    if impersonator or not _is_node(user, groups) or not _sent_by("kubelet", agent):
        return ""
    return user.removeprefix(_NODE)


def _is_node(user: str, groups: Collection[str]) -> bool:
    return user.startswith(_NODE) and (not groups or _NODES in groups)


def _sent_by(binary: str, agent: str) -> bool:
    return agent.partition("/")[0] in {binary, *_ALL_IN_ONE}
