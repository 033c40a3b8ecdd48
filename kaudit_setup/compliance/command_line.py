"""CIS 1.2.16-1.2.19 and 3.2.1, judged from the server's own command line.

The checks and their bounds are kube-bench's (cfg/cis-1.10/master.yaml 1.2.16-1.2.19, controlplane.yaml 3.2.1): a flag
must stand on the command line, a default does not count, and 0 ("for ever") is below every bound. Where kube-bench
would read the line differently from the server itself (a flag given twice, or its value as a word of its own), the
server is right, and the verdict says what kube-bench would make of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from kaudit_setup.compliance.verdict import Verdict
from kaudit_setup.model import LOG_FLAG, POLICY_FLAG


@dataclass(frozen=True, slots=True)
class Check:
    """A flag that must be set, to at least `least` where that is a number."""

    id: str
    title: str
    flag: str
    least: int | None = None
    example: str = ""


CHECKS: tuple[Check, ...] = (
    Check("1.2.16", "The --audit-log-path argument is set", LOG_FLAG, example="/var/log/kubernetes/audit/audit.log"),
    Check("1.2.17", "The --audit-log-maxage argument is 30 or more", "audit-log-maxage", 30),
    Check("1.2.18", "The --audit-log-maxbackup argument is 10 or more", "audit-log-maxbackup", 10),
    Check("1.2.19", "The --audit-log-maxsize argument is 100 or more", "audit-log-maxsize", 100),
    Check("3.2.1", "An audit policy is in use", POLICY_FLAG, example="/etc/kubernetes/audit-policy.yaml"),
)

Given: TypeAlias = tuple[str, bool]
"""A flag's value, and whether it stood behind a `=`."""


def given(argv: Sequence[str], flag: str) -> list[Given]:
    """Every value that `argv` gives to `flag`, in order, as pflag reads it; `_` and `-` are the same.

    Source: k8s.io/component-base/cli/flag/flags.go:WordSepNormalizeFunc; github.com/spf13/pflag flag.go:parseLongArg.
    """
    found: list[Given] = []
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--":
            break
        if not name.startswith("--") or name[2:].replace("_", "-") != flag:
            continue
        found.append((value, True) if equals else (next(words, ""), False))
    return found


def judge(argv: Sequence[str]) -> tuple[Verdict, ...]:
    """The verdicts on the command line of a running kube-apiserver; an empty one fails everything."""
    return tuple(_judge(check, argv) for check in CHECKS)


def _judge(check: Check, argv: Sequence[str]) -> Verdict:
    wanted = check.example or str(check.least)
    fix = f"set --{check.flag}={wanted}, by `kaudit-setup enable`"
    if check.least is not None and [value for value, _ in given(argv, LOG_FLAG)][-1:] == ["-"]:
        # flags that say nothing about standard output, which kubelet rotates
        fix = (
            f"--{LOG_FLAG}=- is rotated by kubelet (containerLogMaxSize 10Mi, containerLogMaxFiles 5 by default): "
            f"write to a file, by `kaudit-setup enable --log-path {CHECKS[0].example}`"
        )
    if not argv:
        return Verdict(check.id, check.title, False, "no kube-apiserver is running", fix)
    values = given(argv, check.flag)
    if not values:
        return Verdict(check.id, check.title, False, f"--{check.flag} is not on the command line", fix)
    value = values[-1][0]
    passed = _enough(value, check.least)
    found = f"--{check.flag}={value}" + ("" if _readable(value, check.least) else ", which is not a number")
    if passed != _as_kube_bench(values, check.least):
        found += f"; kube-bench misreads this line and says {'PASS' if not passed else 'FAIL'}"
    return Verdict(check.id, check.title, passed, found, "" if passed else fix)


def _readable(value: str, least: int | None) -> bool:
    return least is None or value.removeprefix("-").isdecimal()


def _enough(value: str, least: int | None) -> bool:
    return bool(value) if least is None else _readable(value, least) and int(value) >= least


def _as_kube_bench(values: Sequence[Given], least: int | None) -> bool:
    """kube-bench takes the first of several, and only what stands behind a `=` (check/test.go:flagTestItem)."""
    value, equals = values[0]
    return least is None or (equals and _enough(value, least))
