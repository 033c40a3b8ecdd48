"""The request that a user describes in words, as the policy is asked about it."""

from __future__ import annotations

from dataclasses import dataclass

from kaudit_setup.errors import InputError
from kaudit_setup.policy.catalog.resources import home
from kaudit_setup.policy.model import Attributes
from kaudit_setup.policy.request import from_url


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestWords:
    """A request as a URL with its method (`url`), as an object and a verb, or as a path and a verb.

    `user` None: the login failed. `groups` empty: those that kube-apiserver gives to every such user. `resource` is
    RESOURCE[.GROUP][/SUBRESOURCE]; `api_group` None: the group that stands there, else where Kubernetes has the
    resource.
    """

    user: str | None = ""
    groups: tuple[str, ...] = ()
    verb: str | None = None
    resource: str | None = None
    api_group: str | None = None
    namespace: str = ""
    name: str = ""
    path: str | None = None
    url: str | None = None

    @property
    def given(self) -> bool:
        """Whether it says what is requested, be it enough or not."""
        return any(word is not None for word in (self.verb, self.resource, self.path, self.url))

    def attributes(self) -> Attributes:
        """The request's attributes; raises InputError for words that contradict each other or are not enough."""
        groups = self.groups or usual_groups(self.user)
        return self._from_words(groups) if self.url is None else self._from_url(self.url, groups)

    def _from_words(self, groups: tuple[str, ...]) -> Attributes:
        if (self.resource is None) == (self.path is None):
            raise InputError(
                "one request is needed",
                hint="give --url 'METHOD URL', or --verb with --resource or --path, or --requests FILE",
            )
        if self.verb is None:
            raise InputError("--verb is missing", hint="e.g. --verb create; for --path the HTTP method, e.g. get")
        if self.path is not None:
            return Attributes(self.user, groups, self.verb, is_resource=False, path=self.path)
        group, plural, subresource = _place(self.resource or "")
        if self.api_group is not None:
            group = self.api_group
        return Attributes(self.user, groups, self.verb, group, plural, subresource, self.namespace, self.name)

    def _from_url(self, url: str, groups: tuple[str, ...]) -> Attributes:
        if self.namespace or self.name or any(word is not None for word in (self.verb, self.resource, self.path)):
            raise InputError("--url excludes --verb, --resource, --path, -n and --name", hint="leave them out")
        first, space, rest = url.strip().partition(" ")
        method, address = (first, rest.strip()) if space else ("GET", first)
        info = from_url(method, address, self.user, groups)
        if info.error:
            raise InputError(
                f"kube-apiserver answers {url} with an error 500 before it audits: {info.error}",
                hint="no policy makes it write an event",
            )
        return info.attributes


def _place(resource: str) -> tuple[str, str, str]:
    """Group, plural and subresource of RESOURCE[.GROUP][/SUBRESOURCE]."""
    whole, _, subresource = resource.partition("/")
    plural, dot, group = whole.partition(".")
    return group if dot else home(plural) or "", plural, subresource


def usual_groups(user: str | None) -> tuple[str, ...]:
    """The groups that the authenticators of kube-apiserver add by themselves; None is a login that failed."""
    if user is None:
        return ()
    if user == "system:anonymous":
        return ("system:unauthenticated",)
    account = user.removeprefix("system:serviceaccount:")
    if account != user and account.count(":") == 1:
        own = account.partition(":")[0]
        return ("system:serviceaccounts", f"system:serviceaccounts:{own}", "system:authenticated")
    return ("system:authenticated",)
