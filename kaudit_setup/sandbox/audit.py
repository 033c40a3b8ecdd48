"""The API server stand-in's audit backend: which stages of a request are written, with which fields, and where to.

Source: staging/src/k8s.io/apiserver/pkg/endpoints/filters/audit.go (stages), pkg/audit/request.go (fields),
pkg/audit/metrics.go, plugin/pkg/audit/log/backend.go (one event a line).
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kaudit_setup.policy.model import Attributes, Decision, Stage
from kaudit_setup.sandbox.faults import Faults
from kaudit_setup.sandbox.flags import Options
from kaudit_setup.sandbox.requests.access import User

Json = dict[str, Any]


def _open_log(path: str, flags: int) -> int:
    """A log that is not there is made for its owner alone; one that is there keeps its rights."""
    return os.open(path, flags, 0o600)


def _give_rights(of: os.stat_result, to: Path) -> None:
    to.touch()
    to.chmod(of.st_mode & 0o7777)
    with suppress(PermissionError):
        os.chown(to, of.st_uid, of.st_gid)


class LogFile:
    """audit.log with lumberjack's rotation: by size, renamed beside itself, the oldest removed."""

    def __init__(self, path: Path, options: Options, now: Callable[[], datetime]) -> None:
        self._path, self._options, self._now = path, options, now
        self._lock = threading.Lock()

    def ensure(self) -> None:
        """As `ensureLogFile` since 1.22: the file is there, 0600, before anything is written. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self._path, "ab", opener=_open_log):
            pass

    def write(self, line: bytes) -> None:
        """Append. Raises OSError; a line longer than the limit is one too, as it is lost."""
        limit = self._options.max_size
        if limit and len(line) > limit:
            raise OSError(f"write length {len(line)} exceeds maximum file size {limit}")
        with self._lock:
            size = self._path.stat().st_size if self._path.exists() else 0
            if limit and size + len(line) > limit:
                self._rotate()
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(self._path, "ab", opener=_open_log) as log:
                log.write(line)

    def _rotate(self) -> None:
        """The new log and the packed one get the rights of the old one (lumberjack.go: openNew, compressLogFile)."""
        stem, suffix = self._path.stem, self._path.suffix
        stamp = self._now().strftime("%Y-%m-%dT%H-%M-%S.%f")[:-3]
        old = self._path.with_name(f"{stem}-{stamp}{suffix}")
        rights = self._path.stat()
        self._path.rename(old)
        _give_rights(rights, self._path)
        if self._options.compress:
            with old.open("rb") as plain, gzip.open(f"{old}.gz", "wb") as packed:
                shutil.copyfileobj(plain, packed)
            _give_rights(rights, Path(f"{old}.gz"))
            old.unlink()
        backups = sorted(self._path.parent.glob(f"{stem}-*{suffix}*"), reverse=True)
        if self._options.max_backup:
            for surplus in backups[self._options.max_backup :]:
                surplus.unlink()


@dataclass(slots=True)
class Entry:
    """One request on its way: what its events will say."""

    decision: Decision
    base: Json
    received: str
    long_running: bool
    annotations: dict[str, str] = field(default_factory=dict)
    impersonated: User | None = None
    request_object: Any = None


class Backend:
    """Counts and writes. Without a policy or without a log it does neither."""

    def __init__(
        self,
        decide: Callable[[Attributes], Decision] | None,
        sink: Callable[[bytes], None] | None,
        options: Options,
        *,
        faults: Callable[[], Faults],
        complain: Callable[[str], None],
        messages: bool,
    ) -> None:
        """`messages`: whether a failure's text is in the event (since 1.24)."""
        self._decide = decide if sink is not None else None
        self._sink = sink
        self._legacy = options.format == "legacy"
        self._faults, self._complain, self._messages = faults, complain, messages
        self._lock = threading.Lock()
        self.events = 0
        self.errors = 0
        self.levels: Counter[str] = Counter()

    def now(self) -> datetime:
        """The node's time."""
        return datetime.now(UTC) + timedelta(seconds=self._faults().clock_offset)

    def begin(self, attributes: Attributes, base: Json, *, long_running: bool) -> Entry | None:
        """The request has come; None if nothing of it is to be written."""
        if self._decide is None:
            return None
        decision = self._decide(attributes)
        with self._lock:
            self.levels[decision.level] += 1
        if decision.level == "None":
            return None
        received = self._stamp()
        return Entry(decision, {"level": decision.level, **base}, received, long_running)

    def write(self, entry: Entry | None, stage: Stage, code: int = 0, body: Json | str | None = None) -> None:
        """One stage's event, unless the policy omits it. `body` is the response, a Status included."""
        if entry is None or self._sink is None or stage in entry.decision.omit_stages:
            return
        event: Json = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", **entry.base}
        event = _put_after(event, "auditID", "stage", stage)
        if stage == "RequestReceived":
            event.pop("responseStatus", None)
        else:
            if entry.impersonated:
                event = _put_after(event, "user", "impersonatedUser", entry.impersonated.json())
            event["responseStatus"] = self._status(code, body)
            level = entry.decision.level
            if level in ("Request", "RequestResponse") and entry.request_object is not None:
                event["requestObject"] = entry.request_object
            if level == "RequestResponse" and body is not None:
                event["responseObject"] = body
        event["requestReceivedTimestamp"] = entry.received
        event["stageTimestamp"] = entry.received if stage == "RequestReceived" else self._stamp()
        if entry.annotations and stage != "RequestReceived":
            event["annotations"] = dict(entry.annotations)
        self._emit(event, self._sink)

    def metrics(self) -> str:
        """The audit part of /metrics."""
        lines = ["# TYPE apiserver_audit_event_total counter", f"apiserver_audit_event_total {self.events}"]
        if self.errors:
            lines += [
                "# TYPE apiserver_audit_error_total counter",
                f'apiserver_audit_error_total{{plugin="log"}} {self.errors}',
            ]
        if self.levels:
            lines.append("# TYPE apiserver_audit_level_total counter")
        lines += [f'apiserver_audit_level_total{{level="{k}"}} {v}' for k, v in sorted(self.levels.items())]
        lines += [
            "# TYPE apiserver_audit_requests_rejected_total counter",
            "apiserver_audit_requests_rejected_total 0",
        ]
        return "\n".join(lines) + "\n"

    def _status(self, code: int, body: Json | str | None) -> Json:
        status: Json = {"metadata": {}}
        if isinstance(body, dict) and body.get("kind") == "Status":
            for key in ("status", "message", "reason", "details"):
                if body.get(key) and (self._messages or key in ("status", "reason")):
                    status[key] = body[key]
        return status | {"code": code}

    def _stamp(self) -> str:
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _emit(self, event: Json, sink: Callable[[bytes], None]) -> None:
        line = _legacy(event) if self._legacy else _go_json(event)
        with self._lock:
            self.events += 1
            if not self._faults().audit_writes:
                return
            try:
                sink(line)
            except OSError as error:
                self.errors += 1
                self._complain(f"Error in audit plugin 'log' affecting 1 audit events: {error}")


