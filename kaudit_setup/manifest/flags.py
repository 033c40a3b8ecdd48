"""Which values and combinations of --audit-* flags kube-apiserver 1.20 to 1.36 refuses to start with.

Source: staging/src/k8s.io/apiserver/pkg/server/options/audit.go:AddFlags, Validate, ApplyTo.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping

from kaudit_setup.manifest import govalues
from kaudit_setup.manifest.flagtable import AuditFlag, table
from kaudit_setup.model import LOG_FLAG, NEWEST, POLICY_FLAG, WEBHOOK_FLAG, KubeVersion
from kaudit_setup.rotation import BOUNDED_BY_DEFAULT, effective_maxsize

MODES = ("batch", "blocking", "blocking-strict")
FORMATS = ("legacy", "json")
# the beta versions of the audit API went with 1.24
V1_ONLY = KubeVersion(1, 24)
_BATCH = ("batch-buffer-size", "batch-max-size")
_THROTTLE = ("batch-throttle-qps", "batch-throttle-burst")
# component-base cli/run.go:Run made underscores in flag names mean dashes for every command
UNDERSCORES = KubeVersion(1, 23)


def check(flags: Mapping[str, str], version: KubeVersion | None = None) -> tuple[str, ...]:
    """Why kube-apiserver of that version would refuse to start with these audit flags; one sentence each.

    Only what depends on the flags alone: whether the files they name exist is not looked at. Flags outside
    --audit-* are not looked at either.
    """
    version = version or NEWEST
    known = table(version)
    named = {name.replace("_", "-") if version >= UNDERSCORES else name: value for name, value in flags.items()}
    problems = [_unknown(name, known) for name in named if name not in known and _is_audit(name)]
    given = {name: value for name, value in named.items() if name in known}
    problems += [problem for name, value in given.items() for problem in _unreadable(known[name], name, value)]
    values = {name: flag.default for name, flag in known.items()} | given
    return tuple(problems) or tuple(_combinations(values, version))


def unknown_flags(flags: Mapping[str, str], version: KubeVersion | None = None) -> tuple[str, ...]:
    """The audit flags that kube-apiserver of that version does not have, a sentence each that says they go."""
    known = table(version)
    return tuple(
        f"--{name}={value} is taken away: {_unknown(name, known).partition(' ')[2]}"
        for name, value in flags.items()
        if _is_audit(name) and name not in known
    )


def _is_audit(name: str) -> bool:
    return name.replace("_", "-").startswith("audit-")


def _unreadable(flag: AuditFlag, name: str, value: str) -> Iterator[str]:
    try:
        _PARSERS[flag.type](value)
    except ValueError as error:
        yield f"--{name}={value} is refused: {error}"


def warnings(flags: Mapping[str, str], version: KubeVersion | None = None) -> tuple[str, ...]:
    """What kube-apiserver accepts without a word although it is hardly meant; one sentence each."""
    version = version or NEWEST
    values = {name: flag.default for name, flag in table(version).items()} | dict(flags)
    log, webhook, policy = values[LOG_FLAG], values[WEBHOOK_FLAG], values[POLICY_FLAG]
    found = list(_silent(policy, log or webhook))
    if log not in {"", "-"}:
        found += _file_warnings(log, values, version)
        found += _size_warnings(flags.get("audit-log-maxsize", ""), version)
    used = {"log": log, "webhook": webhook}
    found += [text for (flag, value), text in _RISKY.items() if values[flag] == value and used[flag.split("-")[1]]]
    return tuple(found)


def _silent(policy: str, backend: str) -> Iterator[str]:
    if backend and not policy:
        yield "without --audit-policy-file nothing is audited: the backends stay silent"
    if policy and not backend:
        yield "without --audit-log-path or --audit-webhook-config-file nothing is audited"


def _file_warnings(log: str, values: Mapping[str, str], version: KubeVersion) -> Iterator[str]:
    if not log.startswith("/"):
        yield f"--audit-log-path={log} is relative to wherever the server happens to be started"
    if _number(values["audit-log-maxage"]) == 0 == _number(values["audit-log-maxbackup"]):
        yield "with --audit-log-maxage=0 and --audit-log-maxbackup=0 rotated logs are never removed"


def _size_warnings(given: str, version: KubeVersion) -> Iterator[str]:
    """0 is the default of older versions, so that only what was given counts."""
    if _number(given) == 0:
        no_end = "turns rotation off: the log grows until the disk is full"
        if version >= BOUNDED_BY_DEFAULT:
            yield f"--audit-log-maxsize=0 {no_end}"
        else:
            yield (
                f"--audit-log-maxsize=0 means {effective_maxsize(0, version)} MB to this version; "
                f"since {BOUNDED_BY_DEFAULT} it {no_end}"
            )


_RISKY = {
    (LOG_FLAG, "-"): (
        f"--{LOG_FLAG}=- writes events into the container's log, among the server's messages: kubelet rotates it "
        "(containerLogMaxSize, 10 MiB by default) and keeps few of its files"
    ),
    ("audit-log-format", "legacy"): (
        "--audit-log-format=legacy writes lines that are not JSON and lack most of an event: names of objects that "
        "are created, bodies, decisions; who can answer less from them"
    ),
    ("audit-log-mode", "batch"): (
        "--audit-log-mode=batch loses events when the server is killed or its buffer is full"
    ),
    ("audit-log-mode", "blocking-strict"): (
        "--audit-log-mode=blocking-strict fails requests when the log cannot be written"
    ),
    ("audit-webhook-mode", "blocking"): (
        "--audit-webhook-mode=blocking makes every request wait for the webhook's receiver"
    ),
    ("audit-webhook-mode", "blocking-strict"): (
        "--audit-webhook-mode=blocking-strict fails requests when the webhook's receiver does not answer"
    ),
}


def _combinations(values: Mapping[str, str], version: KubeVersion) -> Iterator[str]:
    if values[LOG_FLAG]:
        yield from _backend_problems("log", values, version)
        if values["audit-log-format"] not in FORMATS:
            yield f"--audit-log-format={values['audit-log-format']} is not one of {', '.join(FORMATS)}"
        for name in ("audit-log-maxage", "audit-log-maxbackup", "audit-log-maxsize"):
            if govalues.parse_int(values[name]) < 0:
                yield f"--{name}={values[name]} must not be negative"
    if values[WEBHOOK_FLAG]:
        yield from _backend_problems("webhook", values, version)
    elif values["audit-webhook-version"].count("/") > 1:
        # ApplyTo parses it whether there is a webhook or not
        yield f"--audit-webhook-version={values['audit-webhook-version']} is not a GROUP/VERSION"


def _backend_problems(plugin: str, values: Mapping[str, str], version: KubeVersion) -> Iterator[str]:
    def value(part: str) -> str:
        return values[f"audit-{plugin}-{part}"]

    mode = value("mode")
    if mode not in MODES:
        yield f"--audit-{plugin}-mode={mode} is not one of {', '.join(MODES)}"
    elif mode == "batch":
        throttles = govalues.parse_bool(value("batch-throttle-enable"))
        for part in (*_BATCH, *(_THROTTLE if throttles else ())):
            if _amount(part, value(part)) <= 0:
                yield f"--audit-{plugin}-{part}={value(part)} must be positive in batch mode"
    yield from _truncating(
        plugin, _number(value("truncate-max-event-size")), _number(value("truncate-max-batch-size"))
    )
    allowed = ["v1"] if version >= V1_ONLY else ["v1alpha1", "v1beta1", "v1"]
    if value("version") not in [f"audit.k8s.io/{v}" for v in allowed]:
        names = ", ".join(f"audit.k8s.io/{v}" for v in allowed)
        yield f"--audit-{plugin}-version={value('version')} is not one of {names}"


def _truncating(plugin: str, event: int, batch: int) -> Iterator[str]:
    if event <= 0:
        yield f"--audit-{plugin}-truncate-max-event-size={event} must be positive, even where truncating is off"
    elif batch < event:
        yield (
            f"--audit-{plugin}-truncate-max-batch-size={batch} must not be smaller than "
            f"--audit-{plugin}-truncate-max-event-size={event}, even where truncating is off"
        )


def _amount(part: str, text: str) -> float:
    return govalues.parse_float32(text) if part.endswith("qps") else _number(text)


def _unknown(name: str, known: Mapping[str, AuditFlag]) -> str:
    near = difflib.get_close_matches(name.replace("_", "-"), known, n=1)
    return f"--{name} is not a flag of kube-apiserver" + (f"; is --{near[0]} meant?" if near else "")


def _number(text: str) -> int:
    try:
        return govalues.parse_int(text)
    except ValueError:
        return -1


_PARSERS: dict[str, Callable[[str], object]] = {
    "string": str,
    "int": govalues.parse_int,
    "int64": govalues.parse_int,
    "bool": govalues.parse_bool,
    "float32": govalues.parse_float32,
    "duration": govalues.parse_duration,
}
