"""KIND as kubectl takes it: singular, plural, short name, `deployments.apps`, `deployments.v1.apps`, `plural.group`.

kubectl asks the server (staging/src/k8s.io/client-go/restmapper/shortcut.go); a log cannot be asked, so the kinds of
Kubernetes 1.20-1.36 are a table here, and any other kind is taken as it is spelled.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from kaudit_setup.errors import InputError


@dataclass(frozen=True, slots=True)
class Kind:
    """What an objectRef calls a kind of object.

    `group` is None where the user did not say and the table does not know. `namespaced` is None for kinds that the
    table does not know. `groups` has every API group that served the same objects from 1.20 to 1.36.
    """

    resource: str
    group: str | None = ""
    namespaced: bool | None = True
    groups: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()

    def takes(self, group: str, resource: str) -> bool:
        """Whether an objectRef with this group and resource is of this kind."""
        if resource != self.resource and resource not in self.spellings:
            return False
        return self.group is None or group == self.group or group in self.groups


# plural, singular, short names (comma separated), group; a leading `-` marks a cluster-scoped kind.
# Source: the `kubectl api-resources` of 1.20.2 and 1.36.2.
_TABLE = """
bindings binding . .
-componentstatuses componentstatus cs .
configmaps configmap cm .
endpoints endpoints ep .
events event ev .
limitranges limitrange limits .
-namespaces namespace ns .
-nodes node no .
persistentvolumeclaims persistentvolumeclaim pvc .
-persistentvolumes persistentvolume pv .
pods pod po .
podtemplates podtemplate . .
replicationcontrollers replicationcontroller rc .
resourcequotas resourcequota quota .
secrets secret . .
serviceaccounts serviceaccount sa .
services service svc .
-mutatingwebhookconfigurations mutatingwebhookconfiguration . admissionregistration.k8s.io
-validatingwebhookconfigurations validatingwebhookconfiguration . admissionregistration.k8s.io
-validatingadmissionpolicies validatingadmissionpolicy . admissionregistration.k8s.io
-validatingadmissionpolicybindings validatingadmissionpolicybinding . admissionregistration.k8s.io
-mutatingadmissionpolicies mutatingadmissionpolicy . admissionregistration.k8s.io
-mutatingadmissionpolicybindings mutatingadmissionpolicybinding . admissionregistration.k8s.io
-customresourcedefinitions customresourcedefinition crd,crds apiextensions.k8s.io
-apiservices apiservice . apiregistration.k8s.io
controllerrevisions controllerrevision . apps
daemonsets daemonset ds apps
deployments deployment deploy apps
replicasets replicaset rs apps
statefulsets statefulset sts apps
horizontalpodautoscalers horizontalpodautoscaler hpa autoscaling
cronjobs cronjob cj batch
jobs job . batch
-certificatesigningrequests certificatesigningrequest csr certificates.k8s.io
-clustertrustbundles clustertrustbundle . certificates.k8s.io
leases lease . coordination.k8s.io
endpointslices endpointslice . discovery.k8s.io
-flowschemas flowschema . flowcontrol.apiserver.k8s.io
-prioritylevelconfigurations prioritylevelconfiguration . flowcontrol.apiserver.k8s.io
-ingressclasses ingressclass . networking.k8s.io
ingresses ingress ing networking.k8s.io
networkpolicies networkpolicy netpol networking.k8s.io
-ipaddresses ipaddress ip networking.k8s.io
-servicecidrs servicecidr . networking.k8s.io
-runtimeclasses runtimeclass . node.k8s.io
poddisruptionbudgets poddisruptionbudget pdb policy
-podsecuritypolicies podsecuritypolicy psp policy
-clusterrolebindings clusterrolebinding . rbac.authorization.k8s.io
-clusterroles clusterrole . rbac.authorization.k8s.io
rolebindings rolebinding . rbac.authorization.k8s.io
roles role . rbac.authorization.k8s.io
-deviceclasses deviceclass . resource.k8s.io
resourceclaims resourceclaim . resource.k8s.io
resourceclaimtemplates resourceclaimtemplate . resource.k8s.io
-resourceslices resourceslice . resource.k8s.io
-priorityclasses priorityclass pc scheduling.k8s.io
-csidrivers csidriver . storage.k8s.io
-csinodes csinode . storage.k8s.io
csistoragecapacities csistoragecapacity . storage.k8s.io
-storageclasses storageclass sc storage.k8s.io
-volumeattachments volumeattachment . storage.k8s.io
-volumeattributesclasses volumeattributesclass vac storage.k8s.io
"""
# The same objects, served by an older or a newer group too.
_ALSO = {
    "ingresses": ("extensions",),
    "networkpolicies": ("extensions",),
    "deployments": ("extensions",),
    "daemonsets": ("extensions",),
    "replicasets": ("extensions",),
    "podsecuritypolicies": ("extensions",),
    "events": ("events.k8s.io",),
}


def _read_table() -> dict[str, Kind]:
    names: dict[str, Kind] = {}
    for line in _TABLE.strip().splitlines():
        plural, singular, short, group = (part.strip(".") if part == "." else part for part in line.split())
        resource = plural.removeprefix("-")
        kind = Kind(resource, group, not plural.startswith("-"), _ALSO.get(resource, ()))
        for name in (resource, singular, *filter(None, short.split(","))):
            names[name] = kind
    return names


KINDS = _read_table()
_HOMES = {(also, kind.resource): kind.group or "" for kind in KINDS.values() for also in kind.groups}
_GOOD = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


def is_custom(group: str, resource: str) -> bool:
    """Whether an objectRef with this group and resource is of a kind that Kubernetes does not bring along."""
    kind = KINDS.get(resource)
    return bool(group) and (kind is None or not kind.takes(group, resource))


def parse_kind(text: str) -> Kind:
    """The kind that kubectl would understand by `text`; raises InputError where no server could know it."""
    wanted = text.strip().lower()
    if not _GOOD.fullmatch(wanted):
        raise InputError(
            f"{text!r} is not a kind of object", hint="write it as kubectl does: pod, deploy, deployments.apps"
        )
    resource, _, group = wanted.partition(".")
    known = KINDS.get(resource)
    if not group:
        if known:
            return known
        near = difflib.get_close_matches(resource, KINDS, n=1, cutoff=0.75)
        if near:
            raise InputError(
                f"{text!r} is not a kind that Kubernetes has",
                hint=f"did you mean {near[0]}? custom kinds: plural.group",
            )
        return Kind(resource, None, None, (), plurals(resource))
    version, _, rest = group.partition(".")
    if rest and re.fullmatch(r"v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?", version):
        group = rest
    if known and (group == known.group or group in known.groups):
        return known
    return Kind(resource, group, None, (), plurals(resource))


def parse_object(text: str) -> tuple[Kind, str]:
    """`KIND/NAME` to the kind and the name; raises InputError."""
    kind, slash, name = text.partition("/")
    if not slash or not name or "/" in name:
        raise InputError(
            f"{text!r} does not name an object", hint="write KIND/NAME, for example pod/my-suspicious-pod"
        )
    return parse_kind(kind), name


def home_group(group: str, resource: str) -> str:
    """The one API group that stands for all that serve the same objects: `apps` for `extensions` Deployments."""
    return _HOMES.get((group, resource), group)


def plurals(singular: str) -> tuple[str, ...]:
    """How an API may spell the plural of a kind that the table does not know, the likely way first."""
    if singular.endswith("y"):
        return (f"{singular[:-1]}ies", f"{singular}s")
    return (f"{singular}es", f"{singular}s") if singular.endswith(("s", "x", "ch", "sh")) else (f"{singular}s",)
