"""What state auditing is in on one node, judged from what was seen. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kaudit_setup.auditlog.decode import decode_strictly
from kaudit_setup.change.backup import backups_of
from kaudit_setup.change.plan import paths_of, pod_of
from kaudit_setup.change.verify import NotProved, Proof, audit_lines
from kaudit_setup.model import POLICY_ANNOTATION, AuditSettings, KubeVersion
from kaudit_setup.node.observe import Observed
from kaudit_setup.rotation import Kept, kept, rotation_of

# state → what it means for a person
STATES = {
    "off": "auditing is off",
    "on": "auditing is on and events are being written",
    "not-writing": "auditing is on, but events are not being written",
    "records-nothing": "audit flags are set, but without both a policy and a backend nothing is recorded",
    "changed-by-hand": "the manifest or the policy was changed by hand since this tool last changed it",
    "restart-pending": "the running server does not have the settings of the manifest",
    "reverted": "the last change was put back by the watchdog",
    "unconfirmed": "a change waits to be confirmed",
    "server-down": "kube-apiserver is not running",
}


@dataclass(frozen=True, slots=True)
class Status:
    """One node's state. `rate` in bytes a second, `hours_kept` until rotation drops an event; None if unknown.

    `bytes_kept`: what the log and its rotated files will take, None without bound; `disk_free`: -1 if unknown;
    `full_in_hours`: when the volume will be full, None if it will not. `persisted`: whether `kubeadm upgrade` makes
    the same manifest, None where that was not asked or is of no concern.
    """

    host: str
    state: str
    remarks: tuple[str, ...]
    flags: dict[str, str]
    version: str
    policy_path: str
    policy_sha256: str
    log_path: str
    log_bytes: int
    rate: float | None
    hours_kept: float | None
    last_event: str
    backups: int
    server: str
    bytes_kept: int | None = None
    disk_free: int = -1
    full_in_hours: float | None = None
    persisted: bool | None = None
    journal: dict[str, Any] = field(default_factory=dict)

    @property
    def meaning(self) -> str:
        """The state in words."""
        return STATES[self.state]


def judge(observed: Observed, seen: Proof | NotProved | None) -> Status:
    """`seen`: the answer of a marked request, None if none was sent. Raises ManifestError."""
    pod = pod_of(observed)
    settings = AuditSettings(pod.flags)
    paths = paths_of(settings, pod)
    policy = observed.file(paths["policy"]) if "policy" in paths else None
    first, last = _event_time(observed.log.first), _event_time(observed.log.last)
    rate = None
    if first and last and (last - first).total_seconds() >= 1:
        rate = observed.log.size / (last - first).total_seconds()
    remarks: list[str] = []
    state = _state(observed, seen, remarks)
    if policy and policy.kind == "file":
        noted = pod.annotations.get(POLICY_ANNOTATION)
        if noted and noted != policy.sha256:
            remarks.append(f"{policy.path} is not the policy that the running server was started with")
            state = "changed-by-hand" if state == "on" else state
    elif policy:
        remarks.append(f"{policy.path} is not there; the next start of kube-apiserver will fail")
    free = observed.volumes["log"].free
    keeps = _keeps(settings, pod.version, rate, observed)
    if keeps.full_in_hours is not None:
        remarks.append(
            f"the volume of the log will be full before rotation removes anything: {free >> 20} MiB are free"
        )
    return Status(
        host=observed.host,
        state=state,
        remarks=tuple(remarks),
        flags=dict(pod.flags),
        version=str(pod.version or ""),
        policy_path=settings.policy_path,
        policy_sha256=policy.sha256 if policy else "",
        log_path=settings.log_path,
        log_bytes=observed.log.size + observed.log.rotated_bytes,
        rate=rate,
        hours_kept=keeps.hours,
        bytes_kept=keeps.bytes,
        disk_free=free,
        full_in_hours=keeps.full_in_hours,
        last_event=f"{last:%Y-%m-%dT%H:%M:%SZ}" if last else "",
        backups=len(backups_of(observed)),
        server=f"{observed.server.pid}" if observed.server else "",
        journal=dict(observed.journal[-1]) if observed.journal else {},
    )


def _state(observed: Observed, seen: Proof | NotProved | None, remarks: list[str]) -> str:
    pod = pod_of(observed)
    settings = AuditSettings(pod.flags)
    last = observed.journal[-1] if observed.journal else {}
    if any(not r.outcome and r.watchdog_alive for r in observed.runs):
        return "unconfirmed"
    remarks += [
        f"change {run.id} was never confirmed and its watchdog is gone (was the node restarted?)"
        for run in observed.runs
        if not run.outcome
    ]
    if last.get("result") == "stuck":
        remarks.append("the last undo could not put everything back; see `kaudit-setup backups list`")
    if observed.server is None:
        return "server-down"
    if audit_lines(observed.server.argv) != audit_lines(pod.argv):
        return "restart-pending"
    ours = next((e for e in reversed(observed.journal) if observed.manifest.target in e.get("files", {})), None)
    if ours and ours["files"][observed.manifest.target] != observed.manifest.sha256:
        remarks.append(f"{observed.manifest.path} was changed after {ours.get('time', 'the last run')}")
        if ours.get("flags") and not pod.annotations.get(POLICY_ANNOTATION):
            # whoever edits by hand leaves the annotation alone; kubeadm writes the file anew
            what = "with the same audit flags" if dict(pod.flags) == ours["flags"] else "without the audit settings"
            remarks.append(f"it is written anew, {what} (kubeadm upgrade?); `enable` mends it with one restart")
        return "changed-by-hand"
    if last.get("action") == "watchdog" and last.get("result") == "reverted":
        return "reverted"
    if not any(name in pod.flags for name in ("audit-policy-file", "audit-log-path", "audit-webhook-config-file")):
        return "off"
    if not settings.policy_path or not (settings.log_path or settings.webhook_path):
        return "records-nothing"
    return "not-writing" if isinstance(seen, NotProved) else "on"


def _keeps(settings: AuditSettings, version: KubeVersion | None, rate: float | None, observed: Observed) -> Kept:
    if settings.log_path in {"", "-"}:
        return Kept(None, None, "nothing", None)
    used, free = observed.log.size + observed.log.rotated_bytes, observed.volumes["log"].free
    return kept(rotation_of(settings.flags, version), rate or 0.0, used=used, free=free if free >= 0 else None)


def _event_time(line: bytes) -> datetime | None:
    event = decode_strictly(line)
    try:
        return datetime.fromisoformat(event.stage_timestamp) if event else None
    except ValueError:
        return None
