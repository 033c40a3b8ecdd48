"""The --audit-* flags of kube-apiserver 1.20 to 1.36, with the usage texts of its own --help."""

from __future__ import annotations

from dataclasses import dataclass

from kaudit_setup.model import LOG_FLAG, NEWEST, POLICY_FLAG, WEBHOOK_FLAG, KubeVersion
from kaudit_setup.rotation import BOUNDED_BY_DEFAULT, default_rotation

_BATCH_ONLY = "Only used in batch mode."
_BACKOFF = "The amount of time to wait before retrying the first failed request."
_MODE = (
    "Strategy for sending audit events. Blocking indicates sending events should block server responses. Batch "
    "causes the backend to buffer and write events asynchronously. Known modes are batch,blocking,blocking-strict."
)
_MAX_BATCH = (
    "Maximum size of the batch sent to the underlying backend. Actual serialized size can be several hundreds of "
    "bytes greater. If a batch exceeds this limit, it is split into several batches of smaller size."
)
_MAX_EVENT = (
    "Maximum size of the audit event sent to the underlying backend. If the size of an event is greater than this "
    "number, first request and response are removed, and if this doesn't reduce the size enough, event is discarded."
)
_QPS = "Maximum average number of batches per second. " + _BATCH_ONLY
_MAX_WAIT = (
    "The amount of time to wait before force writing the batch that hadn't reached the max size. " + _BATCH_ONLY
)
_BURST = "Maximum number of requests sent at the same moment if ThrottleQPS was not utilized before. " + _BATCH_ONLY
_FORMAT = (
    'Format of saved audits. "legacy" indicates 1-line text format for each event. "json" indicates structured json '
    "format. Known formats are legacy,json."
)
_AGE = (
    "The maximum number of days to retain old audit log files based on the timestamp encoded in their filename.",
    " Setting a value of 0 means old audit log files are not removed based on age.",
)
_BACKUP = (
    "The maximum number of old audit log files to retain.",
    " Setting a value of 0 will mean there's no restriction on the number of files.",
)
_SIZE = (
    "The maximum size in megabytes of the audit log file before it gets rotated.",
    " Setting to 0 disables rotation (not recommended).",
)
_PATH = "If set, all requests coming to the apiserver will be logged to this file.  '-' means standard out."
_COMPRESS = "If set, the rotated log files will be compressed using gzip."
_KUBECONFIG = "Path to a kubeconfig formatted file that defines the audit webhook configuration."


@dataclass(frozen=True, slots=True)
class AuditFlag:
    """One flag. `type`: string, int, int64, bool, float32 or duration, in pflag's words."""

    name: str
    type: str
    default: str
    usage: str
    deprecated: str = ""


def table(version: KubeVersion | None = None) -> dict[str, AuditFlag]:
    """All audit flags of a version (default: the newest known), by name in alphabetical order."""
    bounded = (version or NEWEST) >= BOUNDED_BY_DEFAULT
    rotation = default_rotation(version)
    flags = [
        AuditFlag(POLICY_FLAG, "string", "", "Path to the file that defines the audit policy configuration."),
        AuditFlag(LOG_FLAG, "string", "", _PATH),
        AuditFlag("audit-log-maxage", "int", str(rotation.maxage), "".join(_AGE[: 1 + bounded])),
        AuditFlag("audit-log-maxbackup", "int", str(rotation.maxbackup), "".join(_BACKUP[: 1 + bounded])),
        AuditFlag("audit-log-maxsize", "int", str(rotation.maxsize), "".join(_SIZE[: 1 + bounded])),
        AuditFlag("audit-log-format", "string", "json", _FORMAT),
        AuditFlag("audit-log-compress", "bool", "false", _COMPRESS),
        AuditFlag(WEBHOOK_FLAG, "string", "", _KUBECONFIG),
        AuditFlag("audit-webhook-initial-backoff", "duration", "10s", _BACKOFF),
        AuditFlag(
            "audit-webhook-batch-initial-backoff",
            "duration",
            "10s",
            _BACKOFF,
            "Deprecated, use --audit-webhook-initial-backoff instead.",
        ),
        *_backend("log", mode="blocking", size="1", wait="0s", throttle=("false", "0", "0")),
        *_backend("webhook", mode="batch", size="400", wait="30s", throttle=("true", "10", "15")),
    ]
    return {flag.name: flag for flag in sorted(flags, key=lambda f: f.name)}


def _backend(plugin: str, *, mode: str, size: str, wait: str, throttle: tuple[str, str, str]) -> list[AuditFlag]:
    """The flags that the log and the webhook have alike; `throttle` is (enable, qps, burst)."""
    written = f"API group and version used for serializing audit events written to {plugin}."
    buffer = f"The size of the buffer to store events before batching and writing. {_BATCH_ONLY}"
    parts = [
        ("mode", "string", mode, _MODE),
        ("version", "string", "audit.k8s.io/v1", written),
        ("batch-buffer-size", "int", "10000", buffer),
        ("batch-max-size", "int", size, f"The maximum size of a batch. {_BATCH_ONLY}"),
        ("batch-max-wait", "duration", wait, _MAX_WAIT),
        ("batch-throttle-enable", "bool", throttle[0], f"Whether batching throttling is enabled. {_BATCH_ONLY}"),
        (
            "batch-throttle-qps",
            "float32",
            throttle[1],
            _QPS,
        ),
        ("batch-throttle-burst", "int", throttle[2], _BURST),
        ("truncate-enabled", "bool", "false", "Whether event and batch truncating is enabled."),
        ("truncate-max-batch-size", "int64", "10485760", _MAX_BATCH),
        ("truncate-max-event-size", "int64", "102400", _MAX_EVENT),
    ]
    return [AuditFlag(f"audit-{plugin}-{part}", kind, default, usage) for part, kind, default, usage in parts]
