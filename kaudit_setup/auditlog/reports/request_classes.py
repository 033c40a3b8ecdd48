"""Requests that no policy of some policies can tell apart fall into one class.

Each policy is then asked once for each class, not once for each event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from kaudit_setup.auditlog.event import Event
from kaudit_setup.policy.evaluate import path_matches
from kaudit_setup.policy.model import Policy, Rule

READS = ("get", "list", "watch")
_OTHER = "\0other"  # no literal of a policy: control characters pass no validation of names and never come over HTTP
_MOST_REMEMBERED = 1 << 16  # paths, and lists of groups, whose class is remembered


class RequestClass(NamedTuple):
    """What a policy can tell about a request, and what the log tells about its size."""

    user: str | None
    groups: tuple[str, ...]
    verb: str
    api_group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    path: str
    level: str
    stage: str


ClassFields = tuple[str | None, tuple[str, ...], str, str, str, str, str, str, str, str, str]
"""A RequestClass before it has names: a plain tuple is made in half the time."""


class Literals(NamedTuple):
    """What some policies name. Any other value is like any other one to them."""

    users: tuple[str, ...]
    groups: tuple[str, ...]
    namespaces: tuple[str, ...]
    names: tuple[str, ...]


_Known = dict[str, str]  # each literal of a policy by itself: what is not here is _OTHER


def _add(known: _Known, literals: Iterable[str]) -> None:
    known.update((literal, literal) for literal in literals)


class Classifier:
    """Maps what a request says to what some policy can tell apart; everything else becomes one value."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        """Collect the literals of all rules."""
        self._users: _Known = {}
        self._groups: _Known = {}
        self._namespaces: _Known = {}
        self._names: _Known = {}
        self._api_groups: _Known = {}
        self._resources: _Known = {}
        self._subresources: _Known = {"": ""}
        self._verbs: _Known = dict(zip(READS, READS, strict=True))
        self._urls: _Known = {}
        for policy in policies:
            for rule in policy.rules:
                self._learn(rule)
        self._like: dict[tuple[str, ...], str] = {}
        self._paths: dict[str, str] = {}
        self._by_groups: dict[tuple[str, ...], tuple[str, ...]] = {}

    def _learn(self, rule: Rule) -> None:
        _add(self._users, rule.users)
        _add(self._groups, rule.user_groups)
        _add(self._namespaces, rule.namespaces)
        _add(self._verbs, rule.verbs)
        _add(self._urls, rule.non_resource_urls)
        for entry in rule.resources:
            _add(self._api_groups, (entry.group,))
            _add(self._names, entry.resource_names)
            # `pods`, `pods/log`, `pods/*`, `*/scale`: either part may be what an entry tells requests apart by
            for resource, _, subresource in (spec.partition("/") for spec in entry.resources):
                _add(self._resources, (resource,))
                _add(self._subresources, (subresource,))

    @property
    def literals(self) -> Literals:
        """What the policies name of that of which a log has most."""
        return Literals(*map(tuple, (self._users, self._groups, self._namespaces, self._names)))

    def classify(self) -> Callable[[Event], ClassFields]:
        """A function from an event with the fields ESTIMATE to its class, in the order of RequestClass."""
        users, namespaces, names = self._users.get, self._namespaces.get, self._names.get
        api_groups, resources, subresources = self._api_groups.get, self._resources.get, self._subresources.get
        verbs = self._verbs.get
        known, groups_of = self._by_groups, self._of_groups
        paths, path_of = self._paths, self._of_path

        def class_of(event: Event) -> ClassFields:
            who, ref = event.user, event.object_ref
            groups = known.get(who.groups)
            if groups is None:
                groups = groups_of(who.groups)
            # a request that was not authenticated has no user at all, and no rule with users or groups fits it
            user = users(who.username, _OTHER) if who.username or who.groups else None
            if not ref.resource:
                asked = event.request_uri.partition("?")[0]
                path = paths.get(asked) or path_of(asked)
                return (user, groups, verbs(event.verb, _OTHER), "", "", "", "", "", path, event.level, event.stage)
            # a create is decided before its body, and so its name, is read; with a subresource the URL has the name
            name = ref.name if event.verb != "create" or ref.subresource else ""
            return (
                user,
                groups,
                verbs(event.verb, _OTHER),
                api_groups(ref.api_group, _OTHER),
                resources(ref.resource, _OTHER),
                subresources(ref.subresource, _OTHER),
                namespaces(ref.namespace, _OTHER),
                names(name, _OTHER),
                "",
                event.level,
                event.stage,
            )

        return class_of

    def _of_path(self, path: str) -> str:
        """The first path that was met of all those that the same `nonResourceURLs` cover."""
        if len(self._paths) > _MOST_REMEMBERED:
            self._paths.clear()
        covered = tuple(url for url in self._urls if path_matches(path, url))
        return self._paths.setdefault(path, self._like.setdefault(covered, path or "/"))

    def _of_groups(self, groups: tuple[str, ...]) -> tuple[str, ...]:
        if len(self._by_groups) > _MOST_REMEMBERED:
            self._by_groups.clear()
        return self._by_groups.setdefault(groups, tuple(g for g in groups if g in self._groups))
