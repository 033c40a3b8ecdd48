"""What an event's request and response bodies say about its object: names, owners, replicas, options.

Bodies are there from level Request (requestObject) and RequestResponse (responseObject) on. Only these few fields are
decoded; a field that has another shape than expected (custom kinds name theirs as they like) says nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from sys import intern

import msgspec

from kaudit_setup.attribution.evidence.listed import names_deleted, version_shown
from kaudit_setup.attribution.evidence.patches import read_patch
from kaudit_setup.attribution.evidence.shapes import (
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
from kaudit_setup.auditlog.event import Event


@dataclass(frozen=True, slots=True)
class Facts:
    """What the bodies say.

    `body`: whether there was any. `uid`: the object's, as the server knows it. `response_name`: the name in the
    answer, where a generated name is. `replicas`: the desired count, -1 if unsaid. `spec`: whether a change touches
    more than metadata and status, None if unknown. `relabels`: whether it touches labels, None if unknown.
    `labels`: all that the object has after a write, or, of a patch without an answer, those that it sets (None:
    takes away); None if unknown. `items`: names in the list that a deletecollection returned. `shown`: whether the
    answer to a list names the object asked about, None if unknown. `involved`: for an event object, what it is
    about; for an autoscaler, what it scales. `reowned`: a patch that says whose the object is from now on.
    `generation`: the server's count of changes of the spec, 0 if unsaid; after the request if it is `answered`, else
    as its sender knew it. `whole`: the request says all that the object should be, not what it changes (PUT,
    server-side apply). `spec_state` and `state`: digests of the spec, and of all but the status and the server's own
    metadata, in the answer; 0 if unsaid. `version`: the object's resourceVersion in the answer. `asked`: a digest of
    a request that is `whole`, else 0. `revision`: the template that a set made a Pod from. `dry_run`: what a
    deletion's options say, None if they are not in the log. `orphan`: they say that what the object owns is to stay.
    `mirror`: a Pod that its kubelet made from a manifest file. `account`: the ServiceAccount that a token Secret's
    annotation names. `claim`: the claim, with its namespace, that a volume is bound to.
    """

    body: bool = False
    uid: str = ""
    response_name: str = ""
    generate_name: str = ""
    owners: tuple[Owner, ...] = ()
    reowned: bool = False
    generation: int = 0
    answered: bool = False
    whole: bool = False
    spec_state: int = 0
    state: int = 0
    version: str = ""
    asked: int = 0
    revision: str = ""
    mirror: bool = False
    replicas: int = -1
    spec: bool | None = None
    relabels: bool | None = None
    labels: tuple[tuple[str, str | None], ...] | None = None
    dry_run: bool | None = None
    orphan: bool = False
    items: frozenset[str] | None = None
    shown: bool | None = None
    message: str = ""
    involved_kind: str = ""
    involved_name: str = ""
    node: str = ""
    account: str = ""
    claim: str = ""

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
_NO_STATE = frozenset({"events", "leases"})
"""Resources that are written all the time, and never compared."""
_REVISION = "controller-revision-hash"
_ACCOUNT = "kubernetes.io/service-account.name"
_MIRROR = "kubernetes.io/config.mirror"  # pkg/apis/core/annotation_key_constants.go:MirrorPodAnnotationKey


def body_facts(event: Event) -> Facts:
    """The facts in one event's bodies; nothing where there are none, or where nothing is asked of them (reads)."""
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
    spec_state, state = _states(event, answer)
    return Facts(
        body=True,
        uid=stored.uid or _uid(event, wanted),
        response_name=stored.name,
        generate_name=wanted.generate_name or stored.generate_name,
        owners=full.owners,
        generation=stored.generation or wanted.generation,
        answered=bool(stored.name),
        whole=whole,
        asked=hash(request) if whole else 0,
        version=stored.resource_version,
        spec_state=spec_state,
        state=state,
        revision=full.label(_REVISION),
        reowned=patch.owners,
        mirror=full.annotated(_MIRROR),
        replicas=_replicas(specs),
        spec=patch.spec,
        relabels=patch.labels,
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
    """The first that says anything."""
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

    Whatever a create carries is replaced (AS/pkg/registry/rest/meta.go:FillObjectMetaSystemFields).
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
    """Whether a deletion's options ask for one, None if they are not in the log; all else says it in its URI.

    A deletion without options has no body to log; an eviction always has one, which 1.20 does not log.
    """
    if not request:
        return False if _without_options(event) else None
    return part(_OPTIONS, request if event.verb in _DELETIONS else asked.delete_options).tries


def _has_state(event: Event) -> bool:
    """Whether an answer can show what an object was asked to be: not the many events, leases, patches of a status."""
    ref = event.object_ref
    if not ref.resource or ref.resource in _NO_STATE:
        return False
    return event.verb in {"create", "update"} or (event.verb == "patch" and ref.subresource != "status")


def _states(event: Event, answer: Body) -> tuple[int, int]:
    """Digests of the spec, and of all that a request can change but the status; of a Scale neither is known."""
    if answer.kind == "Scale" or not answer.object.name or not _has_state(event):
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
