"""Frozen values that cross rooms.

A setting is a kube-apiserver flag: `audit-log-maxage` here is `--audit-log-maxage` there. That keeps one
vocabulary from the command line through the plan to the manifest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

POLICY_FLAG = "audit-policy-file"
LOG_FLAG = "audit-log-path"
WEBHOOK_FLAG = "audit-webhook-config-file"

# Where the manifest carries the SHA-256 of the policy file, so that a changed policy restarts the server:
# kube-apiserver reads its policy only at start, kubelet restarts a static Pod only if its manifest changes.
POLICY_ANNOTATION = "kaudit-setup.io/audit-policy-sha256"
WEBHOOK_ANNOTATION = "kaudit-setup.io/audit-webhook-config-sha256"
# Set only where a restart is needed that no other change of the manifest would bring about.
RESTART_ANNOTATION = "kaudit-setup.io/restarted-at"


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """What kube-apiserver shall be told about auditing.

    `flags`: every audit flag with its value, without the leading dashes, in the order in which they shall be
    appended where order is free. `policy_sha256`/`webhook_sha256`: hex digests of the files that the flags name;
    empty where the flag is absent. `restarted_at`: a time that makes the manifest differ, or empty.
    """

    flags: Mapping[str, str]
    policy_sha256: str = ""
    webhook_sha256: str = ""
    restarted_at: str = ""

    @property
    def policy_path(self) -> str:
        """Path of the policy file on the node, empty if there is none."""
        return self.flags.get(POLICY_FLAG, "")

    @property
    def log_path(self) -> str:
        """Path of the log on the node, `-` for standard output, empty if there is no log backend."""
        return self.flags.get(LOG_FLAG, "")

    @property
    def webhook_path(self) -> str:
        """Path of the webhook backend's kubeconfig on the node, empty if there is no such backend."""
        return self.flags.get(WEBHOOK_FLAG, "")


@dataclass(frozen=True, slots=True, order=True)
class KubeVersion:
    """A Kubernetes minor version, e.g. 1.36. `patch` is -1 where it is not said; it is not compared."""

    major: int
    minor: int
    patch: int = field(default=-1, compare=False)

    @classmethod
    def parse(cls, text: str) -> KubeVersion:
        """From `1.36`, `v1.36.2`, `v1.29.3+k3s1` or an image tag; raises ValueError on anything else."""
        major, _, rest = text.removeprefix("v").partition(".")
        minor, _, patch = re.split("[+-]", rest, maxsplit=1)[0].partition(".")
        return cls(int(major), int(minor), int(patch) if patch.isdecimal() else -1)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


OLDEST = KubeVersion(1, 20)
NEWEST = KubeVersion(1, 36)


NEWER: Final = "newer-kubernetes"
"""The name of what `read_as` says, among findings and warnings."""


def read_as(version: KubeVersion | None) -> tuple[KubeVersion, str]:
    """The version whose rules are followed, and what to say of that (empty where there is nothing to say).

    A version that is not known (None) is followed as the newest, and so is one that came after this program.
    """
    if version is None or version <= NEWEST:
        return version or NEWEST, ""
    return NEWEST, f"Kubernetes {version} is newer than this version knows; read as {NEWEST}"
