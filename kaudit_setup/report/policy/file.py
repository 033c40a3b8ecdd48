"""A policy that is printed as a whole."""

from __future__ import annotations

from kaudit_setup.policy.build.render import policy_object
from kaudit_setup.policy.model import Policy
from kaudit_setup.report.documents.document import Item, Json


class PolicyFile(Item, frozen=True, kw_only=True):
    """A policy: `text` is the file with its comments, `policy` the object, which kube-apiserver reads as JSON, too.
    `name`: the preset's, empty for one that was built.
    """

    name: str
    text: str
    policy: Json


def as_item(name: str, text: str, policy: Policy) -> PolicyFile:
    """For programs; people get the text."""
    return PolicyFile(name=name, text=text, policy=policy_object(policy))
