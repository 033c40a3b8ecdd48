"""KIND as kubectl takes it: singular, plural, short name, `deployments.apps`, `deployments.v1.apps`, `plural.group`.

kubectl asks the server (staging/src/k8s.io/client-go/restmapper/shortcut.go); a log cannot be asked, so the kinds of
Kubernetes are taken from the table of its resources, and any other kind as it is spelled.
"""

from __future__ import annotations

import re

import msgspec

from kaudit_setup.errors import InputError
from kaudit_setup.policy.catalog.resources import BY_NAME, RESOURCES, Resource
from kaudit_setup.policy.catalog.spelling import spelling


class Kind(msgspec.Struct, frozen=True):
    """What an objectRef calls a kind of object.

    `group` is None where the user did not say and the table does not know. `namespaced` is None for kinds that the
    table does not know. `groups` has every API group that served the same objects from 1.20 to 1.36.
    """

    resource: str
    group: str | None = ""
    namespaced: bool | None = True
    groups: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()

    def takes(self, group: str, resource: str) -> bool:
        """Whether an objectRef with this group and resource is of this kind."""
        if resource != self.resource and resource not in self.spellings:
            return False
        return self.group is None or group == self.group or group in self.groups


def _kind(resource: Resource) -> Kind:
    return Kind(resource.name, resource.group, resource.namespaced, resource.also_in)


KINDS = {name: _kind(resource) for name, resource in BY_NAME.items()}
"""By plural, singular and short name."""
_HOMES = {(group, resource.name): resource.group for resource in RESOURCES for group in resource.also_in}
_GOOD = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"


def is_custom(group: str, resource: str) -> bool:
    """Whether an objectRef with this group and resource is of a kind that Kubernetes does not bring along."""
    kind = KINDS.get(resource)
    return bool(group) and (kind is None or not kind.takes(group, resource))


def parse_kind(text: str) -> Kind:
    """The kind that kubectl would understand by `text`; raises InputError where no server could know it."""
    wanted = text.strip().lower()
    wanted = wanted.removesuffix(".") if re.fullmatch(r"[^.]+\.v[0-9a-z]+\.", wanted) else wanted
    if not re.fullmatch(_GOOD, wanted):
        raise InputError(
            f"{text!r} is not a kind of object", hint="write it as kubectl does: pod, deploy, deployments.apps"
        )
    spelled = spelling(wanted)
    resource, group = spelled.word, spelled.group
    known = KINDS.get(resource)
    if group is None:
        if known:
            return known
        import difflib

        near = difflib.get_close_matches(resource, KINDS, n=1, cutoff=0.75)
        if near:
            raise InputError(
                f"{text!r} is not a kind that Kubernetes has",
                hint=f"did you mean {near[0]}? custom kinds: plural.group",
            )
        return Kind(resource, None, None, (), plurals(resource))
    if known and (group == known.group or group in known.groups):
        return known
    return Kind(resource, group, None, (), plurals(resource))


def home_group(group: str, resource: str) -> str:
    """The one API group that stands for all that serve the same objects: `apps` for `extensions` Deployments."""
    return _HOMES.get((group, resource), group)


def plurals(singular: str) -> tuple[str, ...]:
    """How an API may spell the plural of a kind that the table does not know, the likely way first."""
    if singular.endswith("y"):
        return (f"{singular[:-1]}ies", f"{singular}s")
    return (f"{singular}es", f"{singular}s") if singular.endswith(("s", "x", "ch", "sh")) else (f"{singular}s",)
