"""What the webhook backend costs the server, in words. Pure."""

from __future__ import annotations

from kaudit_setup.manifest.flagtable import table
from kaudit_setup.model import NEWEST, AuditSettings, KubeVersion
from kaudit_setup.units import natural

# An event at Metadata is 1 to 2 KiB of JSON; with bodies 100 KiB is what the server truncates at, if told to.
_SMALL, _LARGE = 2 * 1024, 100 * 1024


def batch_notes(settings: AuditSettings, version: KubeVersion | None) -> list[str]:
    """How many events wait in the server's memory and what that may take; nothing where nothing is batched.

    Source: staging/src/k8s.io/apiserver/plugin/pkg/audit/buffered/buffered.go: a channel of buffer-size events; what
    does not fit is dropped and counted.
    """
    known = table(version or NEWEST)

    def value(name: str) -> str:
        return settings.flags.get(name) or known[name].default

    if not settings.webhook_path or value("audit-webhook-mode") != "batch":
        return []
    most = natural(value("audit-webhook-batch-buffer-size"))
    if most is None:
        return []
    pace = (
        f"the webhook sends batches: after {value('audit-webhook-batch-max-size')} events or "
        f"{value('audit-webhook-batch-max-wait')}"
    )
    cost = (
        f"up to {most} events wait in the server's memory: about {most * _SMALL >> 20} MiB at Metadata, "
        f"{most * _LARGE >> 20} MiB if each has a body of 100 KiB; what does not fit is lost, and counted in "
        'apiserver_audit_error_total{plugin="buffered"}'
    )
    return [pace, cost]
