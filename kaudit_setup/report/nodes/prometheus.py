"""What state nodes are in, as metrics in Prometheus' text format.

What is not known of a node has no sample, so that no alert takes a guess for a measurement.
Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kaudit_setup import __version__
from kaudit_setup.change.status import Status
from kaudit_setup.fleet.status import Row
from kaudit_setup.report.escape import safe
from kaudit_setup.report.nodes.status import policy_name

_Value = bool | int | float | None


@dataclass(frozen=True, slots=True)
class _Gauge:
    """`value`: of one node that answered, None where it is not known."""

    name: str
    help: str
    value: Callable[[Status], _Value]


def _last_event(status: Status) -> float | None:
    return datetime.fromisoformat(status.last_event).timestamp() if status.last_event else None


def _disk_free(status: Status) -> int | None:
    return status.disk_free if _has_file(status) and status.disk_free >= 0 else None


def _has_file(status: Status) -> bool:
    """Whether there is a log file on the node: `-` is standard output."""
    return status.log_path not in {"", "-"}


def _full_in(status: Status) -> float | None:
    return None if status.full_in_hours is None else status.full_in_hours * 3600


_GAUGES = (
    _Gauge("apiserver_up", "Whether kube-apiserver runs on the node.", lambda s: bool(s.server)),
    _Gauge(
        "auditing_enabled", "Whether the manifest names an audit policy and a log or a webhook.", lambda s: s.enabled
    ),
    _Gauge(
        "working",
        "Whether a request that was just sent came into the log, under the settings of this tool (state on).",
        lambda s: s.state == "on",
    ),
    _Gauge("last_event_timestamp_seconds", "When the newest event in the audit log was written.", _last_event),
    _Gauge(
        "log_bytes",
        "Size of the audit log with its rotated files.",
        lambda s: s.log_bytes if _has_file(s) else None,
    ),
    _Gauge("disk_free_bytes", "Free space on the volume of the audit log.", _disk_free),
    _Gauge(
        "disk_full_in_seconds",
        "Time until the volume of the log is full at the present rate; no sample if rotation prevents it.",
        _full_in,
    ),
    _Gauge(
        "changed_by_hand",
        "Whether the audit settings or the policy were changed since this tool last changed them.",
        lambda s: s.by_hand,
    ),
    _Gauge(
        "survives_kubeadm_upgrade",
        "Whether kubeadm-config has the audit settings; no sample if that is not known.",
        lambda s: s.persisted,
    ),
    _Gauge("pending_run", "Whether a change waits to be confirmed or undone.", lambda s: s.unconfirmed),
    _Gauge(
        "restart_pending",
        "Whether the running server has other audit flags than the manifest.",
        lambda s: s.restart_pending,
    ),
)


def as_metrics(rows: Sequence[Row]) -> str:
    """Every metric with its HELP and TYPE; ends with a newline. Of rows with the same name the first counts."""
    # two series of one name would make the whole file invalid
    nodes: dict[str, Row] = {}
    for row in rows:
        nodes.setdefault(safe(row.name), row)
    answered = {name: row.status for name, row in nodes.items() if row.status}
    samples = (({"node": name}, row.status is not None) for name, row in nodes.items())
    lines = [*_family("up", "Whether the node answered.", samples)]
    lines += _family(
        "info", "Versions and policy; always 1.", ((_info(nodes[name], s), 1) for name, s in answered.items())
    )
    for gauge in _GAUGES:
        lines += _family(gauge.name, gauge.help, (({"node": name}, gauge.value(s)) for name, s in answered.items()))
    return "".join(f"{line}\n" for line in lines)


def _info(row: Row, status: Status) -> dict[str, str]:
    return {
        "node": row.name,
        "host": status.host,
        "cluster": row.cluster,
        "version": __version__,
        "kubernetes_version": status.version,
        "policy": policy_name(status),
        "policy_sha256": status.policy_sha256,
    }


def _family(name: str, what: str, samples: Iterable[tuple[Mapping[str, str], _Value]]) -> Iterator[str]:
    """The lines of one metric; none if it has no sample. `what`: without backslashes and newlines."""
    known = [(labels, value) for labels, value in samples if value is not None]
    if known:
        yield f"# HELP kaudit_setup_{name} {what}"
        yield f"# TYPE kaudit_setup_{name} gauge"
    for labels, value in known:
        pairs = ",".join(f'{key}="{_escape(text)}"' for key, text in labels.items())
        yield f"kaudit_setup_{name}{{{pairs}}} {int(value) if value == int(value) else value}"


def _escape(text: str) -> str:
    """A label's value: what a stranger chose is made visible first, so that no line and no byte is broken by it."""
    return safe(text).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
