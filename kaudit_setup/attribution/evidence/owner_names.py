"""Whose child an object is, by the names that controllers give.

Sources: AS/pkg/storage/names/generate.go (63 characters, five of them random), AM/pkg/util/rand/rand.go (their
alphabet), pkg/controller/deployment/sync.go:getNewReplicaSet (`<deployment>-<hash>`), pkg/controller/statefulset
(`<set>-<n>`), pkg/controller/cronjob/utils.go:getJobName (minutes since 1970; in 1.20 seconds),
pkg/controller/job/indexed_job_utils.go (`<job>-<index>-`), pkg/controller/history (`<set>-<hash>`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from kaudit_setup.attribution.evidence.actors import (
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    JOBS,
    REPLICASETS,
    REPLICATIONS,
    STATEFULSETS,
)
from kaudit_setup.attribution.evidence.requests import Object

_SAFE = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST, _TAIL = 63, 5
_RANDOM = rf"(?P<base>.+)-[{_SAFE}]{{{_TAIL}}}\Z"
_INDEXED = rf"(?P<base>.+)-[0-9]+-[{_SAFE}]{{{_TAIL}}}\Z"
_CUT = rf"(?P<base>.{{{_LONGEST - _TAIL}}})[{_SAFE}]{{{_TAIL}}}\Z"
_HASHED = rf"(?P<base>.+)-[{_SAFE}]{{1,10}}\Z"
_DEPLOYED = rf".+-[{_SAFE}]{{8,10}}-[{_SAFE}]{{{_TAIL}}}\Z"
_ORDINAL = r"(?P<base>.+)-[0-9]+\Z"
_TOKEN = rf"(?P<base>.+)-token-[{_SAFE}]{{{_TAIL}}}\Z"
_TIMED = r"(?P<base>.+)-[0-9]{8,10}\Z"
_SAME = r"(?P<base>.+)\Z"


class Guess(msgspec.Struct, frozen=True):
    """A possible owner, the controller that would have made the child, and the scheme in words.

    `prefix` marks an owner of which only the beginning of the name is known: generated names are cut (63).
    """

    owner: Object
    controller: str
    scheme: str
    prefix: bool = False


class _Scheme(NamedTuple):
    """How a controller names what it makes for an owner: `pattern` finds the owner's name in the child's."""

    pattern: str
    group: str
    resource: str
    controller: str
    words: str
    prefix: bool = False


_FIRST = f"the first {_LONGEST - _TAIL} characters of its owner's, cut, and <5>"
# By the child's group and resource, the likely owners first.
_SCHEMES: Final = {
    ("", "pods"): (
        _Scheme(_RANDOM, "apps", "replicasets", REPLICASETS, "<replicaset>-<5>"),
        _Scheme(_RANDOM, "apps", "daemonsets", DAEMONSETS, "<daemonset>-<5>"),
        _Scheme(_RANDOM, "batch", "jobs", JOBS, "<job>-<5>"),
        _Scheme(_RANDOM, "", "replicationcontrollers", REPLICATIONS, "<replicationcontroller>-<5>"),
        _Scheme(_INDEXED, "batch", "jobs", JOBS, "<job>-<index>-<5>"),
        _Scheme(_CUT, "apps", "replicasets", REPLICASETS, _FIRST, prefix=True),
        _Scheme(_CUT, "apps", "daemonsets", DAEMONSETS, _FIRST, prefix=True),
        _Scheme(_CUT, "batch", "jobs", JOBS, _FIRST, prefix=True),
        _Scheme(_ORDINAL, "apps", "statefulsets", STATEFULSETS, "<statefulset>-<n>"),
    ),
    ("apps", "replicasets"): (_Scheme(_HASHED, "apps", "deployments", DEPLOYMENTS, "<deployment>-<hash>"),),
    ("batch", "jobs"): (_Scheme(_TIMED, "batch", "cronjobs", CRONJOBS, "<cronjob>-<time>"),),
    ("apps", "controllerrevisions"): (
        _Scheme(_HASHED, "apps", "statefulsets", STATEFULSETS, "<statefulset>-<hash>"),
        _Scheme(_HASHED, "apps", "daemonsets", DAEMONSETS, "<daemonset>-<hash>"),
    ),
    ("", "endpoints"): (_Scheme(_SAME, "", "services", "endpoint-controller", "<service>"),),
    ("discovery.k8s.io", "endpointslices"): (
        _Scheme(_RANDOM, "", "services", "endpointslice-controller", "<service>-<5>"),
    ),
    ("", "secrets"): (_Scheme(_TOKEN, "", "serviceaccounts", "tokens-controller", "<serviceaccount>-token-<5>"),),
}
# What every namespace has, by group, resource and name: the controller that makes it.
_IN_EVERY_NAMESPACE: Final = {
    ("", "serviceaccounts", "default"): "service-account-controller",
    ("", "configmaps", "kube-root-ca.crt"): "root-ca-cert-publisher",
}


def guesses(child: Object) -> Iterator[Guess]:
    """The owners that `child`'s name allows, the likely ones first."""
    for scheme in _SCHEMES.get((child.group, child.resource), ()):
        if found := re.match(scheme.pattern, child.name):
            owner = Object(scheme.group, scheme.resource, child.namespace, found["base"])
            yield Guess(owner, scheme.controller, scheme.words, scheme.prefix)
    if (child.group, child.resource) == ("", "persistentvolumeclaims"):
        yield from _claims(child)
    if controller := _IN_EVERY_NAMESPACE.get((child.group, child.resource, child.name)):
        yield Guess(Object("", "namespaces", "", child.namespace), controller, "one in every namespace")


def possible_owners(child: Object) -> list[Object]:
    """The objects that may own `child`, as its name allows."""
    return [guess.owner for guess in guesses(child)]


def generated_from(prefix: str, name: str) -> bool:
    """Whether the server could have made `name` from `generateName: prefix`."""
    base = prefix[: _LONGEST - _TAIL]
    tail = name[len(base) :]
    return bool(prefix) and name.startswith(base) and len(tail) == _TAIL and not set(tail) - set(_SAFE)


def of_deployment(obj: Object) -> bool:
    """Whether a Pod's name ends as those of a Deployment do: a hash of eight to ten characters and five more."""
    return obj.resource == "pods" and bool(re.match(_DEPLOYED, obj.name))


def is_generated(name: str) -> bool:
    """Whether a name looks as if the server had added its five characters to it."""
    return len(name) > _TAIL and not set(name[-_TAIL:]) - set(_SAFE)


def _claims(child: Object) -> Iterator[Guess]:
    """`<template>-<set>-<n>`: both may hold dashes."""
    if found := re.match(_ORDINAL, child.name):
        parts = found["base"].split("-")
        for at in range(1, len(parts)):
            owner = Object("apps", "statefulsets", child.namespace, "-".join(parts[at:]))
            yield Guess(owner, STATEFULSETS, "<claim template>-<statefulset>-<n>")
