"""Objects without what the server itself writes: to be compared, and to be applied again."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any, Final

from kaudit_setup.attribution.changes.patching import Value

_OF_THE_SERVER: Final = frozenset(
    {"managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink"}
)
_NOT_APPLIED: Final = _OF_THE_SERVER | {
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "ownerReferences",
    "generateName",
}
APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_COMPUTED: Final = frozenset({APPLIED, "deployment.kubernetes.io/revision"})
_BOUND: Final = frozenset(
    {
        "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller",
        "volume.kubernetes.io/selected-node",
        "deprecated.daemonset.template.generation",
    }
)
_JOB_LABELS: Final = frozenset(
    {"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"}
)

# what the server fills in where a field is left out (pkg/apis/*/v1/defaults.go), by the field's name
_DEFAULTS: Final[Mapping[str, tuple[Any, ...]]] = {
    "replicas": (1,),
    "restartPolicy": ("Always",),
    "dnsPolicy": ("ClusterFirst",),
    "schedulerName": ("default-scheduler",),
    "terminationGracePeriodSeconds": (30,),
    "securityContext": ({},),
    "resources": ({},),
    "enableServiceLinks": (True,),
    "preemptionPolicy": ("PreemptLowerPriority",),
    "priority": (0,),
    "serviceAccount": ("default",),
    "serviceAccountName": ("default",),
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
    "imagePullPolicy": ("Always", "IfNotPresent"),
    "protocol": ("TCP",),
    "timeoutSeconds": (1,),
    "periodSeconds": (10,),
    "successThreshold": (1,),
    "failureThreshold": (3,),
    "scheme": ("HTTP",),
    "progressDeadlineSeconds": (600,),
    "revisionHistoryLimit": (10,),
    "podManagementPolicy": ("OrderedReady",),
    "defaultMode": (420,),
    "apiVersion": ("v1",),
    "sessionAffinity": ("None",),
    "type": ("ClusterIP", "Opaque", "RollingUpdate"),
    "internalTrafficPolicy": ("Cluster",),
    "ipFamilyPolicy": ("SingleStack",),
    "backoffLimit": (6,),
    "completions": (1,),
    "parallelism": (1,),
    "completionMode": ("NonIndexed",),
    "suspend": (False,),
    "podReplacementPolicy": ("TerminatingOrFailed",),
    "concurrencyPolicy": ("Allow",),
    "successfulJobsHistoryLimit": (3,),
    "failedJobsHistoryLimit": (1,),
    "volumeMode": ("Filesystem",),
    "maxSurge": ("25%",),
    "maxUnavailable": ("25%", 1),
}
# what the server allots
_ALLOTTED: Final = frozenset({"clusterIP", "clusterIPs", "ipFamilies", "nodePort", "healthCheckNodePort"})


def comparable(obj: Value) -> Value:
    """An object without what changes with every request: status, versions, managed fields, what kubectl stores."""
    if not isinstance(obj, dict):
        return obj
    kept = {key: value for key, value in obj.items() if key not in {"status", "metadata"}}
    metadata = _without_annotations(_without(_OF_THE_SERVER, obj.get("metadata")), _COMPUTED)
    return {**_head(kept), "metadata": metadata, **{k: v for k, v in kept.items() if k not in _HEAD}}


def without_defaults(obj: Value, sent: Value) -> Value:
    """`obj`, as the server stored it, without the defaults that it filled in where `sent`, a client's, was silent."""
    if isinstance(obj, dict) and isinstance(sent, dict):
        kept = ((k, v) for k, v in obj.items() if k in sent or not _is_default(k, v))
        return {key: without_defaults(value, sent[key]) if key in sent else value for key, value in kept}
    if isinstance(obj, list) and isinstance(sent, list) and len(obj) == len(sent):
        return [without_defaults(one, other) for one, other in zip(obj, sent, strict=True)]
    return obj


