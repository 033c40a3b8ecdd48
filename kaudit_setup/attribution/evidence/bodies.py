"""What an event's request and response bodies say about its object: names, owners, replicas, options.

Bodies are there from level Request (requestObject) and RequestResponse (responseObject) on. Only these few fields are
decoded; a field of an unexpected type is ignored (a custom kind may use the same name for something else).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from sys import intern

import msgspec

from kaudit_setup.attribution.evidence.api_types import (
    Body,
    DeleteOptions,
    Deletion,
    Meta,
    Owner,
    Reference,
    Spec,
    part,
    read,
    text,
)
from kaudit_setup.attribution.evidence.list_responses import names_deleted, version_shown
from kaudit_setup.attribution.evidence.patches import read_patch
from kaudit_setup.attribution.evidence.taints import takes_pods_off
from kaudit_setup.auditlog.event import Event


class Facts(msgspec.Struct, frozen=True):
    """What the bodies of one request say. Empty, 0, -1 or None: nothing is known.

    The object: `response_name` is its name in the response, where a generated name is. `uid` is its UID as the server
    knows it. `version` is its resourceVersion in the response. `generation` counts the changes of its spec: after the
    request if it is `answered`, else as the sender knew it. `labels` are all that it has after a write, or, for a
    patch without a response, those that the patch sets (None: removes).

    What the request does: it is `whole` if it says all that the object should be (PUT, server-side apply), with
    `request_digest` as a digest of it. `spec`: it changes more than metadata and status. `relabels`: it names labels.
    `evicts`: it gives a node a taint that takes Pods off. `reowned`: it is a patch that sets the owners.
    `spec_digest` and `object_digest` are digests of what the response shows: the spec, and all but the status and the
    server's own metadata.

    Deletions: `dry_run` is what the options say, None if they are not in the log. `orphan`: they keep what the object
    owns. `items` are the names in the response to a deletecollection.

    Kinds: `replicas` is the desired number. `revision` is the template that a set made a Pod from. `mirror`: the
    kubelet made the Pod from a manifest file. `node` is the Pod's. `account` is the ServiceAccount of a token Secret.
    `claim` is the claim, with its namespace, that a volume is bound to. `message` is the text of an event object;
    `involved_kind` and `involved_name` are what it is about, or what an autoscaler scales. `shown`: whether the
    response to a list names the object asked about.
    """

    body: bool = False
    answered: bool = False
    response_name: str = ""
    generate_name: str = ""
    uid: str = ""
    version: str = ""
    generation: int = 0
    owners: tuple[Owner, ...] = ()
    labels: tuple[tuple[str, str | None], ...] | None = None
    whole: bool = False
    request_digest: int = 0
    spec: bool | None = None
    relabels: bool | None = None
    evicts: bool | None = None
    reowned: bool = False
    spec_digest: int = 0
    object_digest: int = 0
    dry_run: bool | None = None
    orphan: bool = False
    items: frozenset[str] | None = None
    replicas: int = -1
    revision: str = ""
    mirror: bool = False
    node: str = ""
    account: str = ""
    claim: str = ""
    message: str = ""
    involved_kind: str = ""
    involved_name: str = ""
    shown: bool | None = None

    @property
    def controller(self) -> Owner | None:
        """The owner that controls the object."""
        return next((owner for owner in self.owners if owner.controller), None)


_BODY = msgspec.json.Decoder(Body)
_SPEC = msgspec.json.Decoder(Spec)
_REFERENCE = msgspec.json.Decoder(Reference)
_OPTIONS = msgspec.json.Decoder(DeleteOptions)
_DELETION = msgspec.json.Decoder(Deletion)
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NONE = Facts()
_WITHOUT_OPTIONS = Facts(dry_run=False)
_DELETIONS = frozenset({"delete", "deletecollection"})
_OF_THE_SERVER = frozenset({"resourceVersion", "generation", "managedFields"})
_APART = frozenset({"metadata", "status"})
_NOT_COMPARED = frozenset({"events", "leases"})
"""Resources that are written all the time; their contents are never compared."""
_REVISION = "controller-revision-hash"
_ACCOUNT = "kubernetes.io/service-account.name"
_MIRROR = "kubernetes.io/config.mirror"  # pkg/apis/core/annotation_key_constants.go:MirrorPodAnnotationKey


def body_facts(event: Event) -> Facts:
    """The facts in one event's bodies; few in those of reads."""
    request, response = bytes(event.request_object), bytes(event.response_object)
    if not request and not response:
        return _WITHOUT_OPTIONS if _without_options(event) else _NONE
    if event.verb == "get":
        return Facts(body=True, version=version_shown(response))
    if event.verb in {"list", "watch"}:
        return Facts(body=True)
    return _written(event, request, response)


