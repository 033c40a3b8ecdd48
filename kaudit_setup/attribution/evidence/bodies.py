"""What an event's request and response bodies say about its object: names, owners, replicas, options.

Bodies are there from level Request (requestObject) and RequestResponse (responseObject) on. Only these few fields are
decoded; a field that has another shape than expected (custom kinds name theirs as they like) says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any, TypeVar

import msgspec

from kaudit_setup.auditlog.decode import shallow
from kaudit_setup.auditlog.event import Event


class Owner(msgspec.Struct, frozen=True, rename="camel"):
    """meta/v1 OwnerReference."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False
    patch: str = msgspec.field(name="$patch", default="")

    @property
    def dropped(self) -> bool:
        """Whether a strategic merge patch takes it away (pkg/controller/controller_ref_manager.go)."""
        return self.patch == "delete"

    @property
    def group(self) -> str:
        """The API group of the owner."""
        return self.api_version.rpartition("/")[0]


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


class _Meta(msgspec.Struct, rename="camel"):
    name: str = ""
    uid: str = ""
    generate_name: str = ""
    generation: int = 0
    resource_version: str = ""
    owner_references: list[Owner] | None = None
    annotations: dict[str, Any] | None = None
    labels: dict[str, Any] | None = None


class _Involved(msgspec.Struct, rename="camel"):
    kind: str = ""
    namespace: str = ""
    name: str = ""


class _Field(msgspec.Struct):
    key: str = ""
    values: list[str] = []


class _Term(msgspec.Struct, rename="camel"):
    match_fields: list[_Field] = []


class _Selector(msgspec.Struct, rename="camel"):
    node_selector_terms: list[_Term] = []


class _NodeAffinity(msgspec.Struct, rename="camel"):
    required_during_scheduling_ignored_during_execution: _Selector | None = None


class _Affinity(msgspec.Struct, rename="camel"):
    node_affinity: _NodeAffinity | None = None


class _Spec(msgspec.Struct, rename="camel"):
    replicas: Any = None
    node_name: Any = ""
    affinity: msgspec.Raw = msgspec.Raw()
    scale_target_ref: msgspec.Raw = msgspec.Raw()
    claim_ref: msgspec.Raw = msgspec.Raw()


class _Options(msgspec.Struct, rename="camel"):
    dry_run: list[str] | None = None
    propagation_policy: str = ""
    orphan_dependents: bool | None = None


class _Body(msgspec.Struct, rename="camel"):
    kind: str = ""
    metadata: _Meta | None = None
    spec: msgspec.Raw = msgspec.Raw()
    delete_options: msgspec.Raw = msgspec.Raw()
    message: Any = ""
    note: Any = ""
    involved_object: msgspec.Raw = msgspec.Raw()
    regarding: msgspec.Raw = msgspec.Raw()
    target: msgspec.Raw = msgspec.Raw()


