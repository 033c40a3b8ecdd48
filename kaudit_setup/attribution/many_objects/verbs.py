"""What each verb of a question means in a log: verbs of requests, codes, subresources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from kaudit_setup.attribution.answer import Verb


class Below(NamedTuple):
    """A subresource, and the resources that a request on it may be about."""

    resource: str
    about: frozenset[str]

    def concerns(self, names: Sequence[str]) -> bool:
        """Whether it may be about one of some resources; no names mean any."""
        return not names or not self.about.isdisjoint(names)


_PODS: Final = frozenset({"pods"})
_CONNECTIONS: Final = (
    *(Below(f"pods/{name}", _PODS) for name in ("exec", "attach", "portforward", "proxy")),
    Below("services/proxy", frozenset({"services"})),
    # a kubelet's own paths lead into Pods
    Below("nodes/proxy", frozenset({"nodes", "pods"})),
)


class Part(msgspec.Struct, frozen=True):
    """Some of the requests that a verb of a question means: their verbs, codes, and where they are on subresources.

    Empty: any.
    """

    verbs: frozenset[str] = frozenset()
    codes: tuple[str, ...] = ()
    below: tuple[Below, ...] = ()

    def resources_of(self, names: Sequence[str]) -> tuple[str, ...] | None:
        """The resources to look for where some (none: all) are asked about; empty for any, None if this part has none
        of them.
        """
        if not self.below:
            return tuple(names)
        return tuple(one.resource for one in self.below if one.concerns(names)) or None


PARTS: Final = {
    # an update or a server-side apply may create (201)
    Verb.created: (Part(frozenset({"create"})), Part(frozenset({"update", "patch"}), ("201",))),
    Verb.changed: (
        Part(frozenset({"update", "patch"})),
        Part(frozenset({"create"}), below=(Below("pods/ephemeralcontainers", _PODS), Below("pods/binding", _PODS))),
    ),
    Verb.deleted: (
        Part(frozenset({"delete", "deletecollection"})),
        Part(frozenset({"create"}), below=(Below("pods/eviction", _PODS),)),
    ),
    Verb.read: (
        Part(frozenset({"get", "list", "watch"})),
        Part(frozenset({"create"}), below=(Below("serviceaccounts/token", frozenset({"serviceaccounts"})),)),
    ),
    Verb.exec: (Part(below=_CONNECTIONS),),
    Verb.touched: (Part(),),
}
"""The requests that each verb means, in parts that may have requests in common; others may match as well."""
