"""Which values and combinations of --audit-* flags kube-apiserver 1.20 to 1.36 refuses to start with.

Source: staging/src/k8s.io/apiserver/pkg/server/options/audit.go:AddFlags, Validate, ApplyTo.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence

from kaudit_setup.manifest import govalues
from kaudit_setup.manifest.commandline import AUDIT_BOOLS, parse
from kaudit_setup.manifest.flagtable import AuditFlag, table
from kaudit_setup.model import LOG_FLAG, NEWEST, POLICY_FLAG, WEBHOOK_FLAG, KubeVersion
from kaudit_setup.rotation import BOUNDED_BY_DEFAULT

MODES = ("batch", "blocking", "blocking-strict")
FORMATS = ("legacy", "json")
# the beta versions of the audit API went with 1.24
V1_ONLY = KubeVersion(1, 24)
# component-base cli/run.go:Run made underscores in flag names mean dashes for every command
UNDERSCORES = KubeVersion(1, 23)


def check(flags: Mapping[str, str], version: KubeVersion | None = None) -> tuple[str, ...]:
    """Why kube-apiserver of that version would refuse to start with these audit flags; one sentence each.

    Only what depends on the flags alone: whether the files they name exist is not looked at. Flags outside
    --audit-* are not looked at either.
    """
    version = version or NEWEST
    known = table(version)
    problems: list[str] = []
    values = {name: flag.default for name, flag in known.items()}
    for given, value in flags.items():
        name = given.replace("_", "-") if version >= UNDERSCORES else given
        if name not in known:
            if given.replace("_", "-").startswith("audit-"):
                problems.append(_unknown(given, known))
            continue
        values[name] = value
        try:
            _PARSERS[known[name].type](value)
        except ValueError as error:
            problems.append(f"--{name}={value} is refused: {error}")
    return tuple(problems) or tuple(_combinations(values, version))


def check_arguments(words: Sequence[str], version: KubeVersion | None = None) -> tuple[str, ...]:
    """As check, for a command line behind `kube-apiserver`: also words that belong to no flag, and missing values."""
    flags = parse(words)
    taken = {i for flag in flags for i in range(flag.first, flag.last + 1)}
    problems = [
        f"{word!r} belongs to no flag"
        for i, word in enumerate(words)
        if i not in taken and (word == "-" or not word.startswith("-"))
    ]
    problems += [
        f"--{flag.name} needs a value"
        for flag in flags
        if flag.is_audit and flag.first == flag.last and "=" not in words[flag.first] and flag.name not in AUDIT_BOOLS
    ]
    if problems:
        return tuple(problems)
    given = {words[f.first].partition("=")[0][2:] if "_" in words[f.first] else f.name: f.value for f in flags}
    return check(given, version)


def warnings(flags: Mapping[str, str], version: KubeVersion | None = None) -> tuple[str, ...]:
    """What kube-apiserver accepts without a word although it is hardly meant; one sentence each."""
    version = version or NEWEST
    values = {name: flag.default for name, flag in table(version).items()} | dict(flags)
    log, webhook, policy = values[LOG_FLAG], values[WEBHOOK_FLAG], values[POLICY_FLAG]
    found: list[str] = []
    if (log or webhook) and not policy:
        found.append("without --audit-policy-file nothing is audited: the backends stay silent")
    if policy and not (log or webhook):
        found.append("without --audit-log-path or --audit-webhook-config-file nothing is audited")
    if log and log != "-":
        found += _file_warnings(log, values, version)
    if log:
        found += [text for (flag, value), text in _RISKY.items() if values[flag] == value]
    return tuple(found)


def _file_warnings(log: str, values: Mapping[str, str], version: KubeVersion) -> Iterator[str]:
    if not log.startswith("/"):
        yield f"--audit-log-path={log} is relative to wherever the server happens to be started"
    if _number(values["audit-log-maxsize"]) == 0 and version >= BOUNDED_BY_DEFAULT:
        yield "--audit-log-maxsize=0 turns rotation off: the log grows until the disk is full"
    if _number(values["audit-log-maxage"]) == 0 == _number(values["audit-log-maxbackup"]):
        yield "with --audit-log-maxage=0 and --audit-log-maxbackup=0 rotated logs are never removed"


_RISKY = {
    ("audit-log-format", "legacy"): (
        "--audit-log-format=legacy writes lines that are not JSON and lack most of an event"
    ),
    ("audit-log-mode", "batch"): (
        "--audit-log-mode=batch loses events when the server is killed or its buffer is full"
    ),
    ("audit-log-mode", "blocking-strict"): (
        "--audit-log-mode=blocking-strict fails requests when the log cannot be written"
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
        wanted = ["batch-buffer-size", "batch-max-size"]
        if govalues.parse_bool(value("batch-throttle-enable")):
            wanted += ["batch-throttle-qps", "batch-throttle-burst"]
        for part in wanted:
            if govalues.parse_float32(value(part)) <= 0 if part.endswith("qps") else _number(value(part)) <= 0:
                yield f"--audit-{plugin}-{part}={value(part)} must be positive in batch mode"
    event, batch = _number(value("truncate-max-event-size")), _number(value("truncate-max-batch-size"))
    if event <= 0:
        yield f"--audit-{plugin}-truncate-max-event-size={event} must be positive, even where truncating is off"
    elif batch < event:
        yield (
            f"--audit-{plugin}-truncate-max-batch-size={batch} must not be smaller than "
            f"--audit-{plugin}-truncate-max-event-size={event}, even where truncating is off"
        )
    allowed = ["v1"] if version >= V1_ONLY else ["v1alpha1", "v1beta1", "v1"]
    if value("version") not in [f"audit.k8s.io/{v}" for v in allowed]:
        names = ", ".join(f"audit.k8s.io/{v}" for v in allowed)
        yield f"--audit-{plugin}-version={value('version')} is not one of {names}"


def _unknown(name: str, known: Mapping[str, AuditFlag]) -> str:
    near = difflib.get_close_matches(name.replace("_", "-"), known, n=1)
    return f"--{name} is no flag of kube-apiserver" + (f"; is --{near[0]} meant?" if near else "")


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
