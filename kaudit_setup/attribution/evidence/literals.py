"""What to search a log for: the bytes by which kube-apiserver names an object, or a collection, in an event."""

from __future__ import annotations

from kaudit_setup.attribution.evidence.requests import Object
from kaudit_setup.auditlog.literals import spelled
from kaudit_setup.values import replace


def quoted(text: str) -> bytes:
    """`text` as a whole JSON string."""
    return b'"' + spelled(text) + b'"'


def place(obj: Object) -> bytes:
    """What every line on an object of `obj`'s namespace holds: its objectRef names that; empty if it is in none."""
    return quoted(obj.namespace) if obj.namespace else b""


def pod_ending(name: str) -> bytes:
    """A Pod's name as a string's end: alone, or at the end of a controller's `Created pod: <name>`."""
    return spelled(name) + b'"'


def named(obj: Object) -> tuple[bytes, ...]:
    """Where kube-apiserver writes `obj` as an objectRef: its fields come in this order (audit/v1 ObjectReference)."""
    name = b'"name":' + quoted(obj.name)
    if obj.resource == "namespaces":
        # a request for one namespace carries it as its namespace too, a create does not
        return (b'"resource":"namespaces",' + name, b'"namespace":' + quoted(obj.name) + b"," + name)
    if not obj.namespace:
        return (b'"resource":' + quoted(obj.resource) + b"," + name,)
    return (b'"namespace":' + quoted(obj.namespace) + b"," + name,)


NODE_PROXY = b'"subresource":"proxy"'
"""Every request through a proxy: one through a node's names a Pod in its path, in whatever spelling the sender chose
(see `through_kubelet`).
"""


def with_a_port(obj: Object) -> tuple[bytes, ...]:
    """How a request for the proxy of `obj` names it with a scheme or a port (see `proxied`)."""
    return tuple(
        literal
        for scheme in ("", ":", "http:", "https:")
        for literal in begins(replace(obj, name=f"{scheme}{obj.name}:"))
    )


def begins(obj: Object) -> tuple[bytes, ...]:
    """As `named`, of an object of which only the beginning of the name is known."""
    return tuple(literal[:-1] for literal in named(obj))


def sisters(obj: Object) -> tuple[bytes, ...]:
    """The other objects of `obj`'s kind that the same owner made: `<owner>-` and something else."""
    above = obj.name.rpartition("-")[0]
    kind = b'"resource":' + quoted(obj.resource) + b","
    return tuple(kind + literal for literal in begins(replace(obj, name=f"{above}-"))) if above else ()


def bulk_deletions(obj: Object) -> tuple[bytes, ...]:
    """Where deletions are that may have taken `obj` along with its whole collection; none for a namespace, which is
    deleted by name only (pkg/registry/core/namespace/storage/storage.go has no DeleteCollection).
    """
    return () if (obj.group, obj.resource) == ("", "namespaces") else (nameless_requests(obj),)


def nameless_requests(obj: Object) -> bytes:
    """Every request on the collection that `obj` is in: creates whose name the server makes up, lists, deletions."""
    where = b',"namespace":' + quoted(obj.namespace) if obj.namespace else b""
    return b'"resource":' + quoted(obj.resource) + where + b',"api'
