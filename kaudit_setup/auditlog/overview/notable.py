"""What deserves a look in a log: a row for each reason. That something is listed accuses nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec


class Kind(NamedTuple):
    """What events are counted by: all of them together make what a reason can see.

    `user` is the one acted as, `impersonator` the one who sent an impersonated request. `resource`: `pods/exec`.
    """

    level: str
    verb: str
    resource: str
    user: str
    code: int
    impersonator: str


class Reason(msgspec.Struct, frozen=True):
    """Why some events deserve a look."""

    id: str
    title: str
    fits: Callable[[Kind], bool]


_CONNECTS: Final = frozenset(
    {"pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "pods/ephemeralcontainers"}
)
_RBAC: Final = frozenset({"roles", "rolebindings", "clusterroles", "clusterrolebindings"})
_READS: Final = frozenset({"get", "list", "watch"})
_ANONYMOUS: Final = "system:anonymous"
_CONTROL_PLANE: Final = ("system:kube-", "system:apiserver", "system:node:", "system:serviceaccount:kube-system:")
"""Kubernetes' own parts read Secrets and bind roles all the time."""

REASONS: Final = (
    Reason(
        "secrets",
        "Secrets that people and workloads read",
        lambda kind: kind.resource == "secrets" and kind.verb in _READS and _done(kind) and not _own(kind),
    ),
    Reason("exec", "Commands and connections into containers", lambda kind: kind.resource in _CONNECTS),
    Reason(
        "rbac",
        "Changes of rights",
        lambda kind: kind.resource in _RBAC and kind.verb not in _READS and not _own(kind),
    ),
    Reason("impersonation", "Requests in somebody else's name", lambda kind: bool(kind.impersonator)),
    Reason(
        "anonymous",
        "Requests without a login that were answered",
        lambda kind: kind.user == _ANONYMOUS and _done(kind) and bool(kind.resource),
    ),
    Reason("failed-logins", "Failed logins", lambda kind: kind.code == 401),
    Reason(
        "tokens", "Tokens that were made", lambda kind: kind.resource == "serviceaccounts/token" and not _own(kind)
    ),
)
"""In the order in which a reader wants them."""

RESTART: Final = "restarts"
"""The reason of the requests that kube-apiserver sends to itself when it starts."""


def reasons(kind: Kind) -> tuple[str, ...]:
    """The reasons to look at events of one kind, by their ids."""
    if _starts(kind):
        return (RESTART,)
    return tuple(reason.id for reason in REASONS if reason.fits(kind))


def _starts(kind: Kind) -> bool:
    """At its start it reads each of its own roles (pkg/registry/rbac/rest/storage_rbac.go:ensureRBACPolicy)."""
    return kind.user == "system:apiserver" and kind.resource == "clusterroles" and kind.verb == "get"


def _done(kind: Kind) -> bool:
    return 200 <= kind.code < 300


def _own(kind: Kind) -> bool:
    return kind.user.startswith(_CONTROL_PLANE) and not kind.impersonator
