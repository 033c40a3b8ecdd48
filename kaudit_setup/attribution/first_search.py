"""The first pass over a log: what is looked for, and how the log spells the object asked about."""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.answer import Question, Verb
from kaudit_setup.attribution.evidence.choose import lifespan
from kaudit_setup.attribution.evidence.index import EventIndex
from kaudit_setup.attribution.evidence.literals import (
    NODE_PROXY,
    begins,
    named,
    nameless_requests,
    place,
    pod_ending,
    quoted,
    sisters,
    with_a_port,
)
from kaudit_setup.attribution.evidence.owner_names import guesses, of_deployment
from kaudit_setup.attribution.evidence.requests import Object, Request
from kaudit_setup.attribution.evidence.search import Search
from kaudit_setup.attribution.unanswered.missing_logs import SERVER_PODS
from kaudit_setup.auditlog.kinds import Kind
from kaudit_setup.auditlog.literals import spelled
from kaudit_setup.auditlog.timestamps import Window
from kaudit_setup.values import replace


def literals(verb: Verb, obj: Object) -> list[bytes]:
    """What the first pass looks for: the object, the owners that its name allows, requests that hold no name."""
    return [*_own(obj), *_of_owners(obj), *_inside(verb, obj), *_nameless(verb, obj), *_anywhere(verb, obj)]


def first_search(question: Question, *, servers: bool) -> Search:
    """What a question looks for first: what names the object and, `ahead`, what matters only if that does not tell
    the answer. `servers`: whether the Pods of API servers are looked for, too, where the answer needs them.
    """
    obj, verb, kind = question.object, question.verb, question.kind
    # of a kind that may be in no namespace the objectRef may name none
    within = place(obj) if kind is not None and kind.namespaced else b""
    owners = (*_of_owners(obj), *_inside(verb, obj), *_nameless(verb, obj))
    if verb is Verb.created and not of_deployment(obj):
        return Search(tuple(_own(obj)), within=within, name=obj.name, ahead=owners)
    pods = [SERVER_PODS] if servers and not asks_once(verb) else []
    # lists and watches by the control plane itself are told by no timeline; they may tell a custom resource's group
    wide = obj.resource if kind is not None and kind.group is not None and within else ""
    return Search((*_own(obj), *owners), within=within, anywhere=(*_anywhere(verb, obj), *pods), by_others=wide)


def look_twice(index: EventIndex, question: Question, search: Search) -> None:
    """Look for the object, and then for who asked for all of its kind: that matters only while it was there."""
    apart = {search.on_all}.intersection(search.anywhere)
    index.look_for(replace(search, anywhere=tuple(one for one in search.anywhere if one not in apart)))
    lived = lifespan(index.done(as_logged(index, question)[0]))
    index.look_for(Search(anywhere=tuple(apart), by_others=search.by_others, window=Window.around(*lived)))


def asks_once(verb: Verb) -> bool:
    """Whether one request is asked for that may be known whatever came later, rather than the last of many."""
    return verb in {Verb.created, Verb.deleted}


def _own(obj: Object) -> list[bytes]:
    if of_deployment(obj):
        # one literal for the Pod, its siblings and its ReplicaSet, rare enough to stand for itself
        return [spelled(obj.name.rpartition("-")[0])]
    return [by_name(obj)]


def by_name(obj: Object) -> bytes:
    """What every line that names the object holds."""
    return pod_ending(obj.name) if obj.resource == "pods" else quoted(obj.name)


def _of_owners(obj: Object) -> list[bytes]:
    found: list[bytes] = []
    for guess in guesses(obj):
        # a Pod's siblings begin like its ReplicaSet: one of them may have made room for it
        found += begins(guess.owner)
        found += sisters(guess.owner) if guess.owner.resource == "replicasets" else ()
        found += [literal for above in guesses(guess.owner) for literal in named(above.owner)]
    return found


def _inside(verb: Verb, obj: Object) -> list[bytes]:
    """Requests that go into the object by another way than its own subresources."""
    with_ports = obj.resource in {"pods", "services", "nodes"} and verb in {Verb.exec, Verb.touched}
    return list(with_a_port(obj)) if with_ports else []


def _anywhere(verb: Verb, obj: Object) -> list[bytes]:
    """Requests that may be on the object, though they do not name its namespace as others do."""
    by_kubelet = obj.resource == "pods" and verb in {Verb.exec, Verb.read, Verb.touched}
    on_all = verb in {Verb.read, Verb.touched}
    return [
        *([NODE_PROXY] if by_kubelet else ()),
        *([nameless_requests(replace(obj, namespace=""))] if on_all else ()),
    ]


def _nameless(verb: Verb, obj: Object) -> list[bytes]:
    """Requests on the whole collection that the object is in."""
    wanted = verb in {Verb.deleted, Verb.read, Verb.touched} or (verb is Verb.created and any(guesses(obj)))
    return [nameless_requests(obj)] if wanted else []


def as_logged(index: EventIndex, question: Question) -> tuple[Object, list[Object]]:
    """The object with the group, resource and scope that the log uses, where the user could not say them all, and
    those of other groups that may be meant as well.
    """
    obj, kind = question.object, question.kind
    if kind is None or (kind.group is not None and kind.namespaced is not None):
        return obj, []
    alike = _of_kind(index, kind, obj.namespace)
    known = list(dict.fromkeys(request.object for request in alike if request.name == obj.name))
    if known:
        return known[0], [one for one in known if one.group != known[0].group]
    return _as_its_collection(obj, alike), []


def _of_kind(index: EventIndex, kind: Kind, namespace: str) -> list[Request]:
    """The requests on objects that may be of the kind and the namespace asked about."""
    alike = (request for request in index.all() if kind.takes(request.group, request.resource))
    return [request for request in alike if request.namespace in {namespace, ""}]


def _as_its_collection(obj: Object, alike: Sequence[Request]) -> Object:
    """As requests on the whole collection call it; they do not tell whether it is in a namespace."""
    on_all = next((request for request in alike if not request.name), None)
    return obj if on_all is None else replace(obj, group=on_all.group, resource=on_all.resource)
