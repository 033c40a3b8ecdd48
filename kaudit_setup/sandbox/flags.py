"""The API server stand-in's command line: what it refuses, and in which words, is the real one's.

Source: staging/src/k8s.io/apiserver/pkg/server/options/audit.go (`Validate`, `ApplyTo`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kaudit_setup.model import KubeVersion

_NUMBERS = {"maxage", "maxbackup", "maxsize"}
_BATCH_NUMBERS = {"batch-buffer-size", "batch-max-size", "batch-throttle-burst"}
_TRUNCATE_NUMBERS = {"truncate-max-event-size", "truncate-max-batch-size"}
_BOOLS = {"compress", "batch-throttle-enable", "truncate-enabled"}
_WORDS = {"path", "format", "mode", "version", "batch-max-wait", "batch-throttle-qps"}
_WEBHOOK = {"config-file", "mode", "version", "initial-backoff", "batch-initial-backoff", "batch-max-wait"} | {
    "batch-throttle-qps"
}
_MODES = ("batch", "blocking", "blocking-strict")


class FlagError(ValueError):
    """The server would not start with these flags; the text is its last words."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the stand-in does with its flags; sizes in bytes, 0 is without limit."""

    flags: Mapping[str, str]
    policy: str
    log: str
    format: str
    max_size: int
    max_backup: int
    compress: bool

    def get(self, name: str, default: str = "") -> str:
        """Any flag's value."""
        return self.flags.get(name, default)


def parse(argv: Sequence[str], version: KubeVersion) -> Options:
    """`argv` without the program's name. Raises FlagError."""
    flags = _pairs(argv, version)
    audit = {k.removeprefix("audit-log-"): v for k, v in flags.items() if k.startswith("audit-log-")}
    for name in flags:
        if name.startswith("audit-") and not _known(name):
            raise FlagError(f"unknown flag: --{name}")
    for name, value in audit.items():
        _typed(f"audit-log-{name}", name, value)
    if audit.get("path"):
        _validate(audit, version)
    new = version >= KubeVersion(1, 36)
    size = int(audit.get("maxsize", "100" if new else "0"))
    if size == 0 and not new:
        # lumberjack's own default
        size = 100
    return Options(
        flags=flags,
        policy=flags.get("audit-policy-file", ""),
        log=audit.get("path", ""),
        format=audit.get("format", "json"),
        max_size=size * 1024 * 1024,
        max_backup=int(audit.get("maxbackup", "100" if new else "0")),
        compress=_bool(audit.get("compress", "false")) is True,
    )


def _pairs(argv: Sequence[str], version: KubeVersion) -> dict[str, str]:
    flags: dict[str, str] = {}
    rest = list(argv)
    while rest:
        arg = rest.pop(0)
        if not arg.startswith("--"):
            raise FlagError(f'unknown command "{arg}" for "kube-apiserver"')
        name, equals, value = arg[2:].partition("=")
        if "_" in name:
            if version < KubeVersion(1, 36):
                raise FlagError(f"unknown flag: --{name}")
            name = name.replace("_", "-")
        if not equals:
            if name.removeprefix("audit-log-") in _BOOLS or name in ("allow-privileged", "profiling"):
                value = "true"
            elif rest:
                value = rest.pop(0)
            else:
                raise FlagError(f"flag needs an argument: --{name}")
        flags[name] = value
    return flags


def _known(name: str) -> bool:
    tail = name.removeprefix("audit-log-")
    if tail != name:
        return tail in _NUMBERS | _BATCH_NUMBERS | _TRUNCATE_NUMBERS | _BOOLS | _WORDS
    hook = name.removeprefix("audit-webhook-")
    if hook != name:
        return hook in _WEBHOOK | _BATCH_NUMBERS | _TRUNCATE_NUMBERS | _BOOLS - {"compress"}
    return name == "audit-policy-file"


def _typed(flag: str, name: str, value: str) -> None:
    if name in _NUMBERS | _BATCH_NUMBERS | _TRUNCATE_NUMBERS and not re.fullmatch(r"[+-]?\d+", value):
        raise FlagError(
            f'invalid argument "{value}" for "--{flag}" flag: strconv.ParseInt: parsing "{value}": invalid syntax'
        )
    if name in _BOOLS and _bool(value) is None:
        raise FlagError(
            f'invalid argument "{value}" for "--{flag}" flag: strconv.ParseBool: parsing "{value}": invalid syntax'
        )


def _bool(value: str) -> bool | None:
    if value in {"1", "t", "T", "true", "TRUE", "True"}:
        return True
    return False if value in {"0", "f", "F", "false", "FALSE", "False"} else None


def _validate(audit: Mapping[str, str], version: KubeVersion) -> None:
    for name in sorted(_NUMBERS):
        if int(audit.get(name, "0")) < 0:
            raise FlagError(f"--audit-log-{name} {audit[name]} can't be a negative number")
    if audit.get("format", "json") not in ("legacy", "json"):
        raise FlagError(f'invalid audit log format {audit["format"]}, allowed formats are "legacy,json"')
    versions = ["audit.k8s.io/v1"]
    if version < KubeVersion(1, 24):
        versions = ["audit.k8s.io/v1alpha1", "audit.k8s.io/v1beta1", *versions]
    if audit.get("version", "").count("/") > 1:
        raise FlagError(f"unexpected GroupVersion string: {audit['version']}")
    if audit.get("version", "audit.k8s.io/v1") not in versions:
        quoted = " ".join(f'"{v}"' for v in versions)
        raise FlagError(f"invalid group version, allowed versions are [{quoted}]")
    mode = audit.get("mode", "blocking")
    if mode not in _MODES:
        raise FlagError(f'invalid audit log mode {mode}, allowed modes are "{",".join(_MODES)}"')
    if mode == "batch":
        for name, words in (("batch-buffer-size", "buffer size"), ("batch-max-size", "max batch size")):
            if int(audit.get(name, "1")) <= 0:
                raise FlagError(f"invalid audit batch log {words} {audit[name]}, must be a positive number")
        if _bool(audit.get("batch-throttle-enable", "false")) and int(audit.get("batch-throttle-burst", "0")) <= 0:
            burst = audit.get("batch-throttle-burst", "0")
            raise FlagError(f"invalid audit batch log throttle burst {burst}, must be a positive number")
    event = int(audit.get("truncate-max-event-size", "102400"))
    batch = int(audit.get("truncate-max-batch-size", "10485760"))
    if event <= 0:
        raise FlagError(f"invalid audit truncate log max event size {event}, must be a positive number")
    if batch < event:
        raise FlagError(
            f"invalid audit truncate log max batch size {batch}, must be greater than max event size ({event})"
        )
