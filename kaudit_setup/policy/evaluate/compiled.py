"""Which rule a request meets, and what is then written.

Source: staging/src/k8s.io/apiserver/pkg/audit/policy/checker.go (1.20 `LevelAndStages`, since 1.23
`EvaluatePolicyRule`), functions `ruleMatches`, `ruleMatchesResource`, `ruleMatchesNonResource`, `pathMatches`,
`unionStages`, `isOmitManagedFields`.

The rules are compiled once: bit *i* of every mask below stands for rule *i*, each question ("which rules name this
user?") is one look-up that yields a mask, and the first matching rule is the lowest bit of their conjunction.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.model import Attributes, Decision, GroupResources, Policy, Stage

GROUP_WILDCARD_SINCE: Final = KubeVersion(1, 36)  # kubernetes/kubernetes#135262
OMIT_MANAGED_FIELDS_SINCE: Final = KubeVersion(1, 23)

# Paths and resource triples come from strangers: a memo that is full is emptied rather than grown.
_MEMO_LIMIT: Final = 65_536

_K = TypeVar("_K")
_V = TypeVar("_V")


def evaluate(policy: Policy, attributes: Attributes, version: KubeVersion = NEWEST) -> Decision:
    """The decision for one request. For many requests, keep the result of `compile`."""
    return Compiled(policy, version)(attributes)


def compile(policy: Policy, version: KubeVersion = NEWEST) -> Compiled:
    """The policy as a fast, memoising function of a request."""
    return Compiled(policy, version)


def resource_matches(entry: GroupResources, group: str, resource: str, subresource: str, wildcard: bool) -> bool:
    """Whether an entry of `resources` names this resource, whatever the object's name is.

    `wildcard`: whether the entry's group may be `*`. An empty list of resources is the whole group.
    """
    if entry.group != group and not (wildcard and entry.group == "*"):
        return False
    if not entry.resources:
        return True
    combined = f"{resource}/{subresource}" if subresource else resource
    return any(
        spec in (combined, "*")
        or (subresource != "" and spec.startswith("*/") and spec[2:] == subresource)
        # `pods/*` also matches plain `pods`, against the API's documentation
        or (spec.endswith("/*") and spec[:-2] == resource)
        for spec in entry.resources
    )


def path_matches(path: str, spec: str) -> bool:
    """Whether an entry of `nonResourceURLs` covers the path."""
    return spec in ("*", path) or (spec.endswith("*") and path.startswith(spec.rstrip("*")))


def decisions(policy: Policy, version: KubeVersion = NEWEST) -> tuple[Decision, ...]:
    """What each rule answers, and last the answer where no rule matches. Stages are sorted by name."""
    managed = version >= OMIT_MANAGED_FIELDS_SINCE
    each = [
        Decision(
            rule.level,
            tuple(sorted({*policy.omit_stages, *rule.omit_stages})),
            index,
            managed
            and (policy.omit_managed_fields if rule.omit_managed_fields is None else rule.omit_managed_fields),
        )
        for index, rule in enumerate(policy.rules)
    ]
    unmatched: tuple[Stage, ...] = tuple(sorted(policy.omit_stages))
    return (*each, Decision("None", unmatched, -1, managed and policy.omit_managed_fields))


class Asked(Protocol):
    """What is asked of a request: `Attributes`, or whatever else has these fields."""

    @property
    def user(self) -> str | None: ...
    @property
    def groups(self) -> tuple[str, ...] | None: ...
    @property
    def verb(self) -> str: ...
    @property
    def api_group(self) -> str: ...
    @property
    def resource(self) -> str: ...
    @property
    def subresource(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def is_resource(self) -> bool: ...
    @property
    def path(self) -> str: ...


class Compiled:
    """A policy compiled for one version. Call it, or use `index` where speed counts."""

    __slots__ = (
        "_any_path",
        "_exact_paths",
        "_groups",
        "_groups_memo",
        "_namespaces",
        "_no_user",
        "_path_prefixes",
        "_paths_memo",
        "_resources_memo",
        "_rules",
        "_users",
        "_verbs",
        "_wildcard",
        "decisions",
    )

    def __init__(self, policy: Policy, version: KubeVersion = NEWEST) -> None:
        rules = policy.rules
        self._rules = rules
        self._wildcard = version >= GROUP_WILDCARD_SINCE
        self.decisions = decisions(policy, version)
        self._users = _Masks(r.users for r in rules)
        self._groups = _Masks(r.user_groups for r in rules)
        self._verbs = _Masks(r.verbs for r in rules)
        self._namespaces = _Masks(r.namespaces for r in rules)
        self._no_user = _bits(i for i, r in enumerate(rules) if not r.users and not r.user_groups)
        self._compile_paths()
        self._groups_memo: dict[tuple[str, ...], int] = {}
        self._paths_memo: dict[str, int] = {}
        self._resources_memo: dict[tuple[str, str, str], tuple[int, dict[str, int]]] = {}

    def _compile_paths(self) -> None:
        """Splits the URLs of the rules into those that are looked up and those that are prefixes."""
        self._any_path = 0
        self._exact_paths: dict[str, int] = {}
        self._path_prefixes: list[tuple[str, int]] = []
        for index, rule in enumerate(self._rules):
            if rule.namespaces or rule.resources:
                continue
            bit = 1 << index
            if not rule.non_resource_urls or "*" in rule.non_resource_urls:
                self._any_path |= bit
            for spec in rule.non_resource_urls:
                self._exact_paths[spec] = self._exact_paths.get(spec, 0) | bit
                if spec.endswith("*"):
                    self._path_prefixes.append((spec.rstrip("*"), bit))

    def __call__(self, a: Asked) -> Decision:
        """The decision for one request."""
        return self.decisions[self.index(a)]

    def index(self, a: Asked) -> int:
        """The index of the first rule that matches, -1 if none does; also the index into `decisions`."""
        if a.user is None:
            mask = self._no_user
        else:
            groups = a.groups or ()
            by_groups = self._groups_memo.get(groups)
            mask = self._users.get(a.user) & (self._of_groups(groups) if by_groups is None else by_groups)
        mask &= self._verbs.get(a.verb)
        if a.is_resource:
            mask &= self._namespaces.get(a.namespace)
            triple = (a.api_group, a.resource, a.subresource)
            unnamed, named = self._resources_memo.get(triple) or self._of_resource(*triple)
            mask &= unnamed | named.get(a.name, 0) if named else unnamed
        else:
            by_path = self._paths_memo.get(a.path)
            mask &= self._of_path(a.path) if by_path is None else by_path
        return (mask & -mask).bit_length() - 1

    def _of_groups(self, groups: tuple[str, ...]) -> int:
        mask = self._groups.unnamed
        for group in groups:
            mask |= self._groups.get(group)
        _remember(self._groups_memo, groups, mask)
        return mask

    def _of_resource(self, group: str, resource: str, subresource: str) -> tuple[int, dict[str, int]]:
        unnamed = 0
        named: dict[str, int] = {}
        for index, rule in enumerate(self._rules):
            if not rule.resources:
                unnamed |= (not rule.non_resource_urls or bool(rule.namespaces)) << index
                continue
            for entry in rule.resources:
                if not resource_matches(entry, group, resource, subresource, self._wildcard):
                    continue
                if not entry.resources or not entry.resource_names:
                    unnamed |= 1 << index
                for name in entry.resource_names if entry.resources else ():
                    named[name] = named.get(name, 0) | 1 << index
        answer = (unnamed, named)
        _remember(self._resources_memo, (group, resource, subresource), answer)
        return answer

    def _of_path(self, path: str) -> int:
        mask = self._exact_paths.get(path, 0) | self._any_path
        for prefix, bits in self._path_prefixes:
            if path.startswith(prefix):
                mask |= bits
        _remember(self._paths_memo, path, mask)
        return mask


class _Masks:
    """For one list of literals of every rule: literal → the rules that accept it (an empty list accepts any)."""

    __slots__ = ("_by_literal", "unnamed")

    def __init__(self, lists: Iterable[tuple[str, ...]]) -> None:
        held = list(lists)
        self.unnamed = _bits(index for index, literals in enumerate(held) if not literals)
        self._by_literal: dict[str, int] = {}
        for index, literals in enumerate(held):
            for literal in literals:
                self._by_literal[literal] = self._by_literal.get(literal, self.unnamed) | 1 << index

    def get(self, literal: str) -> int:
        """The rules whose list is empty or holds the literal."""
        return self._by_literal.get(literal, self.unnamed)


def _bits(indexes: Iterable[int]) -> int:
    return sum(1 << index for index in indexes)


def _remember(memo: dict[_K, _V], key: _K, value: _V) -> None:
    if len(memo) >= _MEMO_LIMIT:
        memo.clear()
    memo[key] = value