def applicable(obj: Value) -> Value:
    """An object that can be applied again: without its identity, its owners (the garbage collector would delete it
    with them), its status, and what the server and controllers allotted.
    """
    if not isinstance(obj, dict):
        return obj
    kept = {key: value for key, value in obj.items() if key not in {"status", "metadata"}}
    metadata = _without(_NOT_APPLIED, obj.get("metadata"))
    metadata = _without_annotations(metadata, _COMPUTED | _BOUND)
    metadata.pop("finalizers", None)
    plain = {**_head(kept), "metadata": metadata, **{k: v for k, v in kept.items() if k not in _HEAD}}
    rule = _OF_KIND.get(str(obj.get("kind")))
    return rule(plain) if rule is not None and isinstance(plain.get("spec"), dict) else plain


_HEAD: Final = ("apiVersion", "kind")


def _head(obj: Mapping[str, Value]) -> dict[str, Value]:
    return {key: obj[key] for key in _HEAD if key in obj}


def _without(names: Container[str], fields: Value) -> dict[str, Value]:
    return {k: v for k, v in fields.items() if k not in names} if isinstance(fields, dict) else {}


def _without_annotations(metadata: dict[str, Value], names: Container[str]) -> dict[str, Value]:
    if "annotations" not in metadata:
        return metadata
    left = _without(names, metadata["annotations"])
    return {**metadata, "annotations": left} if left else _without({"annotations"}, metadata)


def _is_default(key: str, value: Value) -> bool:
    if key in _ALLOTTED or value in _DEFAULTS.get(key, ()):
        return True
    # strategy: {type: RollingUpdate, rollingUpdate: {...}}
    return isinstance(value, dict) and bool(value) and all(_is_default(k, v) for k, v in value.items())


def _pod(obj: dict[str, Value]) -> dict[str, Value]:
    """Without its node, and the token that the server mounts (plugin/pkg/admission/serviceaccount)."""
    spec = _without({"nodeName"}, obj["spec"])
    mounted = "kube-api-access-"
    for field in ("containers", "initContainers"):
        if isinstance(spec.get(field), list):
            spec[field] = [_without_items(one, "volumeMounts", mounted) for one in spec[field]]
    return {**obj, "spec": _without_items(spec, "volumes", mounted)}


def _without_items(fields: Value, key: str, prefix: str) -> Value:
    """`fields` without those items of a list whose names begin with `prefix`; without the list if none is left."""
    if not isinstance(fields, dict) or not isinstance(fields.get(key), list):
        return fields
    left = [one for one in fields[key] if not (isinstance(one, dict) and str(one.get("name", "")).startswith(prefix))]
    return {**fields, key: left} if left else _without({key}, fields)


def _service(obj: dict[str, Value]) -> dict[str, Value]:
    """Without its addresses, unless it has none on purpose."""
    headless = obj["spec"].get("clusterIP") == "None"
    return (
        obj
        if headless
        else {**obj, "spec": _without({"clusterIP", "clusterIPs", "healthCheckNodePort"}, obj["spec"])}
    )


def _job(obj: dict[str, Value]) -> dict[str, Value]:
    """Without the selector and the labels that the server made up for it."""
    if obj["spec"].get("manualSelector"):
        return obj
    spec = _without({"selector"}, obj["spec"])
    spec = {**spec, "template": _unlabelled(spec.get("template"))}
    return {**obj, "metadata": _unlabelled({"metadata": obj["metadata"]})["metadata"], "spec": spec}


def _unlabelled(thing: Value) -> Value:
    if not isinstance(thing, dict) or not isinstance(thing.get("metadata"), dict):
        return thing
    metadata = thing["metadata"]
    labels = _without(_JOB_LABELS, metadata.get("labels"))
    return {**thing, "metadata": {**_without({"labels"}, metadata), **({"labels": labels} if labels else {})}}


def _namespace(obj: dict[str, Value]) -> dict[str, Value]:
    return {**obj, "spec": _without({"finalizers"}, obj["spec"])}


_OF_KIND: Final[Mapping[str, Callable[[dict[str, Value]], dict[str, Value]]]] = {
    "Pod": _pod,
    "Service": _service,
    "Job": _job,
    "Namespace": _namespace,
}
