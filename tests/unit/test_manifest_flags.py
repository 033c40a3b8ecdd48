"""The table and the rules of audit flags against what the real kube-apiserver said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kaudit_setup.manifest import flags
from kaudit_setup.manifest.commandline import AUDIT_BOOLS, parse
from kaudit_setup.manifest.flagtable import table
from kaudit_setup.model import KubeVersion

ORACLE = Path(__file__).resolve().parents[1] / "data" / "oracle"
VERSIONS = ["1.20.2", "1.36.2"]
# refused because of a file, which check does not look at
FILES = ("loading audit policy file", "ensureLogFile")


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
    problems = flags.check_arguments(words, KubeVersion.parse(version))
    assert bool(problems) == (not starts), problems
    silent = row.get("backend") is None and bool(words) and row["starts"]
    given = {f.name: f.value for f in parse(words)}
    audits_nothing = any("nothing is audited" in w for w in flags.warnings(given, KubeVersion.parse(version)))
    named = given.get("audit-log-path") or given.get("audit-webhook-config-file") or given.get("audit-policy-file")
    if row["starts"]:
        assert audits_nothing == bool(silent and named)
