"""A question about many objects, and which events of a log can belong to its answer."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import Final

import msgspec

from kaudit_setup.attribution.answer import MATCHES, Verb
from kaudit_setup.attribution.evidence.requests import Request, executes, through_kubelet
from kaudit_setup.attribution.many_objects.kinds import RULES_OF_ACCESS
from kaudit_setup.attribution.many_objects.verbs import PARTS, Part
from kaudit_setup.auditlog.filters import Filter, Values
from kaudit_setup.auditlog.kinds import KINDS, Kind
from kaudit_setup.auditlog.timestamps import ALWAYS, Window

_REVIEWS: Final = frozenset({"authentication.k8s.io", "authorization.k8s.io"})
_ROUTINE: Final = frozenset({"events", "leases"})


class ManyQuestion(msgspec.Struct, frozen=True):
    """Who `verb` the objects of some `kinds` (none: of any kind). `asked`: the kinds as the user wrote them.

    `namespace`: empty for all. `name`: a name, or a pattern with `*` or `?`; empty for any. `last`: how many requests
    are listed; the others are counted. `user`: only theirs, under their own name or another's; empty for everybody's.
    """

    verb: Verb
    kinds: tuple[Kind, ...] = ()
    asked: str = ""
    namespace: str = ""
    name: str = ""
    window: Window = ALWAYS
    last: int = 20
    user: str = ""

    def filters(self) -> tuple[Filter, ...]:
        """What the events of the answer match; others may match as well, and some more than one of these."""
        parts = [part for verb in self._verbs for part in PARTS[verb]]
        return tuple(made for part in dict.fromkeys(parts) if (made := self._filter(part)) is not None)

    @property
    def _verbs(self) -> tuple[Verb, ...]:
        """What is meant by the verb: a new binding changes who may do what."""
        if self.verb is Verb.changed and self.asked.lower() in RULES_OF_ACCESS:
            return (Verb.created, Verb.changed, Verb.deleted)
        return (self.verb,)

    def _filter(self, part: Part) -> Filter | None:
        resources = part.resources_of([name for kind in self.kinds for name in (kind.resource, *kind.spellings)])
        if resources is None:
            return None
        found = {"resource": resources, "verb": tuple(sorted(part.verbs)), "code": part.codes}
        if self.namespace and self._one_namespace():
            found["namespace"] = (self.namespace,)
        by = {dimension: Values(values) for dimension, values in found.items() if values}
        return Filter(by, self.window)

    def _one_namespace(self) -> bool:
        """Whether every request of the answer names the namespace asked for."""
        if self.verb in {Verb.read, Verb.exec, Verb.touched}:
            return False
        return bool(self.kinds) and all(kind.namespaced for kind in self.kinds)

    def takes(self, request: Request) -> bool:
        """Whether a request belongs to the answer, but for its name, and whether or not it took effect."""
        fits = self._means(request) and self._is_by(request)
        return fits and self._is_of_kind(request) and self._is_in_place(request)

    def _means(self, request: Request) -> bool:
        return self.window.holds(request.time) and any(MATCHES[verb](request) for verb in self._verbs)

    def _is_by(self, request: Request) -> bool:
        return not self.user or self.user in {request.user, request.impersonator}

    def _is_of_kind(self, request: Request) -> bool:
        if self.kinds:
            return any(kind.takes(request.group, request.resource) for kind in self.kinds)
        return bool(request.resource) and request.group not in _REVIEWS and request.resource not in _ROUTINE

    def _is_in_place(self, request: Request) -> bool:
        if not self.namespace or request.namespace == self.namespace:
            return True
        # what is in no namespace belongs here if it was asked for
        return not request.namespace and (bool(self.kinds) or _is_of_all_namespaces(request))

    def takes_name(self, request: Request) -> bool | None:
        """Whether the name is asked for, as that of a whole collection always is; None for a new object whose name
        is not in the log.
        """
        if not self.name or (not request.name and request.verb in {"list", "watch", "deletecollection"}):
            return True
        if not request.name:
            return None
        return re.match(translate(self.name.replace("[", "[[]")), request.name) is not None


def _is_of_all_namespaces(request: Request) -> bool:
    """Whether it is a list or a watch of what is in namespaces, in all of them."""
    if request.name or request.verb not in {"list", "watch"}:
        return False
    kind = KINDS.get(request.resource)
    return kind is None or kind.namespaced is not False


def as_meant(request: Request) -> Request:
    """A request as it is listed: what went through a node's proxy into a Pod is a request on that Pod."""
    inside = through_kubelet(request) if executes(request) else None
    return inside or request