class _Version(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Shown(msgspec.Struct):
    """What is asked of an object that was read."""

    kind: str = ""
    metadata: _Version | None = None


class _Identity(msgspec.Struct):
    uid: str = ""


class _Deletion(msgspec.Struct):
    """DeleteOptions, and the Status that answers them."""

    preconditions: _Identity | None = None
    details: _Identity | None = None


class _Item(msgspec.Struct):
    metadata: _Meta


class _Ref(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Entry(msgspec.Struct):
    metadata: _Ref


class _Row(msgspec.Struct):
    object: _Entry


class _Answer(msgspec.Struct):
    """What a list is answered with: objects, or the rows of a table (meta/v1 Table)."""

    items: list[_Entry] | None = None
    rows: list[_Row] | None = None


class _List(msgspec.Struct):
    items: list[_Item]


class _Op(msgspec.Struct):
    path: str = ""
    op: str = ""


_T = TypeVar("_T")
_BODY = msgspec.json.Decoder(_Body)
_SHOWN = msgspec.json.Decoder(_Shown)
_DELETION = msgspec.json.Decoder(_Deletion)
_SPEC = msgspec.json.Decoder(_Spec)
_INVOLVED = msgspec.json.Decoder(_Involved)
_OPTIONS = msgspec.json.Decoder(_Options)
_LIST = msgspec.json.Decoder(_List)
_ANSWER = msgspec.json.Decoder(_Answer)
_AFFINITY = msgspec.json.Decoder(_Affinity)
_OPS = msgspec.json.Decoder(list[_Op])
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NONE = Facts()
_WITHOUT_OPTIONS = Facts(dry_run=False)
_BOOKKEEPING = frozenset({"apiVersion", "kind", "metadata", "status", "$setElementOrder/status"})
_OF_THE_SERVER = frozenset({"resourceVersion", "generation", "managedFields"})
_REVISION = "controller-revision-hash"
_ACCOUNT = "kubernetes.io/service-account.name"
_MIRROR = "kubernetes.io/config.mirror"  # pkg/apis/core/annotation_key_constants.go:MirrorPodAnnotationKey


def body_facts(event: Event) -> Facts:
    """The facts in one event's bodies; nothing where there are none, or where nothing is asked of them (reads)."""
    request, response = bytes(event.request_object), bytes(event.response_object)
    if not request and not response:
        return _NONE if _dry_run(event, request, _Body()) is None else _WITHOUT_OPTIONS
    if event.verb == "get":
        return Facts(body=True, version=_version(response))
    if event.verb in {"list", "watch"}:
        return Facts(body=True)
    asked = _read(_BODY, request) or _Body()
    told = _read(_BODY, response) or _Body()
    meta = told.metadata if told.kind != "Status" and told.metadata else _Meta()
    wanted = asked.metadata or _Meta()
    # a patch may be a part of the object: its answer is the whole
    full = meta if meta.name else wanted
    specs = [_read(_SPEC, bytes(body.spec)) or _Spec() for body in (told, asked)]
    bound = _read(_INVOLVED, bytes(asked.target))
    concerned = (asked.involved_object, asked.regarding, asked.target, *(spec.scale_target_ref for spec in specs))
    about = next(filter(None, (_read(_INVOLVED, bytes(one)) for one in concerned)), _Involved())
    said = asked.message or asked.note
    items = _read(_LIST, response) if event.verb == "deletecollection" and response else None
    keys = _read(_KEYS, request) if event.verb == "patch" else None
    spec_state, state = _states(told.kind, response) if meta.name and _is_write(event) else (0, 0)
    whole = event.verb == "update" or (keys is not None and {"apiVersion", "kind"} <= keys.keys())
    return Facts(
        body=True,
        uid=meta.uid or _uid(event, wanted),
        response_name=meta.name,
        generate_name=wanted.generate_name or meta.generate_name,
        owners=tuple(full.owner_references or ()),
        generation=meta.generation or wanted.generation,
        answered=bool(meta.name),
        whole=whole,
        asked=hash(request) if whole else 0,
        version=meta.resource_version,
        spec_state=spec_state,
        state=state,
        revision=_text((full.labels or {}).get(_REVISION)),
        reowned=event.verb == "patch" and wanted.owner_references is not None,
        mirror=_MIRROR in (full.annotations or {}),
        replicas=next((spec.replicas for spec in specs if type(spec.replicas) is int), -1),
        spec=_touches_spec(event.verb, request),
        relabels=(relabels := _touches_labels(event.verb, request, wanted)),
        labels=_labels(event, full, known=bool(meta.name) or keys is not None or not relabels),
        dry_run=_dry_run(event, request, asked),
        orphan=event.verb == "delete" and _orphans(request),
        items=frozenset(item.metadata.name for item in items.items) if items else None,
        message=_text(said),
        involved_kind=about.kind,
        involved_name=about.name,
        account=_text((full.annotations or {}).get(_ACCOUNT)),
        claim=next(filter(None, map(_claim, specs)), ""),
        node=bound.name if bound and bound.kind in {"", "Node"} else _node(specs),
    )


def showed(event: Event, name: str, namespace: str) -> bool | None:
    """Whether the logged answer to a list names this object, None if that cannot be told."""
    response = bytes(event.response_object)
    if event.verb != "list" or not response:
        return None
    if name.isascii() and name.encode() not in response and (b'"items":[' in response or b'"rows":[' in response):
        return False  # at the speed of a search: lists are long
    told = _read(_ANSWER, response)
    if told is None or (told.items is None and told.rows is None):
        return None
    entries = [*(told.items or ()), *(row.object for row in told.rows or ())]
    # on a namespace of its own, an entry need not say which it is in
    return any(one.metadata.name == name and one.metadata.namespace in {namespace, ""} for one in entries)


def _version(response: bytes) -> str:
    """The resourceVersion of the object that a read shows, empty if it shows none."""
    told = _read(_SHOWN, response)
    return told.metadata.resource_version if told is not None and told.kind != "Status" and told.metadata else ""


def _uid(event: Event, wanted: _Meta) -> str:
    """The UID that a request names, or the Status that answers a deletion; it had to be the object's.

    Whatever a create carries is replaced (AS/pkg/registry/rest/meta.go:FillObjectMetaSystemFields).
    """
    if event.verb == "delete":
        status = _read(_DELETION, bytes(event.response_object)) or _Deletion()
        options = _read(_DELETION, bytes(event.request_object)) or _Deletion()
        return (status.details or options.preconditions or _Identity()).uid
    made = event.verb == "create" or event.response_status.code == 201
    return "" if made else wanted.uid


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _claim(spec: _Spec) -> str:
    """The claim that a volume's body names."""
    found = _read(_INVOLVED, bytes(spec.claim_ref))
    return f"{found.namespace}/{found.name}" if found and found.namespace and found.name else ""


def _node(specs: Sequence[_Spec]) -> str:
    """The node that a Pod's own body names; that of a DaemonSet names the only one that it may be bound to
    (pkg/controller/daemon/util/daemonset_util.go:ReplaceDaemonSetPodNodeNameNodeAffinity).
    """
    bound = next((spec.node_name for spec in specs if spec.node_name and isinstance(spec.node_name, str)), "")
    return bound or next(filter(None, map(_pinned, specs)), "")


def _pinned(spec: _Spec) -> str:
    affinity = _read(_AFFINITY, bytes(spec.affinity))
    rules = affinity.node_affinity if affinity else None
    required = rules.required_during_scheduling_ignored_during_execution if rules else None
    terms = required.node_selector_terms if required else []
    names = {name for term in terms for one in term.match_fields if one.key == "metadata.name" for name in one.values}
    return names.pop() if len(names) == 1 else ""


def _dry_run(event: Event, request: bytes, asked: _Body) -> bool | None:
    """Whether a deletion's options ask for one, None if they are not in the log; all else says it in its URI.

    A deletion without options has no body to log; an eviction always has one, which 1.20 does not log.
    """
    if event.verb in {"delete", "deletecollection"}:
        if not request:
            bodies = event.level in {"Request", "RequestResponse"} and not event.annotations.truncated
            return False if bodies else None
        options = _read(_OPTIONS, request)
    elif not request:
        return None
    else:
        options = _read(_OPTIONS, bytes(asked.delete_options))
    return options is not None and "All" in (options.dry_run or ())


def _orphans(request: bytes) -> bool:
    """Whether a deletion's options keep what the object owns (AS/pkg/registry/generic/registry/store.go)."""
    options = _read(_OPTIONS, request) or _Options()
    return options.propagation_policy == "Orphan" or bool(options.orphan_dependents)


def _is_write(event: Event) -> bool:
    """Whether an answer can show what an object was asked to be: not the many events, leases, patches of a status."""
    ref = event.object_ref
    if not ref.resource or ref.resource in {"events", "leases"}:
        return False
    return event.verb in {"create", "update"} or (event.verb == "patch" and ref.subresource != "status")


def _states(kind: str, response: bytes) -> tuple[int, int]:
    """Digests of the spec, and of all that a request can change but the status; of a Scale neither is known."""
    keys = _read(_KEYS, response)
    if keys is None or kind == "Scale":
        return 0, 0
    metadata = _read(_KEYS, bytes(keys.pop("metadata", b""))) or {}
    keys.pop("status", None)
    kept = [(key, bytes(value)) for key, value in metadata.items() if key not in _OF_THE_SERVER]
    kept += [(key, bytes(value)) for key, value in keys.items()]
    return hash(bytes(keys["spec"])) if "spec" in keys else 0, hash(tuple(kept))


def _touches_spec(verb: str, request: bytes) -> bool | None:
    """Whether a patch goes beyond labels, annotations and status; None for anything but a patch that was logged."""
    if verb != "patch" or not request:
        return None
    operations = _read(_OPS, request)
    if operations is not None:
        return any(not op.path.startswith(("/metadata", "/status")) for op in operations if op.op != "test")
    keys = _read(_KEYS, request)
    return None if keys is None else bool(keys.keys() - _BOOKKEEPING)


def _touches_labels(verb: str, request: bytes, wanted: _Meta) -> bool | None:
    """Whether a patch names labels; None for anything but a patch that was logged."""
    if verb != "patch" or not request:
        return None
    operations = _read(_OPS, request)
    if operations is not None:
        return any(op.path.startswith("/metadata/labels") or op.path == "/metadata" for op in operations)
    return wanted.labels is not None or b'"labels":null' in request


def _labels(event: Event, full: _Meta, *, known: bool) -> tuple[tuple[str, str | None], ...] | None:
    """The labels in the body of a write of an object itself, if all that it does to them is `known`."""
    ref = event.object_ref
    if not known or not ref.resource or ref.subresource or event.verb not in {"create", "update", "patch"}:
        return None
    found = full.labels or {}
    if any(key.startswith("$") or not isinstance(value, str | None) for key, value in found.items()):
        return None
    return tuple((intern(key), value) for key, value in found.items())


def _read(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T | None:
    if not body:
        return None
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError:
        return None
    except RecursionError:
        return _read(decoder, shallow(body))
