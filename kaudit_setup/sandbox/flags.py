"""The API server stand-in's command line: what it refuses, and in which words, is the real one's.

Source: staging/src/k8s.io/apiserver/pkg/server/options/audit.go (`Validate`, `ApplyTo`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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
        for problem in _problems(audit, version):
            raise FlagError(problem)
    # since 1.36 both have defaults of their own; before, 0 megabytes is lumberjack's default of 100
    default = "100" if version >= KubeVersion(1, 36) else "0"
    unlimited = 0 if version >= KubeVersion(1, 36) else 100
    return Options(
        flags=flags,
        policy=flags.get("audit-policy-file", ""),
        log=audit.get("path", ""),
        format=audit.get("format", "json"),
        max_size=(int(audit.get("maxsize", default)) or unlimited) * 1024 * 1024,
        max_backup=int(audit.get("maxbackup", default)),
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
        name = _normal(name, version)
        if not equals and _is_switch(name):
            value = "true"
        elif not equals:
            if not rest:
                raise FlagError(f"flag needs an argument: --{name}")
            value = rest.pop(0)
        flags[name] = value
    return flags


def _normal(name: str, version: KubeVersion) -> str:
    if "_" in name and version < KubeVersion(1, 36):
        raise FlagError(f"unknown flag: --{name}")
    return name.replace("_", "-")


def _is_switch(name: str) -> bool:
    return name.removeprefix("audit-log-") in _BOOLS or name in ("allow-privileged", "profiling")


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


def _problems(audit: Mapping[str, str], version: KubeVersion) -> Iterator[str]:
    """What the server would refuse, in the order in which it looks."""
    for name in sorted(_NUMBERS):
        if int(audit.get(name, "0")) < 0:
            yield f"--audit-log-{name} {audit[name]} can't be a negative number"
    if audit.get("format", "json") not in ("legacy", "json"):
        yield f'invalid audit log format {audit["format"]}, allowed formats are "legacy,json"'
    yield from _version_problems(audit.get("version", "audit.k8s.io/v1"), version)
    mode = audit.get("mode", "blocking")
    if mode not in _MODES:
        yield f'invalid audit log mode {mode}, allowed modes are "{",".join(_MODES)}"'
    if mode == "batch":
        yield from _batch_problems(audit)
    yield from _truncate_problems(
        int(audit.get("truncate-max-event-size", "102400")), int(audit.get("truncate-max-batch-size", "10485760"))
    )


def _version_problems(given: str, version: KubeVersion) -> Iterator[str]:
    allowed = ["audit.k8s.io/v1"]
    if version < KubeVersion(1, 24):
        allowed = ["audit.k8s.io/v1alpha1", "audit.k8s.io/v1beta1", *allowed]
    if given.count("/") > 1:
        yield f"unexpected GroupVersion string: {given}"
    if given not in allowed:
        quoted = " ".join(f'"{v}"' for v in allowed)
        yield f"invalid group version, allowed versions are [{quoted}]"


def _batch_problems(audit: Mapping[str, str]) -> Iterator[str]:
    for name, words in (("batch-buffer-size", "buffer size"), ("batch-max-size", "max batch size")):
        if int(audit.get(name, "1")) <= 0:
            yield f"invalid audit batch log {words} {audit[name]}, must be a positive number"
    burst = audit.get("batch-throttle-burst", "0")
    if _bool(audit.get("batch-throttle-enable", "false")) and int(burst) <= 0:
        yield f"invalid audit batch log throttle burst {burst}, must be a positive number"


def _truncate_problems(event: int, batch: int) -> Iterator[str]:
    if event <= 0:
        yield f"invalid audit truncate log max event size {event}, must be a positive number"
    if batch < event:
        yield f"invalid audit truncate log max batch size {batch}, must be greater than max event size ({event})"
