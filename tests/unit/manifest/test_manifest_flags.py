"""The table and the rules of audit flags against what the real kube-apiserver said."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from kaudit_setup.manifest import flags, govalues
from kaudit_setup.manifest.commandline import AUDIT_BOOLS, Flag, parse, problems
from kaudit_setup.manifest.flagtable import table
from kaudit_setup.model import KubeVersion

ORACLE = Path(__file__).resolve().parents[2] / "data" / "oracle"
VERSIONS = ["1.20.2", "1.36.2"]
# refused because of a file, which check does not look at
FILES = ("loading audit policy file", "ensureLogFile")


def check_arguments(words: Sequence[str], version: KubeVersion | None = None) -> tuple[str, ...]:
    """What is wrong with a command line behind `kube-apiserver`: with its words, or else with its values."""
    malformed = tuple(problem for _, problem in problems(words))
    return malformed or flags.check({as_given(flag, words): flag.value for flag in parse(words)}, version)


def as_given(flag: Flag, words: Sequence[str]) -> str:
    """The flag's name in its own spelling: with underscores it is another one to an old server."""
    word = words[flag.first]
    return word.partition("=")[0][2:] if "_" in word else flag.name


def combinations() -> list[tuple[str, dict[str, object]]]:
    return [(v, row) for v in VERSIONS for row in json.loads((ORACLE / f"flags-{v}.json").read_text())]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_table_is_the_servers_own_help(version: str) -> None:
    rows = json.loads((ORACLE / f"flaghelp-{version}.json").read_text())
    told = {r["Name"]: (r["Type"], r["Default"], r["Usage"], r["Deprecated"]) for r in rows}
    mine = table(KubeVersion.parse(version))
    assert {n: (f.type, f.default, f.usage, f.deprecated) for n, f in mine.items()} == told
    assert list(mine) == sorted(mine)
    assert {n for n, f in mine.items() if f.type == "bool"} == AUDIT_BOOLS


@pytest.mark.parametrize(("version", "row"), combinations(), ids=lambda v: v if isinstance(v, str) else "")
def test_starts_where_the_server_starts(version: str, row: dict[str, object]) -> None:
    words = row["args"]
    assert isinstance(words, list)
    starts = row["starts"] or str(row.get("applyError", "")).startswith(FILES)
    problems = check_arguments(words, KubeVersion.parse(version))
    assert bool(problems) == (not starts), problems
    silent = row.get("backend") is None and bool(words) and row["starts"]
    given = {f.name: f.value for f in parse(words)}
    audits_nothing = any("nothing is audited" in w for w in flags.warnings(given, KubeVersion.parse(version)))
    named = given.get("audit-log-path") or given.get("audit-webhook-config-file") or given.get("audit-policy-file")
    if row["starts"]:
        assert audits_nothing == bool(silent and named)


def tried(read: Callable[[str], object], text: str) -> object:
    try:
        return read(text)
    except ValueError:
        return None


@pytest.mark.parametrize("row", json.loads((ORACLE / "flagvalues-go1.19.json").read_text()), ids=lambda r: repr(r[0]))
def test_values_are_read_as_go_reads_them(row: list[object]) -> None:
    text, whole, truth, number, nanoseconds = row
    assert isinstance(text, str)
    value = tried(govalues.parse_int, text)
    assert (None if value is None else str(value)) == whole
    assert tried(govalues.parse_bool, text) == truth
    assert (tried(govalues.parse_float32, text) is None) == (number is None)
    seconds = tried(govalues.parse_duration, text)
    assert (seconds is None) == (nanoseconds is None)
    assert seconds is None or seconds == pytest.approx(int(str(nanoseconds)) / 10**9)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--audit-log-compress", "true"], "'true' belongs to no flag"),
        (["--audit-log-path"], "--audit-log-path needs a value"),
        (["--audit-log-pth=x"], "is --audit-log-path meant?"),
        (["--audit-dynamic-configuration=true"], "not a flag of kube-apiserver"),
        (["--audit-log-path=-", "--audit-log-maxage=-1"], "--audit-log-maxage=-1 must not be negative"),
        (["--audit-log-path=-", "--audit-log-truncate-max-event-size=0"], "even where truncating is off"),
        (["--audit-log-path=-", "--audit-log-mode=Batch"], "not one of batch, blocking, blocking-strict"),
        (["--audit-log-batch-max-wait=5"], "it is not a duration"),
        (["--audit-log-maxsize=99999999999999999999"], "does not fit into 64 bits"),
        (["--audit-webhook-version=a/b/c"], "not a GROUP/VERSION"),
    ],
)
def test_problems_name_the_flag(words: list[str], problem: str) -> None:
    found = check_arguments(words)
    assert any(problem in line for line in found), found


def test_what_starts_but_is_hardly_meant_is_said() -> None:
    new, old = KubeVersion(1, 36), KubeVersion(1, 20)
    base = {"audit-policy-file": "/p", "audit-log-path": "/var/log/a.log"}
    assert flags.warnings(base, new) == ()
    assert "rotated logs are never removed" in flags.warnings(base, old)[0]
    assert "rotation off" in flags.warnings(base | {"audit-log-maxsize": "0"}, new)[0]
    assert "means 100 MB to this version" in "".join(flags.warnings(base | {"audit-log-maxsize": "0"}, old))
    assert "not JSON" in flags.warnings(base | {"audit-log-format": "legacy"}, new)[0]
    assert "loses events" in flags.warnings(base | {"audit-log-mode": "batch"}, new)[0]
    assert "fails requests" in flags.warnings(base | {"audit-log-mode": "blocking-strict"}, new)[0]
    assert "relative" in flags.warnings(base | {"audit-log-path": "a.log"}, new)[0]
