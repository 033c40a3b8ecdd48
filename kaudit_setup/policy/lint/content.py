"""Words in a policy that no request ever says: unknown resources and verbs, wildcards that are letters, old names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.catalog import identities, names, requests, resources
from kaudit_setup.policy.catalog.mistake import Mistake
from kaudit_setup.policy.classes.space import is_resource_path
from kaudit_setup.policy.lint.finding import Finding, Severity
from kaudit_setup.policy.lint.specs import spec_problem
from kaudit_setup.policy.model import GroupResources, Place, Policy, Rule

_NAMELESS_VERBS: Final = ("create", "list", "deletecollection")


def findings(policy: Policy, version: KubeVersion) -> Iterator[Finding]:
    """Findings that one rule alone gives rise to."""
    for index, rule in enumerate(policy.rules):
        finder = _Finder(index, rule)
        yield from finder.verbs()
        yield from finder.identities()
        yield from finder.not_names()
        yield from finder.namespaces()
        yield from finder.urls()
        for entry in rule.resources:
            yield from finder.entry(entry, version)


class _Finder:
    def __init__(self, index: int, rule: Rule) -> None:
        self.index, self.rule = index, rule

    def _found(self, at: Place, code: str, message: str, fix: str, severity: Severity = "warning") -> Finding:
        return Finding(code, severity, f"rule {self.index + 1}: {message}", fix, self.index, *at)

    def _mistaken(self, at: Place, mistake: Mistake | None) -> Iterator[Finding]:
        if mistake is not None:
            yield self._found(at, mistake.code, mistake.message, mistake.fix)

    def _literal(
        self, holder: Rule | GroupResources, where: str, words: tuple[str, ...], fix: str
    ) -> Iterator[Finding]:
        for word in words:
            if "*" in word:
                message = f"`{word}` in {where} is not a wildcard; it matches exactly these letters"
                yield self._found(holder.place(where, word), "literal-wildcard", message, fix)

    def verbs(self) -> Iterator[Finding]:
        """Verbs that such requests never have."""
        yield from self._literal(self.rule, "verbs", self.rule.verbs, "leave `verbs` out to mean all of them")
        valid, kind = _verbs_of(self.rule)
        for verb in self.rule.verbs:
            if verb in valid or "*" in verb:
                continue
            yield self._found(
                self.rule.place("verbs", verb),
                "unknown-verb",
                f"no {kind}request has the verb `{verb}`",
                requests.verb_meant(verb, resource=kind != "non-resource "),
            )

    def identities(self) -> Iterator[Finding]:
        """Users and groups that nobody is."""
        rule = self.rule
        yield from self._literal(rule, "users", rule.users, "name a group in `userGroups`, or each user")
        yield from self._literal(rule, "userGroups", rule.user_groups, "name each group")
        for word in rule.users:
            yield from self._mistaken(rule.place("users", word), _unless_star(identities.why_no_user, word))
        for word in rule.user_groups:
            yield from self._mistaken(rule.place("userGroups", word), _unless_star(identities.why_no_group, word))

    def not_names(self) -> Iterator[Finding]:
        """Words that are no names: a negation, a list in one word, spaces around it."""
        rule = self.rule
        for where, words in (("users", rule.users), ("userGroups", rule.user_groups)):
            for word in words:
                yield from self._mistaken(rule.place(where, word), names.why_no_user_name(where, word))
        for entry in rule.resources:
            for word in entry.resource_names:
                yield from self._mistaken(entry.place("resourceNames", word), names.why_no_object(word))

    def namespaces(self) -> Iterator[Finding]:
        """Namespaces that there cannot be, and those that keep a rule from what it lists."""
        rule = self.rule
        yield from self._literal(rule, "namespaces", rule.namespaces, "name each namespace")
        for word in rule.namespaces:
            yield from self._mistaken(rule.place("namespaces", word), names.why_no_namespace(word))
        if rule.namespaces and "" not in rule.namespaces:
            yield from self._without_namespace()

    def _without_namespace(self) -> Iterator[Finding]:
        for entry in self.rule.resources:
            for spec in entry.resources:
                if (entry.group, spec.partition("/")[0]) in resources.CLUSTER_SCOPED:
                    yield self._found(
                        entry.place("resources", spec),
                        "cluster-resource-in-namespace",
                        f"`{spec}` has no namespace, and this rule is limited to {', '.join(self.rule.namespaces)}",
                        'put it into a rule without `namespaces`, or add ""',
                    )

    def urls(self) -> Iterator[Finding]:
        """Paths that no non-resource request has."""
        for url in self.rule.non_resource_urls:
            at = self.rule.place("nonResourceURLs", url)
            if "?" in url:
                yield self._found(
                    at,
                    "url-never",
                    f"`{url}`: only the path is compared, without its query",
                    "leave out the `?` and the rest",
                )
            elif is_resource_path(url.rstrip("*")):
                yield self._found(
                    at,
                    "url-is-resource",
                    f"`{url}` is the path of a resource request, which `nonResourceURLs` never match",
                    "name the resource in `resources`",
                )
            base = url.removesuffix("/*")
            probe = base != url and base in {"/healthz", "/livez", "/readyz"}
            if probe and not {base, f"{base}*"} & set(self.rule.non_resource_urls):
                message = f"`{url}` does not match `{base}` itself"
                yield self._found(at, "url-misses-base", message, f"write `{base}*`", "info")

    def entry(self, entry: GroupResources, version: KubeVersion) -> Iterator[Finding]:
        """One entry of `resources`."""
        yield from self._group_and_names(entry)
        for spec in entry.resources:
            yield from self._spec(entry, spec, version)

    def _group_and_names(self, entry: GroupResources) -> Iterator[Finding]:
        yield from self._mistaken(entry.place("group", entry.group), names.why_no_api_group(entry.group))
        yield from self._literal(entry, "resourceNames", entry.resource_names, "name each object")
        nameless = [v for v in self.rule.verbs if v in _NAMELESS_VERBS]
        if entry.resource_names and nameless and any("/" not in spec for spec in entry.resources):
            yield self._found(
                self.rule.place("verbs", nameless[0]),
                "names-on-nameless-verb",
                f"a {' or '.join(nameless)} has no name in its URL, so that `resourceNames` never match it",
                "leave out `resourceNames`, or those verbs",
            )

    def _spec(self, entry: GroupResources, spec: str, version: KubeVersion) -> Iterator[Finding]:
        at = entry.place("resources", spec)
        problem = spec_problem(entry.group, spec, version)
        if problem is not None:
            yield self._found(at, problem.code, problem.message, problem.fix, problem.severity)
        parent = spec.removesuffix("/*")
        if spec.endswith("/*") and parent not in {"*", *entry.resources} and "/" not in parent:
            message = f"`{spec}` also matches plain `{parent}`, against the documentation"
            fix = f"list `{parent}` too, so that readers know"
            yield self._found(at, "star-includes-parent", message, fix, "info")


def _unless_star(why: Callable[[str], Mistake | None], word: str) -> Mistake | None:
    """A star is a mistake of its own."""
    return None if "*" in word else why(word)


def _verbs_of(rule: Rule) -> tuple[frozenset[str], str]:
    """The verbs of the requests that the rule is about, and what they are called."""
    if rule.resources or rule.namespaces:
        return frozenset(requests.RESOURCE_VERBS), "resource "
    if rule.non_resource_urls:
        return frozenset(requests.HTTP_METHODS), "non-resource "
    # nobody sends CONNECT to an API server: who writes it means what admission calls so
    return frozenset({*requests.RESOURCE_VERBS, *requests.HTTP_METHODS}) - {"connect"}, ""
