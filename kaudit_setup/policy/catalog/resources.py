"""The resources that kube-apiserver serves itself: one table for every room.

What is not here is the business of a CustomResourceDefinition. Sources: the storage maps of pkg/registry/*/rest
(resources and their subresources, union over 1.20 to 1.36) and the `kubectl api-resources` of 1.20.2 and 1.36.2
(kinds, short names, scope).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

RBAC: Final = "rbac.authorization.k8s.io"


class Resource(msgspec.Struct, frozen=True):
    """One resource as one API group serves it. `name` is the plural, which a URL and an objectRef have."""

    group: str
    name: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()

    @property
    def singular(self) -> str:
        """The kind in lower case, e.g. `networkpolicy`."""
        return self.kind.lower()

    @property
    def also_in(self) -> tuple[str, ...]:
        """Other groups under which logs may have the same objects."""
        return _ALSO_IN.get((self.group, self.name), ())


# [group], then its resources: plural, kind, scope, short names, subresources
_TABLE: Final = """
[core]
bindings                          Binding                           namespaced  -         -
componentstatuses                 ComponentStatus                   cluster     cs        -
configmaps                        ConfigMap                         namespaced  cm        -
endpoints                         Endpoints                         namespaced  ep        -
events                            Event                             namespaced  ev        -
limitranges                       LimitRange                        namespaced  limits    -
namespaces                        Namespace                         cluster     ns        finalize,status
nodes                             Node                              cluster     no        proxy,status
persistentvolumeclaims            PersistentVolumeClaim             namespaced  pvc       status
persistentvolumes                 PersistentVolume                  cluster     pv        status
pods  Pod  namespaced  po  attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status
podtemplates                      PodTemplate                       namespaced  -         -
replicationcontrollers            ReplicationController             namespaced  rc        scale,status
resourcequotas                    ResourceQuota                     namespaced  quota     status
secrets                           Secret                            namespaced  -         -
serviceaccounts                   ServiceAccount                    namespaced  sa        token
services                          Service                           namespaced  svc       proxy,status
[admissionregistration.k8s.io]
mutatingadmissionpolicies         MutatingAdmissionPolicy           cluster     -         -
mutatingadmissionpolicybindings   MutatingAdmissionPolicyBinding    cluster     -         -
mutatingwebhookconfigurations     MutatingWebhookConfiguration      cluster     -         -
validatingadmissionpolicies       ValidatingAdmissionPolicy         cluster     -         status
validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding  cluster     -         -
validatingwebhookconfigurations   ValidatingWebhookConfiguration    cluster     -         -
[apiextensions.k8s.io]
customresourcedefinitions         CustomResourceDefinition          cluster     crd,crds  status
[apiregistration.k8s.io]
apiservices                       APIService                        cluster     -         status
[apps]
controllerrevisions               ControllerRevision                namespaced  -         -
daemonsets                        DaemonSet                         namespaced  ds        status
deployments                       Deployment                        namespaced  deploy    scale,status
replicasets                       ReplicaSet                        namespaced  rs        scale,status
statefulsets                      StatefulSet                       namespaced  sts       scale,status
[authentication.k8s.io]
selfsubjectreviews                SelfSubjectReview                 cluster     -         -
tokenreviews                      TokenReview                       cluster     -         -
[authorization.k8s.io]
localsubjectaccessreviews         LocalSubjectAccessReview          namespaced  -         -
selfsubjectaccessreviews          SelfSubjectAccessReview           cluster     -         -
selfsubjectrulesreviews           SelfSubjectRulesReview            cluster     -         -
subjectaccessreviews              SubjectAccessReview               cluster     -         -
[autoscaling]
horizontalpodautoscalers          HorizontalPodAutoscaler           namespaced  hpa       status
[batch]
cronjobs                          CronJob                           namespaced  cj        status
jobs                              Job                               namespaced  -         status
[certificates.k8s.io]
certificatesigningrequests        CertificateSigningRequest         cluster     csr       approval,status
clustertrustbundles               ClusterTrustBundle                cluster     -         -
podcertificaterequests            PodCertificateRequest             namespaced  -         status
[coordination.k8s.io]
leasecandidates                   LeaseCandidate                    namespaced  -         -
leases                            Lease                             namespaced  -         -
[discovery.k8s.io]
endpointslices                    EndpointSlice                     namespaced  -         -
[events.k8s.io]
events                            Event                             namespaced  -         -
[extensions]
ingresses                         Ingress                           namespaced  -         status
[flowcontrol.apiserver.k8s.io]
flowschemas                       FlowSchema                        cluster     -         status
prioritylevelconfigurations       PriorityLevelConfiguration        cluster     -         status
[networking.k8s.io]
ingressclasses                    IngressClass                      cluster     -         -
ingresses                         Ingress                           namespaced  ing       status
ipaddresses                       IPAddress                         cluster     ip        -
networkpolicies                   NetworkPolicy                     namespaced  netpol    status
servicecidrs                      ServiceCIDR                       cluster     -         status
[node.k8s.io]
runtimeclasses                    RuntimeClass                      cluster     -         -
[policy]
poddisruptionbudgets              PodDisruptionBudget               namespaced  pdb       status
podsecuritypolicies               PodSecurityPolicy                 cluster     psp       -
[rbac.authorization.k8s.io]
clusterrolebindings               ClusterRoleBinding                cluster     -         -
clusterroles                      ClusterRole                       cluster     -         -
rolebindings                      RoleBinding                       namespaced  -         -
roles                             Role                              namespaced  -         -
[resource.k8s.io]
deviceclasses                     DeviceClass                       cluster     -         -
devicetaintrules                  DeviceTaintRule                   cluster     -         status
podschedulingcontexts             PodSchedulingContext              namespaced  -         status
resourceclaimparameters           ResourceClaimParameters           namespaced  -         -
resourceclaims                    ResourceClaim                     namespaced  -         status
resourceclaimtemplates            ResourceClaimTemplate             namespaced  -         -
resourceclasses                   ResourceClass                     cluster     -         -
resourceclassparameters           ResourceClassParameters           namespaced  -         -
resourcepoolstatusrequests        ResourcePoolStatusRequest         cluster     -         status
resourceslices                    ResourceSlice                     cluster     -         -
[scheduling.k8s.io]
podgroups                         PodGroup                          namespaced  -         status
priorityclasses                   PriorityClass                     cluster     pc        -
workloads                         Workload                          namespaced  -         -
[storage.k8s.io]
csidrivers                        CSIDriver                         cluster     -         -
csinodes                          CSINode                           cluster     -         -
csistoragecapacities              CSIStorageCapacity                namespaced  -         -
storageclasses                    StorageClass                      cluster     sc        -
volumeattachments                 VolumeAttachment                  cluster     -         status
volumeattributesclasses           VolumeAttributesClass             cluster     vac       -
"""

# The same objects under the group of before 1.16 (a log may still have it in an owner reference), or under a
# second one that is served beside it.
_ALSO_IN: Final = {
    ("", "events"): ("events.k8s.io",),
    ("apps", "daemonsets"): ("extensions",),
    ("apps", "deployments"): ("extensions",),
    ("apps", "replicasets"): ("extensions",),
    ("networking.k8s.io", "ingresses"): ("extensions",),
    ("networking.k8s.io", "networkpolicies"): ("extensions",),
    ("policy", "podsecuritypolicies"): ("extensions",),
}


def _rows() -> Iterator[Resource]:
    def words(cell: str) -> tuple[str, ...]:
        return () if cell == "-" else tuple(cell.split(","))

    group = ""
    for line in _TABLE.strip().splitlines():
        if line.startswith("["):
            group = "" if line == "[core]" else line.strip("[]")
            continue
        name, kind, scope, short, parts = line.split()
        yield Resource(group, name, kind, scope == "namespaced", words(short), words(parts))


RESOURCES: Final = tuple(_rows())

# (group, plural) -> the resource
BY_PLACE: Final = {(r.group, r.name): r for r in RESOURCES}


# what kubectl does not take and people say all the same
_SAID: Final = {"crb": (RBAC, "clusterrolebindings"), "rb": (RBAC, "rolebindings")}


def _by_name() -> dict[str, Resource]:
    # of two groups that serve the same objects, the one that the other stands beside comes first
    second = {(group, r.name) for r in RESOURCES for group in r.also_in}
    found: dict[str, Resource] = {}
    for resource in sorted(RESOURCES, key=lambda r: (r.group, r.name) in second):
        for name in (resource.name, resource.singular, *resource.short_names):
            found.setdefault(name, resource)
    return found | {name: BY_PLACE[place] for name, place in _SAID.items()}


# plural, singular, short name, or what people say -> the resource; of several groups the one of today
BY_NAME: Final = _by_name()

# the same with its group before it
BY_GROUP_AND_NAME: Final = {
    (resource.group, name): resource
    for resource in RESOURCES
    for name in (resource.name, resource.singular, *resource.short_names)
}

# group -> the plurals of its resources
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    group: tuple(r.name for r in RESOURCES if r.group == group) for group in dict.fromkeys(r.group for r in RESOURCES)
}

# What a rule with `namespaces` never matches. A request to a namespace is not here: its name is its namespace.
CLUSTER_SCOPED: Final = frozenset(place for place, r in BY_PLACE.items() if not r.namespaced) - {("", "namespaces")}


def home(resource: str) -> str | None:
    """The built-in group of a resource or `resource/subresource` in the plural, None if no built-in group has it."""
    plain = resource.partition("/")[0]
    found = BY_NAME.get(plain)
    return found.group if found is not None and found.name == plain else None
