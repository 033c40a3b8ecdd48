"""The object of a request in kubectl's words, and whether a server has anything that can be asked so.

A request for what is not there is answered with 404 or 405 and audited all the same; it is described by its URL.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kaudit_setup.errors import InputError
from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.catalog import requests, resources, versions
from kaudit_setup.policy.catalog.resources import Resource
from kaudit_setup.policy.catalog.spelling import Spelling, advice, spelling
from kaudit_setup.values import replace

_BY_URL: Final = "a request that kube-apiserver answers with 404 is described by --url"
# what a CustomResourceDefinition can have (apiextensions.k8s.io/v1, CustomResourceSubresources)
_CUSTOM_PARTS: Final = ("scale", "status")
_SEVERAL: Final = ("list", "watch", "deletecollection")
_ONE_OBJECT: Final = tuple(verb for verb in requests.RESOURCE_VERBS if verb not in _SEVERAL)
_WITHOUT_A_NAME: Final = {"get": "list", "delete": "deletecollection"}
_AS_KUBECTL: Final = "namespace default, as kubectl takes it; -n says another"
_NAME_IN_BODY: Final = (
    "the name of a created object is in the body, not in the URL: the policy is asked without it, and "
    "`resourceNames` never match a create"
)


@dataclass(frozen=True, slots=True)
class Target:
    """What the user wrote: `resource` with all that stands in it, the other options apart."""

    resource: str
    api_group: str | None = None
    subresource: str = ""
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Object:
    """What is asked for, as the URL has it. `notes`: what was taken for granted, a sentence each."""

    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    notes: tuple[str, ...] = ()

    @property
    def is_namespace(self) -> bool:
        """Whether it is a namespace itself, or several."""
        return (self.group, self.resource) == ("", "namespaces")

    @property
    def spec(self) -> str:
        """`resource` or `resource/subresource`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def parse_target(target: Target, verb: str, version: KubeVersion) -> Object:
    """The object of a request with this verb; raises InputError where there can be no such request."""
    word, _, behind = target.resource.partition("/")
    group, plural = _spelling(word, target.api_group).place()
    known = resources.BY_PLACE.get((group, plural))
    if known is None and group in resources.GROUPS:
        hint = f"{advice(plural)}; {_BY_URL}"
        raise InputError(f"group {group or 'core'} has no resource {plural!r}", hint=hint)
    name, part = _name_and_part(plural, known, behind)
    name = _one("name", "--name", name, target.name)
    part = _one("subresource", "--subresource", part, target.subresource)
    found = Object(verb, group, plural, part, target.namespace, name)
    for check in _CHECKS:
        check(found, known, version)
    return _in_its_place(found, known)


def _spelling(word: str, api_group: str | None) -> Spelling:
    spelled = spelling(word)
    if api_group is None:
        return spelled
    if spelled.group not in (None, api_group):
        raise InputError(f"two API groups: {spelled.group} and {api_group}", hint="give one of them")
    return Spelling(spelled.word, api_group)


def _name_and_part(plural: str, known: Resource | None, behind: str) -> tuple[str, str]:
    """Name and subresource from what stands behind the resource: `exec`, `web` or `web/exec`."""
    name, slash, part = behind.partition("/")
    if slash or not behind:
        return name, part
    parts = known.subresources if known else _CUSTOM_PARTS
    if behind in parts:
        return "", behind
    close = difflib.get_close_matches(behind, parts, 1, cutoff=0.7)
    if known is not None and not close:
        return behind, ""
    meant = f"did you mean {plural}/{close[0]}? " if close else ""
    raise InputError(
        f"{behind!r} is neither said to be a name nor known as a subresource of {plural}",
        hint=f"{meant}write --name {behind} for an object, --subresource {behind} for a subresource",
    )


def _one(what: str, option: str, inside: str, given: str) -> str:
    if inside and given and inside != given:
        raise InputError(f"two {what}s: {inside} in --resource, and {option} {given}", hint="give one of them")
    return inside or given


def _check_part(found: Object, known: Resource | None, version: KubeVersion) -> None:
    if known is not None and found.subresource not in ("", *known.subresources):
        have = ", ".join(f"{found.resource}/{part}" for part in known.subresources)
        hint = f"{f'there are {have}; ' if have else ''}{_BY_URL}"
        raise InputError(f"{found.resource} has no subresource {found.subresource!r}", hint=hint)


def _check_version(found: Object, known: Resource | None, version: KubeVersion) -> None:
    for spec in (found.resource, found.spec):
        if gone := versions.absent(found.group, spec, version):
            raise InputError(gone.replace("`", ""), hint=f"give another --kube-version; {_BY_URL}")


def _check_scope(found: Object, known: Resource | None, version: KubeVersion) -> None:
    if found.namespace and (found.group, found.resource) in resources.CLUSTER_SCOPED:
        raise InputError(f"{found.resource} are not in a namespace", hint="leave out -n")


def _check_verb(found: Object, known: Resource | None, version: KubeVersion) -> None:
    """Whether the server takes this verb for it (pkg/registry/*/rest; requestinfo.go for collections)."""
    verbs = _verbs(found)
    if found.verb not in verbs:
        raise InputError(
            f"{found.spec} has no {found.verb or 'other method'}: it is asked for by {' or '.join(verbs)}",
            hint=f"--verb {verbs[0]}; {_BY_URL}",
        )


def _check_name(found: Object, known: Resource | None, version: KubeVersion) -> None:
    if found.name and found.verb == "deletecollection":
        raise InputError("a deletecollection names no object", hint="leave out the name, or say --verb delete")


def _check_namespaces(found: Object, known: Resource | None, version: KubeVersion) -> None:
    """/api/v1/namespaces/x has x as its namespace and as its name."""
    if not found.namespace or not found.is_namespace:
        return
    if found.name not in ("", found.namespace):
        raise InputError("a namespace is not in another namespace", hint="leave out -n")
    if found.verb in (*_SEVERAL, "create"):
        raise InputError(f"a {found.verb} of namespaces is not in a namespace", hint="leave out -n")


_CHECKS: Final[tuple[Callable[[Object, Resource | None, KubeVersion], None], ...]] = (
    _check_part,
    _check_version,
    _check_scope,
    _check_verb,
    _check_name,
    _check_namespaces,
)


def _verbs(found: Object) -> tuple[str, ...]:
    """The verbs with which the server can be asked for it."""
    if (found.group, found.resource) in requests.CREATED_ONLY:
        return ("create",)
    if not found.subresource:
        return requests.RESOURCE_VERBS
    return requests.PART_VERBS.get(found.subresource, _ONE_OBJECT)


def _in_its_place(found: Object, known: Resource | None) -> Object:
    """With the namespace and the name that the URL of such a request has, and notes of what was changed."""
    if found.is_namespace:
        name = found.name or found.namespace
        found = replace(found, name=name, namespace=name)
    if found.verb == "create" and not found.subresource and found.name:
        found = replace(found, name="", notes=(*found.notes, _NAME_IN_BODY))
    if (
        known is not None
        and not found.name
        and not found.subresource
        and (several := _WITHOUT_A_NAME.get(found.verb))
    ):
        note = f"a {found.verb} names one object (--name); `kubectl {found.verb}` of several is a {several}"
        found = replace(found, notes=(*found.notes, note))
    if known is not None and known.namespaced and not found.namespace and found.verb not in _SEVERAL:
        found = replace(found, namespace="default", notes=(*found.notes, _AS_KUBECTL))
    return found
