"""An audit policy, and a request to it, as values.

Source: staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go (Policy, PolicyRule, GroupResources) and
staging/src/k8s.io/apiserver/pkg/authorization/authorizer/interfaces.go (Attributes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Level = Literal["None", "Metadata", "Request", "RequestResponse"]
LEVELS: tuple[Level, ...] = ("None", "Metadata", "Request", "RequestResponse")

Stage = Literal["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"]
STAGES: tuple[Stage, ...] = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")


class Place(NamedTuple):
    """Where something stands in the file, 1-based; 0 if unknown."""

    line: int = 0
    column: int = 0


Words = Mapping[tuple[str, str], Place]
"""A field of the file (`userGroups`) and a word in it -> where the word stands first."""


@dataclass(frozen=True, slots=True)
class GroupResources:
    """One entry of a rule's `resources`."""

    group: str = ""
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    line: int = 0
    column: int = field(default=0, compare=False)
    words: Words = field(default_factory=dict, compare=False, repr=False)

    def place(self, name: str = "", word: str = "") -> Place:
        """Where this word of the field stands; the entry itself if that is not known."""
        return self.words.get((name, word), Place(self.line, self.column))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; an empty tuple means "any". `line`/`end_line` are 1-based lines of the file, 0 if unknown."""

    level: Level
    users: tuple[str, ...] = ()
    user_groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resources: tuple[GroupResources, ...] = ()
    namespaces: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = ()
    omit_stages: tuple[Stage, ...] = ()
    omit_managed_fields: bool | None = None
    line: int = 0
    end_line: int = 0
    column: int = field(default=0, compare=False)
    words: Words = field(default_factory=dict, compare=False, repr=False)

    def place(self, name: str = "", word: str = "") -> Place:
        """Where this word of the field stands; the rule itself if that is not known."""
        return self.words.get((name, word), Place(self.line, self.column))


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that kube-apiserver loads; `start` is where its rules begin."""

    rules: tuple[Rule, ...]
    omit_stages: tuple[Stage, ...] = ()
    omit_managed_fields: bool = False
    start: Place = field(default=Place(), compare=False)
    words: Words = field(default_factory=dict, compare=False, repr=False)

    def place(self, index: int) -> Place:
        """Where the rule stands; -1: where the rules begin."""
        return self.rules[index].place() if index >= 0 else self.start


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the policy is asked about: one request, as the authorizer sees it.

    `user` is None for a request whose authentication failed (it matches no users and no userGroups).
    For a non-resource request `is_resource` is False and only `path` and `verb` (the lower-cased HTTP method) count.
    """

    user: str | None
    groups: tuple[str, ...] = ()
    verb: str = ""
    api_group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    is_resource: bool = True
    path: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The policy's answer: `rule_index` is -1 where no rule matched (level None)."""

    level: Level
    omit_stages: tuple[Stage, ...]
    rule_index: int
    omit_managed_fields: bool = False
