"""A node's state as text for people."""

from __future__ import annotations

from typing import Any

from kaudit_setup.report.escape import safe


def as_text(status: dict[str, Any]) -> str:
    """One node, some lines."""
    lines = [f"{safe(status['name'])}: {status['meaning']} ({status['state']})"]
    rows = [
        ("kube-apiserver", f"{status['version'] or 'unknown version'}, PID {status['server'] or '-'}"),
        ("policy", _policy(status)),
        ("log", _log(status)),
        ("last event", status["last_event"]),
        ("kept", _kept(status)),
        (
            "kubeadm",
            {True: "upgrade keeps it", False: "will be lost at the next upgrade"}.get(status["persisted"], ""),
        ),
        ("backups", str(status["backups"])),
    ]
    lines += [f"  {name:<15} {safe(value)}" for name, value in rows if value]
    lines += [f"  --{safe(name)}={safe(value)}" for name, value in sorted(status["flags"].items())]
    lines += [f"  note: {safe(remark)}" for remark in status["remarks"]]
    return "\n".join(lines)


def _policy(status: dict[str, Any]) -> str:
    if not status["policy_path"]:
        return ""
    return f"{status['policy_path']} (sha256 {status['policy_sha256'][:12] or 'missing'})"


def _log(status: dict[str, Any]) -> str:
    if not status["log_path"]:
        return ""
    rate = status["rate"]
    speed = f", {human(rate)}/s, {human(rate * 86400)} a day" if rate else ""
    return f"{status['log_path']} ({human(status['log_bytes'])}{speed})"


def _kept(status: dict[str, Any]) -> str:
    parts = []
    if status["hours_kept"] is not None:
        hours = status["hours_kept"]
        parts.append(f"about {hours:.0f} hours" if hours < 72 else f"about {hours / 24:.0f} days")
    if status["bytes_kept"] is not None:
        parts.append(f"in up to {human(status['bytes_kept'])}")
    elif status["log_path"] and not parts:
        parts.append("everything, without bound")
    if not parts or not status["log_path"]:
        return ""
    if status["disk_free"] >= 0:
        parts.append(f"({human(status['disk_free'])} free)")
    return " ".join(parts)


def human(size: float) -> str:
    """Bytes in binary units."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def verified_as_text(answer: dict[str, Any]) -> str:
    """One node's proof, or why there is none."""
    if answer["proved"]:
        return f"{safe(answer['host'])}: proved, the marked request is in the audit log\n  {safe(answer['event'])}"
    return f"{safe(answer['host'])}: not proved: {safe(answer['reason'])}"
