"""All requests, as finitely many classes: the policies' own literals, and one fresh value beside them.

Two requests that agree on every literal of a policy meet the same rule, so that asking one request of each class
asks all of them. Real requests are narrower than all combinations, and a proof must hold for real ones:

- authentication failed: no user, no groups;
- anonymous: `system:anonymous`, in system:unauthenticated and nothing else;
- everybody else is in system:authenticated and not in system:unauthenticated
  (staging/src/k8s.io/apiserver/pkg/authentication/group/authenticated_group_adder.go), but the API server's own
  loopback client, which in 1.20 is in system:masters alone (pkg/server/config.go:AuthorizeClientBearerToken);
- verbs of resource requests are those of requestinfo.go:NewRequestInfo, of others the HTTP methods.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.catalog import identities, requests, resources
from kaudit_setup.policy.classes.regions import NAME, NAMESPACE, USER, VERB, WHERE, Box, intersections
from kaudit_setup.policy.evaluate import GROUP_WILDCARD_SINCE, path_matches
from kaudit_setup.policy.model import Attributes, GroupResources, Policy, Rule

_ALWAYS_USERS: Final = (
    identities.ANONYMOUS,
    identities.APISERVER,
    identities.SCHEDULER,
    identities.CONTROLLER_MANAGER,
    *identities.POD_MAKERS,
)
_ALWAYS_GROUPS: Final = (
    identities.AUTHENTICATED,
    identities.UNAUTHENTICATED,
    identities.SERVICE_ACCOUNTS,
    identities.KUBE_SYSTEM,
    identities.NODES,
    identities.MASTERS,
)
# What questions and findings speak of: (group, resource or resource/subresource). Ordinary ones first, so that an
# example is taken from them.
_ASKED: Final = (
    ("", "pods"),
    ("", "configmaps"),
    ("", "secrets"),
    *(("", f"pods/{part}") for part in resources.BY_PLACE["", "pods"].subresources),
    ("", "serviceaccounts/token"),
    ("", "replicationcontrollers/scale"),
    ("", "namespaces"),
    ("", "nodes"),
    ("", "nodes/proxy"),
    ("", "services/proxy"),
    ("", "events"),
    *(("apps", f"{name}/scale") for name in resources.GROUPS["apps"]),
    *(("batch", name) for name in resources.GROUPS["batch"]),
    *((resources.RBAC, name) for name in resources.GROUPS[resources.RBAC]),
    ("authentication.k8s.io", "tokenreviews"),
    ("coordination.k8s.io", "leases"),
    ("discovery.k8s.io", "endpointslices"),
    ("events.k8s.io", "events"),
)


class Axis:
    """The classes of one dimension: value → bit. A fresh value stands for all that nobody names."""

    def __init__(self, values: Iterable[str]) -> None:
        self.values = tuple(dict.fromkeys(values))
        self.bit = {value: 1 << i for i, value in enumerate(self.values)}
        self.all = (1 << len(self.values)) - 1

    def mask(self, values: Iterable[str]) -> int:
        """The classes of these values; a value without a class of its own adds nothing."""
        found = 0
        for value in values:
            found |= self.bit.get(value, 0)
        return found

    def where(self, test: Callable[[str], bool]) -> int:
        """The classes whose value passes the test."""
        return self.mask(value for value in self.values if test(value))

    def members(self, mask: int) -> tuple[str, ...]:
        """The values of a mask, in the order of the axis."""
        return tuple(value for i, value in enumerate(self.values) if mask >> i & 1)


class Space:
    """The classes of one or several policies together, and rules and questions as boxes over them."""

    def __init__(self, policies: Sequence[Policy], version: KubeVersion = NEWEST) -> None:
        """Classes fine enough for these policies and for everything in `known`."""
        words = _Literals(tuple(rule for policy in policies for rule in policy.rules))
        fresh = _Fresh(words.all)
        self.version = version
        # bit 0 is the user of a request whose authentication failed; no policy can name it
        self.users = Axis(["\0", *fresh.users, *_ALWAYS_USERS, *words.users])
        self.nobody = 1
        self.groups = Axis([*_ALWAYS_GROUPS, *words.groups])
        self.verbs = Axis([*requests.RESOURCE_VERBS, *requests.HTTP_METHODS, fresh.verb, *words.verbs])
        self.resource_verbs = self.verbs.mask(requests.RESOURCE_VERBS)
        self.url_verbs = self.verbs.mask((*requests.HTTP_METHODS, fresh.verb))
        # a namespace's name is its namespace: both axes know the same literals, so that a question may say so
        self.namespaces = Axis(["", fresh.namespace, *words.namespaces, *words.names])
        self.names = Axis(self.namespaces.values)
        specs = [_literal(spec) for spec in (*(kind for _, kind in _ASKED), *words.specs)]
        self._groups = Axis([*(g for g, _ in _ASKED), fresh.group, *words.api_groups])
        self._resources = Axis([*filter(None, (resource for resource, _ in specs)), fresh.resource])
        parts = filter(None, (part for _, part in specs))
        self._parts = Axis(["", fresh.part, *requests.LONG_RUNNING_PARTS, *parts])
        self._urls = Axis(_url_classes(words.urls))
        self._block = len(self._resources.values) * len(self._parts.values)
        kinds_count = len(self._groups.values) * self._block
        self.resources = (1 << kinds_count) - 1
        self.urls = self._urls.all << kinds_count
        self._url_shift = kinds_count
        self.everywhere = self.resources | self.urls

    def box(self, **masks: int) -> Box:
        """All requests, limited by `user`, `verb`, `where`, `namespace`, `name`."""
        return Box(
            (
                masks.get("user", self.users.all),
                masks.get("verb", self.verbs.all),
                masks.get("where", self.everywhere),
                masks.get("namespace", self.namespaces.all),
                masks.get("name", self.names.all),
            )
        )

    def rule(self, rule: Rule) -> tuple[Box, ...]:
        """A rule as boxes: one for each of its `resources`, else one."""
        user = self.users.mask(rule.users) if rule.users else self.users.all
        if rule.user_groups:
            user &= ~self.nobody
        some = (self.groups.mask(rule.user_groups),) if rule.user_groups else ()
        verb = self.verbs.mask(rule.verbs) if rule.verbs else self.verbs.all
        namespace = self.namespaces.mask(rule.namespaces) if rule.namespaces else self.namespaces.all
        if rule.resources:
            where = [(self.entry(e), self._entry_names(e)) for e in rule.resources]
        elif rule.namespaces:
            where = [(self.resources, self.names.all)]
        elif rule.non_resource_urls:
            where = [(self.url(rule.non_resource_urls), self.names.all)]
        else:
            where = [(self.everywhere, self.names.all)]
        boxes = (Box((user, verb, at, namespace, name), 0, some) for at, name in where)
        return tuple(box for box in boxes if all(box.at))

    def _entry_names(self, entry: GroupResources) -> int:
        # names count only where the entry also lists resources (checker.go:ruleMatchesResource)
        if entry.resources and entry.resource_names:
            return self.names.mask(entry.resource_names)
        return self.names.all

    def entry(self, entry: GroupResources) -> int:
        """The resources that an entry of `resources` names, whatever their objects are called."""
        if not entry.resources:
            return self._in_group(entry.group, (1 << self._block) - 1)
        block = 0
        for spec in entry.resources:
            block |= self._spec(spec)
        return self._in_group(entry.group, block)

    def _in_group(self, group: str, block: int) -> int:
        if group == "*" and self.version >= GROUP_WILDCARD_SINCE:
            return sum(block << (i * self._block) for i in range(len(self._groups.values)))
        bit = self._groups.bit.get(group, 0)
        return block << ((bit.bit_length() - 1) * self._block) if bit else 0

    def _spec(self, spec: str) -> int:
        """One `resources` item within a group, as evaluate.resource_matches reads it."""
        parts = len(self._parts.values)
        if spec == "*":
            return (1 << self._block) - 1
        found = 0
        resource, part = _literal(spec)
        if spec.endswith("/*"):
            bit = self._resources.bit.get(spec[:-2], 0)
            found |= self._parts.all << ((bit.bit_length() - 1) * parts) if bit else 0
        if spec.startswith("*/") and part:
            bit = self._parts.bit[part]
            found |= sum(bit << (i * parts) for i in range(len(self._resources.values)))
        elif resource and not spec.endswith("/*"):
            row = self._resources.bit[resource].bit_length() - 1
            found |= self._parts.bit[part] << (row * parts)
        return found

    def kinds(self, *kinds: tuple[str, str]) -> int:
        """The classes of (group, `resource`, `resource/part`, `resource/*` or `*/part`) items."""
        found = 0
        for group, spec in kinds:
            found |= self.entry(GroupResources(group, (spec,)))
        return found

    def parts(self, names: Iterable[str]) -> int:
        """Every resource's subresources of these names."""
        block = 0
        for name in names:
            block |= self._spec(f"*/{name}")
        return sum(block << (i * self._block) for i in range(len(self._groups.values)))

    def url(self, specs: Iterable[str]) -> int:
        """The non-resource paths that any of these items of `nonResourceURLs` covers."""
        wanted = tuple(specs)
        return self._urls.where(lambda path: any(path_matches(path, s) for s in wanted)) << self._url_shift

    def requests(self, box: Box | None = None) -> list[Box]:
        """Every real request, or those of them that are in `box`."""
        return intersections(self._real(), (box or self.box(),))

    def _real(self) -> list[Box]:
        worlds = (
            self.box(where=self.resources, verb=self.resource_verbs),
            self.box(
                where=self.urls,
                verb=self.url_verbs,
                namespace=self.namespaces.bit[""],
                name=self.names.bit[""],
            ),
        )
        bit, groups = self.users.bit, self.groups.bit
        inside, outside = groups[identities.AUTHENTICATED], groups[identities.UNAUTHENTICATED]
        special = self.nobody | bit[identities.ANONYMOUS]
        requesters = [
            self.box(user=self.users.all & ~special)._replace(never=outside, some=(inside,)),
            self.box(user=bit[identities.ANONYMOUS])._replace(never=self.groups.all & ~outside, some=(outside,)),
            self.box(user=self.nobody)._replace(never=self.groups.all),
        ]
        if self.version < NEWEST:  # which release changed it was not found out; 1.20 and 1.36 were looked at
            masters = groups[identities.MASTERS]
            loopback = self.box(user=bit[identities.APISERVER])
            requesters.append(loopback._replace(never=self.groups.all & ~masters, some=(masters,)))
        return intersections(requesters, worlds)

    def sample(self, box: Box) -> Attributes:
        """One request of the box, as ordinary as the box allows."""
        user = None if box.at[USER] == self.nobody else self.users.members(box.at[USER] & ~self.nobody)[0]
        groups = {self.groups.members(clause & ~box.never)[0] for clause in box.some} if user else set()
        verb = self.verbs.members(box.at[VERB])[0]
        if not box.at[WHERE] & self.resources:
            path = self._urls.members(box.at[WHERE] >> self._url_shift)[0]
            return Attributes(user, tuple(sorted(groups)), verb, is_resource=False, path=path)
        group, resource, part = self._kind(box.at[WHERE] & self.resources)
        namespaces, names = self.namespaces.members(box.at[NAMESPACE]), self.names.members(box.at[NAME])
        nameless = verb in {"create", "list", "deletecollection"} and not part
        return Attributes(
            user,
            tuple(sorted(groups)),
            verb,
            group,
            resource,
            part,
            _prefer(namespaces, empty=(group, resource) in resources.CLUSTER_SCOPED),
            _prefer(names, empty=nameless),
        )

    def _kind(self, where: int) -> tuple[str, str, str]:
        usual = next((bit for kind in _ASKED if (bit := self.kinds(kind)) & where), where & -where)
        group, rest = divmod(usual.bit_length() - 1, self._block)
        resource, part = divmod(rest, len(self._parts.values))
        return self._groups.values[group], self._resources.values[resource], self._parts.values[part]


