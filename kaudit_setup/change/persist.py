"""The same settings in ConfigMap kube-system/kubeadm-config, so that `kubeadm upgrade` does not drop them.

kubeadm regenerates the manifest from that ConfigMap (cmd/kubeadm/app/phases/upgrade/staticpods.go); what was only
added to the manifest is lost then, without a word. It is one object for the whole cluster: it is changed once, after
the last node, guarded by the resourceVersion that was reviewed.
"""

from __future__ import annotations

import copy
import json
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kaudit_setup.change import backup as backups
from kaudit_setup.change.plan import sha256
from kaudit_setup.errors import ChangeError, InputError
from kaudit_setup.manifest.kubeadm import patch_cluster_configuration, read_cluster_configuration
from kaudit_setup.manifest.mounts import Mount
from kaudit_setup.model import AuditSettings
from kaudit_setup.node.cluster import StoredConfig, prelude
from kaudit_setup.node.frames import frames
from kaudit_setup.node.peers import Address
from kaudit_setup.node.port import Node
from kaudit_setup.node.shell import script

NAME = "kube-system/kubeadm-config"


@dataclass(frozen=True, slots=True)
class ConfigPlan:
    """What the ClusterConfiguration is and shall be; falsy when that is the same."""

    stored: StoredConfig = field(repr=False)
    after: str = field(repr=False)

    def __bool__(self) -> bool:
        return self.after != self.stored.text

    @property
    def before(self) -> str:
        """The text as it is stored now."""
        return self.stored.text


def plan_persist(stored: StoredConfig, settings: AuditSettings | None, mounts: Sequence[Mount] = ()) -> ConfigPlan:
    """What stores `settings`, or takes every audit setting out (None). `mounts`: those of the node's manifest.

    Raises InputError for a configuration that cannot be read, or in which something else would change.
    """
    try:
        after = patch_cluster_configuration(stored.text, settings or AuditSettings({}), mounts)
    except InputError as error:
        raise InputError(
            f"ConfigMap {NAME}: {error.message}",
            hint=f"fix it with `kubectl -n kube-system edit configmap kubeadm-config`, or leave it out of this "
            f"with --no-persist{'; ' + error.hint if error.hint else ''}",
            details=error.details,
        ) from error
    return ConfigPlan(stored, after)


def plan_restore(stored: StoredConfig, old: str, mounts: Sequence[Mount] = ()) -> ConfigPlan:
    """What puts the audit settings of `old`, a ClusterConfiguration as it was, into what is stored now.

    Everything else stays as it is today: others may have changed it since. Raises InputError.
    """
    if stored.text == old:
        return ConfigPlan(stored, stored.text)
    return plan_persist(stored, AuditSettings(read_cluster_configuration(old)), mounts)


def reverse(plan: ConfigPlan, resource_version: str) -> ConfigPlan:
    """What takes `plan` back, once it has been stored under `resource_version`."""
    whole = copy.deepcopy(plan.stored.whole)
    whole["metadata"]["resourceVersion"] = resource_version
    whole["data"]["ClusterConfiguration"] = plan.after
    return ConfigPlan(StoredConfig(plan.after, resource_version, whole), plan.before)


def is_persisted(stored: StoredConfig, settings: AuditSettings, mounts: Sequence[Mount] = ()) -> bool:
    """Whether `kubeadm upgrade` would make a manifest with these settings. Not, if it is not YAML."""
    try:
        return not plan_persist(stored, settings, mounts)
    except InputError:
        return False


def write(
    node: Node, at: Address, plan: ConfigPlan, *, by: str, backed_up: bool, settings: AuditSettings | None = None
) -> str:
    """Store `plan.after` through the API server at `at`; returns the new resourceVersion.

    `backed_up`: whether the old text is in a backup of this run already; else one is made first, on `node`.
    Raises ChangeError if somebody changed it after it was reviewed, or if the server does not take it: then it is
    unchanged. Raises what `Node.sh` raises.
    """
    whole: dict[str, Any] = copy.deepcopy(plan.stored.whole)
    whole["data"]["ClusterConfiguration"] = plan.after
    body = json.dumps(whole).encode()
    now = datetime.now(UTC)
    name = "" if backed_up else f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    backup = {
        "name": name,
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "host": node.name,
        "before": "persist",
        "by": by,
        "flags": {},
        "files": [],
        backups.CONFIG_KEY: plan.before,
    }
    entry = {
        "action": "persist",
        "result": "done",
        "by": by,
        "backup": name,
        "flags": dict(settings.flags) if settings else {},
        "kubeadm_config": sha256(plan.after.encode()),
    }
    variables = {
        "LENGTH": str(len(body)),
        "ENTRY": json.dumps(entry)[1:-1],
        "BACKUP_NAME": name,
        "BACKUP_JSON": json.dumps(backup) if name else "",
        "ID": "persist",
    }
    text = "\n".join(
        [
            script("lib"),
            script("change"),
            *(f"{key}={shlex.quote(value)}" for key, value in variables.items()),
            prelude(at),
            script("client"),
            script("persist"),
        ]
    )
    ran = node.sh(text, stdin=body, timeout=60)
    found = dict(frames(ran.out)) if ran.out else {}
    if found.get("code") == b"200":
        return _version(found.get("body", b""))
    raise _refused(node, found, ran.err)


def _version(body: bytes) -> str:
    try:
        return str(json.loads(body)["metadata"]["resourceVersion"])
    except (ValueError, KeyError, TypeError):
        return ""


def _refused(node: Node, found: dict[str, bytes], err: bytes) -> ChangeError:
    code = found.get("code", b"").decode("ascii", "replace")
    if code == "409":
        return ChangeError(
            f"ConfigMap {NAME} was changed by somebody else after it was reviewed; it was not changed",
            hint="run the same command again: only what is missing will be done",
        )
    said = found.get("error") or found.get("body") or err.strip() or b"no reason was given"
    return ChangeError(
        f"{node.name}: ConfigMap {NAME} could not be written ({code or 'no answer'}); it is unchanged",
        hint="run the same command again, or with --no-persist to leave it out",
        details=said.decode("utf-8", "replace")[:2000],
    )
