"""States of nodes that nobody looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kaudit_setup.change.plan import sha256
from kaudit_setup.change.status import Status
from kaudit_setup.policy.presets import preset

_ON = Status(
    host="cp",
    state="on",
    remarks=(),
    flags={"audit-log-maxage": "30"},
    version="1.36.2",
    policy_path="/etc/kubernetes/audit-policy.yaml",
    policy_sha256=sha256(preset("metadata").data),
    log_path="/var/log/kubernetes/audit/audit.log",
    log_bytes=700 << 20,
    rate=21_034.0,
    hours_kept=52.0,
    last_event="2026-11-30T10:59:58Z",
    backups=2,
    server="1234",
    bytes_kept=1 << 30,
    disk_free=34 << 30,
    persisted=True,
    enabled=True,
    journal={"action": "enable", "result": "done", "time": "2026-11-23T20:12:19Z", "by": "root@bastion"},
)


def status(state: str = "on", **fields: Any) -> Status:
    """A node with auditing as preset `metadata` has it, but for what is said."""
    return replace(_ON, state=state, **fields)
