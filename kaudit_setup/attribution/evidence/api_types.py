"""The parts of Kubernetes' bodies that are decoded, as its API types spell them, and the one way to decode them.

Sources: AM/pkg/apis/meta/v1/types.go (ObjectMeta, DeleteOptions, Status, Table), staging/src/k8s.io/api (the others).
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from kaudit_setup.auditlog.decode import shallow

_T = TypeVar("_T")
_S = TypeVar("_S", bound=msgspec.Struct)


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


class Meta(msgspec.Struct, rename="camel"):
    """meta/v1 ObjectMeta."""

    name: str = ""
    uid: str = ""
    generate_name: str = ""
    generation: int = 0
    resource_version: str = ""
    owner_references: list[Owner] | None = None
    annotations: dict[str, Any] | None = None
    labels: dict[str, Any] | None = None

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Whose the object is."""
        return tuple(self.owner_references or ())

    def annotated(self, key: str) -> bool:
        """Whether there is such an annotation."""
        return key in (self.annotations or {})

    def annotation(self, key: str) -> str:
        """The value of one annotation, empty if there is none."""
        return text((self.annotations or {}).get(key))

    def label(self, key: str) -> str:
        """The value of one label, empty if there is none."""
        return text((self.labels or {}).get(key))


class Reference(msgspec.Struct):
    """core/v1 ObjectReference, and what is like it (CrossVersionObjectReference of autoscalers)."""

    kind: str = ""
    namespace: str = ""
    name: str = ""


class _Field(msgspec.Struct, frozen=True):
    key: str = ""
    values: list[str] = []


class _Term(msgspec.Struct, frozen=True, rename="camel"):
    match_fields: list[_Field] = []


class _Selector(msgspec.Struct, frozen=True, rename="camel"):
    node_selector_terms: list[_Term] = []


class _NodeAffinity(msgspec.Struct, frozen=True, rename="camel"):
    required_during_scheduling_ignored_during_execution: _Selector = _Selector()


class _Affinity(msgspec.Struct, frozen=True, rename="camel"):
    node_affinity: _NodeAffinity = _NodeAffinity()


class Spec(msgspec.Struct, rename="camel"):
    """The fields of any kind's spec that are asked for; another kind may use the same name for something else."""

    replicas: Any = None
    node_name: Any = ""
    affinity: msgspec.Raw = msgspec.Raw()
    scale_target_ref: msgspec.Raw = msgspec.Raw()
    taints: msgspec.Raw = msgspec.Raw()
    claim_ref: msgspec.Raw = msgspec.Raw()

    @property
    def claim(self) -> str:
        """The claim, with its namespace, that a volume's spec names; empty if it names none."""
        found = part(_REFERENCE, self.claim_ref)
        return f"{found.namespace}/{found.name}" if found.namespace and found.name else ""

    @property
    def pinned(self) -> str:
        """The only node that a Pod's affinity allows; empty if there are several, or none."""
        affinity = part(_AFFINITY, self.affinity)
        terms = affinity.node_affinity.required_during_scheduling_ignored_during_execution.node_selector_terms
        fields = [one for term in terms for one in term.match_fields if one.key == "metadata.name"]
        names = {name for one in fields for name in one.values}
        return names.pop() if len(names) == 1 else ""


class Body(msgspec.Struct, rename="camel"):
    """Any object, as far as it is asked for."""

    kind: str = ""
    metadata: Meta | None = None
    spec: msgspec.Raw = msgspec.Raw()
    delete_options: msgspec.Raw = msgspec.Raw()
    message: Any = ""
    note: Any = ""
    involved_object: msgspec.Raw = msgspec.Raw()
    regarding: msgspec.Raw = msgspec.Raw()
    target: msgspec.Raw = msgspec.Raw()

    @property
    def object(self) -> Meta:
        """The metadata of the object that this is; empty if it is a Status, or none."""
        return self.metadata if self.metadata is not None and self.kind != "Status" else Meta()

    @property
    def said(self) -> str:
        """The message of an event (core/v1: message, events.k8s.io/v1: note)."""
        return text(self.message or self.note)


class DeleteOptions(msgspec.Struct, rename="camel"):
    """meta/v1 DeleteOptions."""

    dry_run: list[str] | None = None
    propagation_policy: str = ""
    orphan_dependents: bool | None = None

    @property
    def orphan(self) -> bool:
        """Whether what the object owns is to stay (AS/pkg/registry/generic/registry/store.go)."""
        return self.propagation_policy == "Orphan" or bool(self.orphan_dependents)

    @property
    def tries(self) -> bool:
        """Whether the deletion is a dry run."""
        return "All" in (self.dry_run or ())


class Identity(msgspec.Struct):
    """What holds a UID."""

    uid: str = ""


class Deletion(msgspec.Struct):
    """The UID in DeleteOptions, and in the Status that answers them."""

    preconditions: Identity | None = None
    details: Identity | None = None

    @property
    def uid(self) -> str:
        """The UID in either."""
        return (self.details or self.preconditions or Identity()).uid


class _Version(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class Shown(msgspec.Struct):
    """What is asked of an object that was read."""

    kind: str = ""
    metadata: _Version | None = None

    @property
    def version(self) -> str:
        """The object's resourceVersion; empty if this is a Status, or says none."""
        return self.metadata.resource_version if self.metadata is not None and self.kind != "Status" else ""


class _Named(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class Entry(msgspec.Struct):
    """One object of a list."""

    metadata: _Named


class _Row(msgspec.Struct):
    object: Entry


class Listed(msgspec.Struct):
    """The answer to a list: objects, or the rows of a table (meta/v1 Table)."""

    items: list[Entry] | None = None
    rows: list[_Row] | None = None

    @property
    def entries(self) -> list[Entry] | None:
        """The objects, however they are listed; None if this is not a list."""
        if self.items is None and self.rows is None:
            return None
        return [*(self.items or ()), *(row.object for row in self.rows or ())]


class Operation(msgspec.Struct):
    """One operation of a JSON patch (RFC 6902)."""

    path: str = ""
    op: str = ""
    value: msgspec.Raw = msgspec.Raw()


_AFFINITY = msgspec.json.Decoder(_Affinity)
_REFERENCE = msgspec.json.Decoder(Reference)


def read(decoder: msgspec.json.Decoder[_T], body: bytes | msgspec.Raw) -> _T | None:
    """What `decoder` makes of a body; None if there is none, or it has another shape."""
    if not body:
        return None
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError:
        return None
    except RecursionError:
        return read(decoder, shallow(bytes(body)))


def part(decoder: msgspec.json.Decoder[_S], body: bytes | msgspec.Raw) -> _S:
    """As `read`, but with all fields at their defaults where there is nothing."""
    return read(decoder, body) or decoder.type()


def text(value: object) -> str:
    """`value` if it is text, else nothing."""
    return value if isinstance(value, str) else ""