def _prefer(values: Sequence[str], *, empty: bool) -> str:
    return next((v for v in values if (v == "") is empty), values[0])


def _literal(spec: str) -> tuple[str, str]:
    """Resource and subresource that an item of `resources` spells out; empty where it spells none.

    A resource and a subresource are one path segment each: what holds another slash, or a star beside other
    letters, can name no request.
    """
    resource, slash, part = spec.partition("/")
    if "/" in part or "*" in resource.replace("*", "", resource == "*") or (slash and not part):
        return "", ""
    if "*" in part.replace("*", "", part == "*"):
        return "", ""
    return resource.replace("*", ""), part.replace("*", "")


def _url_classes(specs: Sequence[str]) -> list[str]:
    """One path for each way in which paths can match: the literals, and something below each prefix."""
    every = [*specs, *requests.PUBLIC_URLS, requests.LONG_RUNNING_URLS]
    found = [_below("/", every)]
    for spec in every:
        prefix = spec.rstrip("*")
        found.extend([prefix, _below(prefix, every)] if spec != prefix else [spec])
    return [path for path in dict.fromkeys(found) if path.startswith("/") and not is_resource_path(path)]


def _below(prefix: str, specs: Sequence[str]) -> str:
    """A path below the prefix that nothing longer than the prefix matches."""
    longer = [s for s in specs if len(s.rstrip("*")) > len(prefix)]
    path = f"{prefix}some-path"
    while any(path_matches(path, s) for s in longer):
        path = f"{prefix}-{path.removeprefix(prefix)}"
    return path