def _put_after(fields: Json, place: str, key: str, value: object) -> Json:
    """A copy with `key` where the real encoder puts it."""
    placed: Json = {}
    for name, old in fields.items():
        placed[name] = old
        if name == place:
            placed[key] = value
    return placed


def _go_json(event: Json) -> bytes:
    text = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode("utf-8", "surrogateescape") + b"\n"


def _legacy(event: Json) -> bytes:
    """staging/src/k8s.io/apiserver/pkg/audit/format.go:EventString."""
    ref = event.get("objectRef") or {}
    user = event.get("user") or {}
    other = event.get("impersonatedUser") or {}
    groups = ",".join(f'"{g}"' for g in user.get("groups", ())) or "<none>"
    as_groups = ",".join(f'"{g}"' for g in other.get("groups", ())) or "<lookup>"
    source = (event.get("sourceIPs") or [""])[0]
    code = event.get("responseStatus", {}).get("code", "<deferred>")
    return (
        f'{event["requestReceivedTimestamp"]} AUDIT: id="{event["auditID"]}" stage="{event["stage"]}" '
        f'ip="{source}" method="{event["verb"]}" user="{user.get("username") or "<none>"}" groups={groups} '
        f'as="{other.get("username") or "<self>"}" asgroups="{as_groups}" '
        f'user-agent="{event.get("userAgent", "")}" namespace="{ref.get("namespace") or "<none>"}" '
        f'uri="{event["requestURI"]}" response="{code}"\n'
    ).encode("utf-8", "surrogateescape")
