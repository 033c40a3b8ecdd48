"""The request that a user describes in words, as the policy is asked about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kaudit_setup.errors import InputError
from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy.catalog import identities, requests
from kaudit_setup.policy.explain.objects import Object, Target, parse_target
from kaudit_setup.policy.model import Attributes
from kaudit_setup.policy.request import from_url

_METHODS: Final = frozenset({"get", "head", "post", "put", "patch", "delete", "options", "connect", "trace"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the policy is asked about it. `notes`: what was taken for granted, a sentence each."""

    attributes: Attributes
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestWords:
    """A request as a URL with its method (`url`), as an object and a verb, or as a path and a verb.

    `user` None: the login failed. `groups` empty: those that a user of that name has by default. `resource` is
    RESOURCE[.GROUP][/SUBRESOURCE] or RESOURCE[.GROUP]/NAME[/SUBRESOURCE], in kubectl's words; `api_group` None: the
    group that stands there, else where Kubernetes has the resource.
    """

    user: str | None = ""
    groups: tuple[str, ...] = ()
    verb: str | None = None
    resource: str | None = None
    subresource: str = ""
    api_group: str | None = None
    namespace: str = ""
    name: str = ""
    path: str | None = None
    url: str | None = None

    @property
    def given(self) -> bool:
        """Whether it says what is requested, be it enough or not."""
        return any(word is not None for word in (self.verb, self.resource, self.path, self.url))

    def asked(self, version: KubeVersion = NEWEST) -> Asked:
        """The request. Raises InputError for words that contradict each other, that are not enough, or that describe
        what no client can ask of kube-apiserver of this version.
        """
        groups, notes = self._requester(version)
        if self.url is not None:
            return Asked(self._from_url(self.url, groups), notes)
        verb = self._one_request()
        if self.path is not None:
            return Asked(_for_path(self.path, _method(verb), self.user, groups), notes)
        target = Target(self.resource or "", self.api_group, self.subresource, self.namespace, self.name)
        found = parse_target(target, _verb(verb), version)
        return Asked(_attributes(self.user, groups, found), (*notes, *found.notes))

    def _requester(self, version: KubeVersion) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The groups of the user, and what is to be said of the user."""
        mistake = identities.why_no_user(self.user) if self.user else None
        if mistake is not None and mistake.code != "gone-identity":
            raise InputError(f"--as {self.user}: {mistake.message}", hint=_as_option(mistake.fix))
        notes = (mistake.message,) if mistake else ()
        return self.groups or identities.usual_groups(self.user, version), notes

    def _one_request(self) -> str:
        """The verb, where exactly one request is described."""
        if (self.resource is None) == (self.path is None):
            raise InputError(
                "one request is needed",
                hint="give --url 'METHOD URL', or --verb with --resource or --path, or --requests FILE",
            )
        if self.verb is None:
            raise InputError("--verb is missing", hint="e.g. --verb create; for --path the HTTP method, e.g. get")
        return self.verb

    def _from_url(self, url: str, groups: tuple[str, ...]) -> Attributes:
        others = (self.verb, self.resource, self.path)
        if self.namespace or self.name or self.subresource or any(word is not None for word in others):
            raise InputError(
                "--url excludes --verb, --resource, --subresource, --path, -n and --name", hint="leave them out"
            )
        first, space, rest = url.strip().partition(" ")
        method, address = (first, rest.strip()) if space else ("GET", first)
        info = from_url(method, address, self.user, groups)
        if info.error:
            raise InputError(
                f"kube-apiserver answers {url} with an error 500 before it audits: {info.error}",
                hint="no policy makes it write an event",
            )
        return info.attributes


def _as_option(fix: str) -> str:
    """Advice for a policy, as advice for a command line."""
    return fix.replace("into `userGroups`", "as --group").replace("in `userGroups`", "by --group").replace("`", "")


def _attributes(user: str | None, groups: tuple[str, ...], found: Object) -> Attributes:
    return Attributes(
        user, groups, found.verb, found.group, found.resource, found.subresource, found.namespace, found.name
    )


def _verb(word: str) -> str:
    """The verb of a request for a resource, in whatever case it was written."""
    lower = word.strip().lower()
    if lower not in requests.RESOURCE_VERBS:
        raise InputError(f"no request for a resource has the verb {word!r}", hint=requests.verb_meant(lower))
    return lower


def _for_path(path: str, method: str, user: str | None, groups: tuple[str, ...]) -> Attributes:
    """A request that is for no resource; what kube-apiserver takes for one is none, whatever path it has."""
    if path.startswith("/") and from_url(method, path, user, groups).attributes.is_resource:
        raise InputError(
            f"{path} is a request for a resource, which nonResourceURLs never match",
            hint=f"--url '{method.upper()} {path}'",
        )
    return Attributes(user, groups, method, is_resource=False, path=path)


def _method(word: str) -> str:
    """The verb of a request for a path: its HTTP method in lower case."""
    method = word.strip().lower()
    if method not in _METHODS:
        raise InputError(
            f"no request for a path has the verb {word!r}",
            hint="there the verb is the HTTP method: get, head, post, put, patch, delete or options",
        )
    return method
