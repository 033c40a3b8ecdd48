"""Whose child an object is, by the names that controllers give.

Sources: AS/pkg/storage/names/generate.go (63 characters, five of them random), AM/pkg/util/rand/rand.go (their
alphabet), pkg/controller/deployment/sync.go:getNewReplicaSet (`<deployment>-<hash>`), pkg/controller/statefulset
(`<set>-<n>`), pkg/controller/cronjob/utils.go:getJobName (minutes since 1970; in 1.20 seconds),
pkg/controller/job/indexed_job_utils.go (`<job>-<index>-`), pkg/controller/history (`<set>-<hash>`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

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
_RANDOM = re.compile(rf"(?P<base>.+)-[{_SAFE}]{{5}}\Z")
_HASHED = re.compile(rf"(?P<base>.+)-[{_SAFE}]{{1,10}}\Z")
_DEPLOYED = re.compile(rf".+-[{_SAFE}]{{8,10}}-[{_SAFE}]{{5}}\Z")
_ORDINAL = re.compile(r"(?P<base>.+)-[0-9]+\Z")
_TOKEN = re.compile(rf"(?P<base>.+)-token-[{_SAFE}]{{5}}\Z")
_TIMED = re.compile(r"(?P<base>.+)-[0-9]{8,10}\Z")
_LONGEST, _TAIL = 63, 5


@dataclass(frozen=True, slots=True)
class Guess:
    """A possible owner, the controller that would have made the child, and the scheme in words.

    `prefix` marks an owner of which only the beginning of the name is known: generated names are cut (63).
    """

    owner: Object
    controller: str
    scheme: str
    prefix: bool = False


def guesses(child: Object) -> Iterator[Guess]:
    """The owners that `child`'s name allows, the likely ones first."""
    kind = (child.group, child.resource)
    if kind == ("", "pods"):
        yield from _pods(child)
    elif kind == ("apps", "replicasets"):
        if found := _HASHED.match(child.name):
            yield _guess(child, "apps", "deployments", found["base"], DEPLOYMENTS, "<deployment>-<hash>")
    elif kind == ("batch", "jobs"):
        if found := _TIMED.match(child.name):
            yield _guess(child, "batch", "cronjobs", found["base"], CRONJOBS, "<cronjob>-<time>")
    elif kind == ("apps", "controllerrevisions"):
        if found := _HASHED.match(child.name):
            yield _guess(child, "apps", "statefulsets", found["base"], STATEFULSETS, "<statefulset>-<hash>")
            yield _guess(child, "apps", "daemonsets", found["base"], DAEMONSETS, "<daemonset>-<hash>")
    elif kind == ("", "endpoints"):
        yield _guess(child, "", "services", child.name, "endpoint-controller", "<service>")
    elif kind == ("discovery.k8s.io", "endpointslices"):
        if found := _RANDOM.match(child.name):
            yield _guess(child, "", "services", found["base"], "endpointslice-controller", "<service>-<5>")
    elif kind == ("", "persistentvolumeclaims"):
        yield from _claims(child)
    elif kind == ("", "secrets"):
        if found := _TOKEN.match(child.name):
            owner = Object("", "serviceaccounts", child.namespace, found["base"])
            yield Guess(owner, "tokens-controller", "<serviceaccount>-token-<5>")
    elif (*kind, child.name) in {("", "serviceaccounts", "default"), ("", "configmaps", "kube-root-ca.crt")}:
        controller = "root-ca-cert-publisher" if child.resource == "configmaps" else "service-account-controller"
        yield Guess(Object("", "namespaces", "", child.namespace), controller, "one in every namespace")


def generated_from(prefix: str, name: str) -> bool:
    """Whether the server could have made `name` from `generateName: prefix`."""
    base = prefix[: _LONGEST - _TAIL]
    tail = name[len(base) :]
    return bool(prefix) and name.startswith(base) and len(tail) == _TAIL and not set(tail) - set(_SAFE)


def of_deployment(obj: Object) -> bool:
    """Whether a Pod's name ends as those of a Deployment do: a hash of eight to ten characters and five more."""
    return obj.resource == "pods" and bool(_DEPLOYED.match(obj.name))


def is_generated(name: str) -> bool:
    """Whether a name looks as if the server had added its five characters to it."""
    return len(name) > _TAIL and not set(name[-_TAIL:]) - set(_SAFE)


def _pods(child: Object) -> Iterator[Guess]:
    if found := _RANDOM.match(child.name):
        base = found["base"]
        yield _guess(child, "apps", "replicasets", base, REPLICASETS, "<replicaset>-<5>")
        yield _guess(child, "apps", "daemonsets", base, DAEMONSETS, "<daemonset>-<5>")
        yield _guess(child, "batch", "jobs", base, JOBS, "<job>-<5>")
        yield _guess(child, "", "replicationcontrollers", base, REPLICATIONS, "<replicationcontroller>-<5>")
        if indexed := _ORDINAL.match(base):
            yield _guess(child, "batch", "jobs", indexed["base"], JOBS, "<job>-<index>-<5>")
    if len(child.name) == _LONGEST and is_generated(child.name):
        base = child.name[:-_TAIL]
        for group, resource, controller in (
            ("apps", "replicasets", REPLICASETS),
            ("apps", "daemonsets", DAEMONSETS),
            ("batch", "jobs", JOBS),
        ):
            owner = Object(group, resource, child.namespace, base)
            yield Guess(owner, controller, f"the first {len(base)} characters of its owner's, cut, and <5>", True)
    if found := _ORDINAL.match(child.name):
        yield _guess(child, "apps", "statefulsets", found["base"], STATEFULSETS, "<statefulset>-<n>")


def _claims(child: Object) -> Iterator[Guess]:
    """`<template>-<set>-<n>`: both may hold dashes."""
    if found := _ORDINAL.match(child.name):
        parts = found["base"].split("-")
        for at in range(1, len(parts)):
            name = "-".join(parts[at:])
            yield _guess(child, "apps", "statefulsets", name, STATEFULSETS, "<claim template>-<statefulset>-<n>")


def _guess(child: Object, group: str, resource: str, name: str, controller: str, scheme: str) -> Guess:
    return Guess(Object(group, resource, child.namespace, name), controller, scheme)