def _written(event: Event, request: bytes, response: bytes) -> Facts:
    """The facts in the bodies of a write."""
    asked, answer = part(_BODY, request), part(_BODY, response)
    wanted, stored = asked.metadata or Meta(), answer.object
    # a patch may be a part of the object: its answer is the whole
    full = stored if stored.name else wanted
    specs = [part(_SPEC, answer.spec), part(_SPEC, asked.spec)]
    patch = read_patch(event.verb, request, wanted)
    whole = event.verb == "update" or patch.applied
    concerned = _concerned(asked, specs)
    spec_digest, object_digest = _digests(event, answer)
    return Facts(
        body=True,
        uid=stored.uid or _uid(event, wanted),
        response_name=stored.name,
        generate_name=wanted.generate_name or stored.generate_name,
        owners=full.owners,
        generation=stored.generation or wanted.generation,
        answered=bool(stored.name),
        whole=whole,
        request_digest=hash(request) if whole else 0,
        version=stored.resource_version,
        spec_digest=spec_digest,
        object_digest=object_digest,
        revision=full.label(_REVISION),
        reowned=patch.owners,
        mirror=full.annotated(_MIRROR),
        replicas=_replicas(specs),
        spec=patch.spec,
        relabels=patch.labels,
        evicts=takes_pods_off(event.object_ref.resource, event.verb, request),
        labels=_labels(event, full) if stored.name or patch.tells_labels else None,
        dry_run=_dry_run(event, request, asked),
        orphan=event.verb == "delete" and part(_OPTIONS, request).orphan,
        items=names_deleted(event),
        message=asked.said,
        involved_kind=concerned.kind,
        involved_name=concerned.name,
        account=full.annotation(_ACCOUNT),
        claim=_first(spec.claim for spec in specs),
        node=_node(asked, specs),
    )


def _first(values: Iterable[str]) -> str:
    """The first that is not empty."""
    return next(filter(None, values), "")


def _replicas(specs: Sequence[Spec]) -> int:
    return next((spec.replicas for spec in specs if type(spec.replicas) is int), -1)


def _concerned(asked: Body, specs: Sequence[Spec]) -> Reference:
    """What an event (core/v1, events.k8s.io/v1), a binding or an autoscaler is about."""
    fields = (asked.involved_object, asked.regarding, asked.target, *(spec.scale_target_ref for spec in specs))
    return next(filter(None, (read(_REFERENCE, field) for field in fields)), Reference())


def _node(asked: Body, specs: Sequence[Spec]) -> str:
    """The node that a binding or a Pod's own body names; that of a DaemonSet names the only one that it may be bound
    to (pkg/controller/daemon/util/daemonset_util.go:ReplaceDaemonSetPodNodeNameNodeAffinity).
    """
    target = read(_REFERENCE, asked.target)
    if target and target.kind in {"", "Node"}:
        return target.name
    return _first(text(spec.node_name) for spec in specs) or _first(spec.pinned for spec in specs)


def _uid(event: Event, wanted: Meta) -> str:
    """The UID that a request names, or the Status that answers a deletion; it had to be the object's.

    The server replaces the UID in a create (AS/pkg/registry/rest/meta.go:FillObjectMetaSystemFields).
    """
    if event.verb == "delete":
        return part(_DELETION, event.response_object).uid or part(_DELETION, event.request_object).uid
    made = event.verb == "create" or event.response_status.code == 201
    return "" if made else wanted.uid


def _without_options(event: Event) -> bool:
    """Whether a deletion without a body in the log had no options: its level would show them."""
    logged = event.level in {"Request", "RequestResponse"} and not event.annotations.truncated
    return event.verb in _DELETIONS and logged


def _dry_run(event: Event, request: bytes, asked: Body) -> bool | None:
    """Whether a deletion's options ask for a dry run, None if not in the log; other requests say it in the URI.

    A deletion without options has no body to log; an eviction always has one, which 1.20 does not log.
    """
    if not request:
        return False if _without_options(event) else None
    return part(_OPTIONS, request if event.verb in _DELETIONS else asked.delete_options).tries


def _is_compared(event: Event) -> bool:
    """Whether the contents in a response are compared: not those of events, leases and patches of a status."""
    ref = event.object_ref
    if not ref.resource or ref.resource in _NOT_COMPARED:
        return False
    return event.verb in {"create", "update"} or (event.verb == "patch" and ref.subresource != "status")


def _digests(event: Event, answer: Body) -> tuple[int, int]:
    """Digests of the spec, and of all that a request can change but the status; of a Scale neither is known."""
    if answer.kind == "Scale" or not answer.object.name or not _is_compared(event):
        return 0, 0
    keys = read(_KEYS, event.response_object) or {}
    metadata = read(_KEYS, keys.get("metadata", b"")) or {}
    spec = hash(bytes(keys["spec"])) if "spec" in keys else 0
    return spec, hash((*_without(_OF_THE_SERVER, metadata), *_without(_APART, keys)))


def _without(names: Container[str], fields: Mapping[str, msgspec.Raw]) -> Iterator[tuple[str, bytes]]:
    return ((name, bytes(value)) for name, value in fields.items() if name not in names)


def _labels(event: Event, full: Meta) -> tuple[tuple[str, str | None], ...] | None:
    """The labels in the body of a write of an object itself."""
    ref = event.object_ref
    if not ref.resource or ref.subresource or event.verb not in {"create", "update", "patch"}:
        return None
    found = full.labels or {}
    plain = tuple((intern(key), value) for key, value in found.items() if _is_label(key, value))
    return plain if len(plain) == len(found) else None


def _is_label(key: str, value: object) -> bool:
    """Whether this sets a label or takes one away; not a directive of a strategic merge patch."""
    return isinstance(value, str | None) and not key.startswith("$")
