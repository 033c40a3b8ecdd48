"""The questions that an audit log is asked, each as the requests that would have to be in it, and in which form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from kaudit_setup.policy.catalog import requests, resources, versions
from kaudit_setup.policy.classes.need import AFTER_OR_DURING, Ask, Need
from kaudit_setup.policy.classes.space import Space
from kaudit_setup.policy.questions.requesters import Who, region, uses


@dataclass(frozen=True, slots=True)
class Question:
    """`id` is stable; `asks` gives every class of request that must be in the log."""

    id: str
    text: str
    asks: Callable[[Space], Iterable[Ask]]


def _pods_created(space: Space, who: Who = "person") -> list[Ask]:
    return [Ask(region(space, who, *uses(space, ["create"], ("", "pods"))))]


def _pods_changed(space: Space, who: Who = "person") -> list[Ask]:
    kinds = [("", "pods")]
    if space.version >= versions.SINCE["", "pods/resize"]:
        kinds.append(("", "pods/resize"))
    return [Ask(region(space, who, *uses(space, ["update", "patch"], *kinds)))]


def _pods_deleted(space: Space, who: Who = "person") -> list[Ask]:
    boxes = uses(space, ["delete", "deletecollection"], ("", "pods"))
    boxes += uses(space, ["create"], ("", "pods/eviction"))
    return [Ask(region(space, who, *boxes))]


def _session(part: str) -> Callable[[Space], list[Ask]]:
    # kubectl opens it by POST (SPDY) or, since 1.30, by GET (websocket)
    def asks(space: Space) -> list[Ask]:
        boxes = uses(space, ["create", "get"], ("", f"pods/{part}"))
        return [Ask(region(space, "anybody", *boxes), Need(stages=AFTER_OR_DURING))]

    return asks


def _debug(space: Space) -> list[Ask]:
    return [Ask(region(space, "anybody", *uses(space, ["update", "patch"], ("", "pods/ephemeralcontainers"))))]


def _secret_read(space: Space) -> list[Ask]:
    kind = ("", "secrets")
    need = Need(bodiless="read")
    watched = Need(stages=AFTER_OR_DURING, bodiless="read")
    return [
        Ask(region(space, "anybody", *uses(space, ["get", "list"], kind)), need),
        Ask(region(space, "anybody", *uses(space, ["watch"], kind)), watched),
    ]


def _secret_changed(space: Space) -> list[Ask]:
    kind = ("", "secrets")
    written = region(space, "anybody", *uses(space, ["create", "update", "patch"], kind))
    # a deletion's body is its options; the response may be the object
    deleted = region(space, "anybody", *uses(space, ["delete", "deletecollection"], kind))
    return [Ask(written, Need(bodiless="write")), Ask(deleted, Need(bodiless="read"))]


def _rbac(space: Space) -> list[Ask]:
    namespaced = uses(space, requests.WRITES, (resources.RBAC, "roles"), (resources.RBAC, "rolebindings"))
    kinds = ((resources.RBAC, "clusterroles"), (resources.RBAC, "clusterrolebindings"))
    return [Ask(region(space, "anybody", *namespaced, *uses(space, requests.WRITES, *kinds, cluster=True)))]


def outsiders(space: Space) -> list[Ask]:
    """Every request of people and of service accounts outside kube-system, but health, version and discovery."""
    long_verbs = space.verbs.mask(requests.LONG_RUNNING_VERBS)
    long_parts = space.parts(requests.LONG_RUNNING_PARTS)
    public, pprof = space.url(requests.PUBLIC_URLS), space.url([requests.LONG_RUNNING_URLS])
    long = [
        space.box(verb=long_verbs, where=space.resources),
        space.box(verb=space.verbs.all & ~long_verbs, where=long_parts),
        space.box(where=pprof & ~public),
    ]
    short = [
        space.box(verb=space.verbs.all & ~long_verbs, where=space.resources & ~long_parts),
        space.box(where=space.urls & ~public & ~pprof),
    ]
    return [
        Ask(region(space, "outsider", *short), Need(early=False)),
        Ask(region(space, "outsider", *long), Need(stages=AFTER_OR_DURING, early=False)),
    ]


def _login_failed(space: Space) -> list[Ask]:
    # a probe's health check with a bad token is not a login; the one event of a 401 is at ResponseStarted
    boxes = [space.box(where=space.everywhere & ~space.url(requests.HEALTH_URLS))]
    return [Ask(region(space, "nobody", *boxes), Need(stages=("ResponseStarted",), early=False))]


def _namespace_deleted(space: Space) -> list[Ask]:
    # /api/v1/namespaces/x has x as its namespace and as its name
    where, verb = space.kinds(("", "namespaces")), space.verbs.bit["delete"]
    boxes = [
        space.box(where=where, verb=verb, namespace=space.namespaces.bit[name], name=space.names.bit[name])
        for name in space.names.values
        if name
    ]
    return [Ask(region(space, "anybody", *boxes))]


def _token_created(space: Space) -> list[Ask]:
    boxes = uses(space, ["create"], ("", "serviceaccounts/token"))
    boxes += uses(space, ["create"], ("", "secrets"))
    return [Ask(region(space, "anybody", *boxes))]


def link_by_body(space: Space, namespace: int) -> Ask:
    """The Pods that controllers make, with the name that only the response knows."""
    boxes = [b._replace(at=(*b.at[:3], namespace, b.at[4])) for b in uses(space, ["create"], ("", "pods"))]
    return Ask(region(space, "pod maker", *boxes), Need(level="RequestResponse", early=False))


def link_by_binding(space: Space, namespace: int) -> Ask:
    """The scheduler's bindings, whose URL has the Pod's name."""
    boxes = [b._replace(at=(*b.at[:3], namespace, b.at[4])) for b in uses(space, ["create"], ("", "pods/binding"))]
    return Ask(region(space, "scheduler", *boxes))


def owners(space: Space) -> list[Ask]:
    """What people do to the objects whose controllers make Pods."""
    kinds = [("apps", k) for k in ("daemonsets", "deployments", "replicasets", "statefulsets")]
    kinds += [("batch", "cronjobs"), ("batch", "jobs"), ("", "replicationcontrollers")]
    scales = [("apps", f"{k}/scale") for k in ("deployments", "replicasets", "statefulsets")]
    boxes = uses(space, ["create", "update", "patch"], *kinds)
    boxes += uses(space, ["update", "patch"], *scales, ("", "replicationcontrollers/scale"))
    return [Ask(region(space, "person", *boxes))]


QUESTIONS: Final = (
    Question("pod-created", "Who created a Pod by hand?", _pods_created),
    Question("pod-changed", "Who changed a Pod by hand?", _pods_changed),
    Question("pod-deleted", "Who deleted a Pod by hand?", _pods_deleted),
    Question("pod-behind", "Who stands behind a Pod that a controller made?", owners),
    Question("exec", "Who ran exec in a Pod?", _session("exec")),
    Question("attach", "Who attached to a Pod?", _session("attach")),
    Question("port-forward", "Who forwarded a port of a Pod?", _session("portforward")),
    Question("debug", "Who put a debug container into a Pod?", _debug),
    Question("secret-read", "Who read a Secret, without its content in the log?", _secret_read),
    Question("secret-changed", "Who changed a Secret, without its content in the log?", _secret_changed),
    Question("rbac-changed", "Who changed RBAC?", _rbac),
    Question("impersonated", "Who impersonated somebody?", outsiders),
    Question("login-failed", "Who failed to log in?", _login_failed),
    Question("forbidden", "Who was forbidden something?", outsiders),
    Question("namespace-deleted", "Who deleted a namespace?", _namespace_deleted),
    Question("token-created", "Who created a token?", _token_created),
)

# "by hand" questions, asked again of service accounts: no part of the answer, but worth a word
BY_HAND: Final[dict[str, Callable[[Space, Who], list[Ask]]]] = {
    "pod-created": _pods_created,
    "pod-changed": _pods_changed,
    "pod-deleted": _pods_deleted,
}