def is_resource_path(path: str) -> bool:
    """Whether a request to the path is a resource request (requestinfo.go:NewRequestInfo)."""
    parts = [part for part in path.strip("/").split("/") if part]
    return (parts[:1] == ["api"] and len(parts) > 2) or (parts[:1] == ["apis"] and len(parts) > 3)


class _Literals:
    """Every word that some rule names, by what it names."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        entries = [entry for rule in rules for entry in rule.resources]
        self.users = [user for rule in rules for user in rule.users]
        self.groups = [group for rule in rules for group in rule.user_groups]
        self.verbs = [verb for rule in rules for verb in rule.verbs]
        self.namespaces = [namespace for rule in rules for namespace in rule.namespaces]
        self.urls = [url for rule in rules for url in rule.non_resource_urls]
        self.api_groups = [entry.group for entry in entries]
        self.specs = [spec for entry in entries for spec in entry.resources]
        self.names = [name for entry in entries for name in entry.resource_names]

    @property
    def all(self) -> set[str]:
        """All of them but URLs and groups of users, a resource and its subresource each for itself."""
        parts = (part for spec in self.specs for part in spec.split("/"))
        return {*self.users, *self.verbs, *self.namespaces, *self.api_groups, *self.names, *parts}


class _Fresh:
    """Values that no rule names, one for each kind of requester that a question may tell apart."""

    def __init__(self, taken: Collection[str]) -> None:
        def fresh(text: str) -> str:
            while text in taken:
                text += "-x"
            return text

        self.users = tuple(
            fresh(name)
            for name in (
                "somebody",
                "system:serviceaccount:some-namespace:some-account",
                "system:serviceaccount:kube-system:some-account",
                "system:node:some-node",
                "system:some-component",
            )
        )
        self.verb = fresh("some-method")
        self.namespace = fresh("some-name")
        self.group = fresh("example.com")
        self.resource = fresh("widgets")
        self.part = fresh("some-part")
