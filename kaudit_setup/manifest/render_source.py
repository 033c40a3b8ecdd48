"""What every rendered format is made from."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from kaudit_setup.errors import InputError
from kaudit_setup.model import WEBHOOK_FLAG, AuditSettings, KubeVersion
from kaudit_setup.yamltext import Plain, plain


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be said: the settings, and the text of the policy and of the webhook's kubeconfig.

    `version`: the Kubernetes version that the text is for, None for the newest.
    """

    settings: AuditSettings
    policy: str
    webhook: str = ""
    name: str = "my-cluster"
    version: KubeVersion | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """A path of the host that the server must see at the same path."""

    name: str
    path: str
    read_only: bool
    type: str


def volumes(settings: AuditSettings) -> list[Volume]:
    """The mounts that the settings need, sorted by name as kubeadm sorts them (phases/controlplane/volumes.go)."""
    found = []
    if settings.log_path not in {"", "-"}:
        found.append(Volume("audit-log", posixpath.dirname(settings.log_path), False, "DirectoryOrCreate"))
    if settings.policy_path:
        found.append(Volume("audit-policy", settings.policy_path, True, "File"))
    if webhook := settings.flags.get(WEBHOOK_FLAG):
        found.append(Volume("audit-webhook", webhook, True, "File"))
    return found


def policy_of(source: Source) -> dict[str, Plain]:
    """The policy as plain values. Raises InputError if it is not a mapping."""
    policy = plain(source.policy, "the policy")
    if not isinstance(policy, dict):
        raise InputError("the policy is not a mapping", hint="kaudit-setup policy lint FILE says what is wrong")
    return policy
