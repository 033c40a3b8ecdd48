"""Kinds as a question about many objects names them: `pods`, `deploy,sts`, or a word for several."""

from __future__ import annotations

from typing import Final

from kaudit_setup.auditlog.filters import plain_resource
from kaudit_setup.auditlog.kinds import KINDS, Kind, parse_kind
from kaudit_setup.errors import InputError

GROUPS_OF_KINDS: Final = {
    # what kubectl means by it: the category of that name
    "all": (
        "pods",
        "replicationcontrollers",
        "services",
        "daemonsets",
        "deployments",
        "replicasets",
        "statefulsets",
        "horizontalpodautoscalers",
        "cronjobs",
        "jobs",
    ),
    "rbac": ("roles", "rolebindings", "clusterroles", "clusterrolebindings"),
    "admission": (
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
    ),
    "workloads": (
        "pods",
        "deployments",
        "replicasets",
        "statefulsets",
        "daemonsets",
        "jobs",
        "cronjobs",
        "replicationcontrollers",
    ),
}
"""Words that stand for several kinds."""
RULES_OF_ACCESS: Final = frozenset({"rbac", "admission"})
"""Of these, what is made or taken away is a change as well."""


def parse_kinds(text: str, name: str = "") -> tuple[Kind, ...]:
    """The kinds behind `pods`, `deploy,sts` or a word for several like `rbac`. Raises InputError, also for a word
    that may be the name of an object as well, where no `name` follows.
    """
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if not (name or "." in word or is_word_for_kinds(word)):
            parse_kind(word)
            raise InputError(
                f"{word!r} does not name an object, and is not a kind that Kubernetes has",
                hint="write KIND/NAME, for example pod/my-suspicious-pod; custom kinds: plural.group",
            )
    names = (one for word in words for one in GROUPS_OF_KINDS.get(word.lower(), (word,)))
    return tuple(dict.fromkeys(map(parse_kind, names)))


def is_word_for_kinds(text: str) -> bool:
    """Whether a word without a slash means kinds rather than the name of a Pod."""
    words = [word.strip().lower() for word in text.split(",")]
    return all(word in GROUPS_OF_KINDS or plain_resource(word) in KINDS for word in words)


def is_one_kind(text: str) -> bool:
    """Whether a word is not one of those for several kinds, nor a list."""
    return "," not in text and text.lower() not in GROUPS_OF_KINDS
