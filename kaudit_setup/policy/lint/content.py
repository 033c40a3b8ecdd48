"""Words in a policy that no request ever says: unknown resources and verbs, wildcards that are letters, old names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.catalog import identities, requests, resources
from kaudit_setup.policy.classes.space import is_resource_path
from kaudit_setup.policy.lint.finding import Finding, Severity
from kaudit_setup.policy.lint.specs import spec_problem
from kaudit_setup.policy.model import GroupResources, Policy, Rule

_NAMELESS_VERBS: Final = ("create", "list", "deletecollection")


def findings(policy: Policy, version: KubeVersion) -> Iterator[Finding]:
    """Findings that one rule alone gives rise to."""
    for index, rule in enumerate(policy.rules):
        finder = _Finder(index, rule)
        yield from finder.verbs()
        yield from finder.identities()
        yield from finder.namespaces()
        yield from finder.urls()
        for entry in rule.resources:
            yield from finder.entry(entry, version)


class _Finder:
    def __init__(self, index: int, rule: Rule) -> None:
        self.index, self.rule = index, rule

    def _found(self, code: str, message: str, fix: str, severity: Severity = "warning", line: int = 0) -> Finding:
        return Finding(code, severity, f"rule {self.index + 1}: {message}", fix, self.index, line or self.rule.line)

    def _literal(self, where: str, words: tuple[str, ...], fix: str) -> Iterator[Finding]:
        for word in words:
            if "*" in word:
                message = f"`{word}` in {where} is not a wildcard; it matches exactly these letters"
                yield self._found("literal-wildcard", message, fix)

    def verbs(self) -> Iterator[Finding]:
        """Verbs that such requests never have."""
        rule = self.rule
        yield from self._literal("verbs", rule.verbs, "leave `verbs` out to mean all of them")
        if rule.resources or rule.namespaces:
            valid, kind = set(requests.RESOURCE_VERBS), "resource"
        elif rule.non_resource_urls:
            valid, kind = set(requests.HTTP_METHODS), "non-resource"
        else:
            valid, kind = {*requests.RESOURCE_VERBS, *requests.HTTP_METHODS}, ""
        for verb in rule.verbs:
            if verb in valid or "*" in verb:
                continue
            yield self._found(
                "unknown-verb",
                f"no {kind} request has the verb `{verb}`".replace("  ", " "),
                requests.verb_meant(verb, resource=kind != "non-resource"),
            )

    def identities(self) -> Iterator[Finding]:
        """Users and groups that nobody is."""
        rule = self.rule
        yield from self._literal("users", rule.users, "name a group in `userGroups`, or each user")
        yield from self._literal("userGroups", rule.user_groups, "name each group")
        for words, gone in ((rule.users, identities.GONE_USERS), (rule.user_groups, identities.GONE_GROUPS)):
            for word in words:
                if word in gone:
                    yield self._found("gone-identity", f"nobody is `{word}`: {gone[word]}", "use the name of today")
        for user in rule.users:
            if user in {identities.NODES, identities.AUTHENTICATED, identities.UNAUTHENTICATED, identities.MASTERS}:
                yield self._found("group-as-user", f"`{user}` is a group, not a user", "write it into `userGroups`")

    def namespaces(self) -> Iterator[Finding]:
        """Namespaces that keep a rule from what it lists."""
        rule = self.rule
        yield from self._literal("namespaces", rule.namespaces, "name each namespace")
        if not rule.namespaces or "" in rule.namespaces:
            return
        for entry in rule.resources:
            for spec in entry.resources:
                if (entry.group, spec.partition("/")[0]) in resources.CLUSTER_SCOPED:
                    yield self._found(
                        "cluster-resource-in-namespace",
                        f"`{spec}` has no namespace, and this rule is limited to {', '.join(rule.namespaces)}",
                        'put it into a rule without `namespaces`, or add ""',
                        line=entry.line,
                    )

    def urls(self) -> Iterator[Finding]:
        """Paths that no non-resource request has."""
        for url in self.rule.non_resource_urls:
            if "?" in url:
                yield self._found(
                    "url-never",
                    f"`{url}`: only the path is compared, without its query",
                    "leave out the `?` and the rest",
                )
            elif is_resource_path(url.rstrip("*")):
                yield self._found(
                    "url-is-resource",
                    f"`{url}` is the path of a resource request, which `nonResourceURLs` never match",
                    "name the resource in `resources`",
                )
            base = url.removesuffix("/*")
            probe = base != url and base in {"/healthz", "/livez", "/readyz"}
            if probe and not {base, f"{base}*"} & set(self.rule.non_resource_urls):
                message = f"`{url}` does not match `{base}` itself"
                yield self._found("url-misses-base", message, f"write `{base}*`", "info")

    def entry(self, entry: GroupResources, version: KubeVersion) -> Iterator[Finding]:
        """One entry of `resources`."""
        yield from self._group_and_names(entry)
        for spec in entry.resources:
            yield from self._spec(entry, spec, version)

    def _group_and_names(self, entry: GroupResources) -> Iterator[Finding]:
        line = entry.line
        if entry.group == "core":
            yield self._found(
                "core-group-name",
                'the core group is called ""; no request is in a group `core`',
                'write group: ""',
                line=line,
            )
        yield from self._literal("resourceNames", entry.resource_names, "name each object")
        nameless = [v for v in self.rule.verbs if v in _NAMELESS_VERBS]
        if entry.resource_names and nameless and any("/" not in spec for spec in entry.resources):
            yield self._found(
                "names-on-nameless-verb",
                f"a {' or '.join(nameless)} has no name in its URL, so that `resourceNames` never match it",
                "leave out `resourceNames`, or those verbs",
                line=line,
            )

    def _spec(self, entry: GroupResources, spec: str, version: KubeVersion) -> Iterator[Finding]:
        problem = spec_problem(entry.group, spec, version)
        if problem is not None:
            yield self._found(problem.code, problem.message, problem.fix, problem.severity, entry.line)
        parent = spec.removesuffix("/*")
        if spec.endswith("/*") and parent not in {"*", *entry.resources} and "/" not in parent:
            message = f"`{spec}` also matches plain `{parent}`, against the documentation"
            fix = f"list `{parent}` too, so that readers know"
            yield self._found("star-includes-parent", message, fix, "info", entry.line)
