"""An audit policy, and a request to it, as values.

Source: staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go (Policy, PolicyRule, GroupResources) and
staging/src/k8s.io/apiserver/pkg/authorization/authorizer/interfaces.go (Attributes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["None", "Metadata", "Request", "RequestResponse"]
LEVELS: tuple[Level, ...] = ("None", "Metadata", "Request", "RequestResponse")

Stage = Literal["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"]
STAGES: tuple[Stage, ...] = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")


@dataclass(frozen=True, slots=True)
class GroupResources:
    """One entry of a rule's `resources`."""

    group: str = ""
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    line: int = 0


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


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that kube-apiserver loads."""

    rules: tuple[Rule, ...]
    omit_stages: tuple[Stage, ...] = ()
    omit_managed_fields: bool = False


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
