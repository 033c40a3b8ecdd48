"""What Kubernetes itself brings along: resources, verbs, identities, URLs.

Sources: the storage maps of pkg/registry/*/rest (resources and their subresources, union over 1.20 to 1.36),
staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go:NewRequestInfo (verbs),
staging/src/k8s.io/apiserver/pkg/authentication/user/user.go (names),
plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go (who is what, and what everybody may read).
"""

from __future__ import annotations

from typing import Final

from kaudit_setup.model import KubeVersion

# Every verb that NewRequestInfo gives to a resource request; "" is any other HTTP method.
RESOURCE_VERBS: Final = (
    "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "proxy", "",
)  # fmt: skip
READS: Final = ("get", "list", "watch")
WRITES: Final = ("create", "update", "patch", "delete", "deletecollection")
# A non-resource request's verb is its method in lower case.
HTTP_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options", "connect", "trace")
# Verbs of RBAC that no request carries.
RBAC_ONLY_VERBS: Final = ("impersonate", "bind", "escalate", "approve", "sign", "use", "connect", "attest")

LONG_RUNNING_VERBS: Final = ("watch", "proxy")
LONG_RUNNING_PARTS: Final = ("attach", "exec", "proxy", "log", "portforward")
LONG_RUNNING_URLS: Final = "/debug/pprof/*"

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

CORE: Final[dict[str, tuple[str, ...]]] = {
    "bindings": (), "componentstatuses": (), "configmaps": (), "endpoints": (), "events": (), "limitranges": (),
    "namespaces": ("finalize", "status"), "nodes": ("proxy", "status"),
    "persistentvolumeclaims": ("status",), "persistentvolumes": ("status",),
    "pods": ("attach", "binding", "ephemeralcontainers", "eviction", "exec", "log", "portforward", "proxy",
             "resize", "status"),
    "podtemplates": (), "replicationcontrollers": ("scale", "status"), "resourcequotas": ("status",), "secrets": (),
    "serviceaccounts": ("token",), "services": ("proxy", "status"),
}  # fmt: skip

# The groups that kube-apiserver serves itself; a group that is not here is a CustomResourceDefinition's business.
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "": tuple(CORE),
    "admissionregistration.k8s.io": (
        "mutatingadmissionpolicies", "mutatingadmissionpolicybindings", "mutatingwebhookconfigurations",
        "validatingadmissionpolicies", "validatingadmissionpolicybindings", "validatingwebhookconfigurations"),
    "apiextensions.k8s.io": ("customresourcedefinitions",),
    "apiregistration.k8s.io": ("apiservices",),
    "apps": ("controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"),
    "authentication.k8s.io": ("selfsubjectreviews", "tokenreviews"),
    "authorization.k8s.io": (
        "localsubjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "certificates.k8s.io": ("certificatesigningrequests", "clustertrustbundles", "podcertificaterequests"),
    "coordination.k8s.io": ("leasecandidates", "leases"),
    "discovery.k8s.io": ("endpointslices",),
    "events.k8s.io": ("events",),
    "extensions": ("ingresses",),
    "flowcontrol.apiserver.k8s.io": ("flowschemas", "prioritylevelconfigurations"),
    "networking.k8s.io": ("ingressclasses", "ingresses", "ipaddresses", "networkpolicies", "servicecidrs"),
    "node.k8s.io": ("runtimeclasses",),
    "policy": ("poddisruptionbudgets", "podsecuritypolicies"),
    "rbac.authorization.k8s.io": ("clusterrolebindings", "clusterroles", "rolebindings", "roles"),
    "resource.k8s.io": (
        "deviceclasses", "devicetaintrules", "podschedulingcontexts", "resourceclaimparameters", "resourceclaims",
        "resourceclaimtemplates", "resourceclasses", "resourceclassparameters", "resourcepoolstatusrequests",
        "resourceslices"),
    "scheduling.k8s.io": ("podgroups", "priorityclasses", "workloads"),
    "storage.k8s.io": (
        "csidrivers", "csinodes", "csistoragecapacities", "storageclasses", "volumeattachments",
        "volumeattributesclasses"),
}  # fmt: skip

CLUSTER_SCOPED: Final = frozenset(
    (group, resource)
    for group, resources in {
        "": ("componentstatuses", "nodes", "persistentvolumes"),
        "admissionregistration.k8s.io": GROUPS["admissionregistration.k8s.io"],
        "apiextensions.k8s.io": GROUPS["apiextensions.k8s.io"],
        "apiregistration.k8s.io": GROUPS["apiregistration.k8s.io"],
        "authentication.k8s.io": GROUPS["authentication.k8s.io"],
        "authorization.k8s.io": ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews"),
        "certificates.k8s.io": ("certificatesigningrequests", "clustertrustbundles"),
        "flowcontrol.apiserver.k8s.io": GROUPS["flowcontrol.apiserver.k8s.io"],
        "networking.k8s.io": ("ingressclasses", "ipaddresses", "servicecidrs"),
        "node.k8s.io": GROUPS["node.k8s.io"],
        "policy": ("podsecuritypolicies",),
        "rbac.authorization.k8s.io": ("clusterrolebindings", "clusterroles"),
        "scheduling.k8s.io": ("priorityclasses",),
        "storage.k8s.io": (
            "csidrivers", "csinodes", "storageclasses", "volumeattachments", "volumeattributesclasses"),
    }.items()
    for resource in resources
)  # fmt: skip

# (group, resource or resource/subresource) -> first version that has it, first version that has it no more.
SINCE: Final = {
    ("", "pods/resize"): KubeVersion(1, 32),
    ("authentication.k8s.io", "selfsubjectreviews"): KubeVersion(1, 26),
}
UNTIL: Final = {
    ("extensions", "ingresses"): KubeVersion(1, 22),
    ("policy", "podsecuritypolicies"): KubeVersion(1, 25),
}

# Health, version and discovery: bootstrap roles let everybody read them (system:public-info-viewer,
# system:discovery), and reading them does nothing.
HEALTH_URLS: Final = ("/healthz*", "/livez*", "/readyz*")
PUBLIC_URLS: Final = (*HEALTH_URLS, "/version*", "/api*", "/openapi*", "/swagger*")

# What questions and findings speak of: (group, resource or resource/subresource). Ordinary ones first, so that an
# example is taken from them.
RBAC: Final = "rbac.authorization.k8s.io"
ASKED: Final = (
    ("", "pods"),
    ("", "configmaps"),
    ("", "secrets"),
    *(("", f"pods/{part}") for part in CORE["pods"]),
    ("", "serviceaccounts/token"),
    ("", "replicationcontrollers/scale"),
    ("", "namespaces"),
    ("", "nodes"),
    ("", "nodes/proxy"),
    ("", "services/proxy"),
    ("", "events"),
    *(("apps", f"{name}/scale") for name in GROUPS["apps"]),
    *(("batch", name) for name in GROUPS["batch"]),
    *((RBAC, name) for name in GROUPS[RBAC]),
    ("authentication.k8s.io", "tokenreviews"),
    ("coordination.k8s.io", "leases"),
    ("discovery.k8s.io", "endpointslices"),
    ("events.k8s.io", "events"),
)


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


def home(resource: str) -> str | None:
    """The built-in group of a resource (core first), None if no built-in group has it."""
    plain = resource.partition("/")[0]
    return next((group for group, resources in GROUPS.items() if plain in resources), None)
