"""The answers of the real Kubernetes code, version by version: policies that load, rules that decide."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.evaluate import compile
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import Attributes

ORACLE = Path(__file__).resolve().parents[2] / "data" / "oracle"
VERSIONS = ("1.20.2", "1.36.2")
LOADS = [
    (version, name, answer)
    for version in VERSIONS
    for name, answer in json.loads((ORACLE / f"load-{version}.json").read_text()).items()
]
FIELD = re.compile(r"(?:omitStages|rules)(?:\[\d+\])?[\w.\[\]]*(?=: (?:Invalid|Unsupported|Required))")


def policy_bytes(name: str) -> bytes:
    return (ORACLE / "policies" / name).read_bytes()


@pytest.mark.parametrize(("version", "name", "answer"), LOADS, ids=[f"{v}-{n}" for v, n, _ in LOADS])
def test_loads_what_kubernetes_loads(version: str, name: str, answer: dict) -> None:
    loaded = load(policy_bytes(name), KubeVersion.parse(version))
    assert loaded.ok == answer["ok"], loaded
    assert bool(loaded.errors) != answer["ok"]
    said = answer.get("error", "")
    assert [e.path for e in loaded.errors if FIELD.match(f"{e}")] == FIELD.findall(said)
    if FIELD.match(said):
        # the words too, all of them, in the same order
        whole = ", ".join(map(str, loaded.errors))
        assert said == (f"[{whole}]" if len(loaded.errors) > 1 else whole)
    for error in loaded.errors:
        assert error.line >= 1


@pytest.mark.parametrize(("name", "answer"), [(n, a) for v, n, a in LOADS if v == "1.36.2"])
def test_warns_of_what_kubernetes_logs(name: str, answer: dict) -> None:
    loaded = load(policy_bytes(name), KubeVersion(1, 36))
    said = " ".join(answer.get("warnings", ()))
    assert bool(loaded.warnings) == bool(said), loaded.warnings
    unknown = re.findall(r'unknown field "([^"]*)"', said)
    ours = [w.path.replace("\u00a0", "\\u00a0") for w in loaded.warnings if w.message.startswith("unknown field")]
    assert sorted(ours) == sorted(unknown)
    repeated = re.findall(r'key "([^"]*)" already set', said)
    assert [w.path.split(".")[-1] for w in loaded.warnings if "already set" in w.message] == repeated


@pytest.mark.parametrize("version", VERSIONS)
def test_decides_as_kubernetes_decides(version: str) -> None:
    kube = KubeVersion.parse(version)
    deciders = {}
    rows = [json.loads(line) for line in (ORACLE / f"eval-{version}.jsonl").read_text().splitlines()]
    assert len(rows) > 2000
    for row in rows:
        name, a = row["policy"], row["attributes"]
        if name not in deciders:
            policy = load(policy_bytes(name), kube).policy
            assert policy
            deciders[name] = compile(policy, kube)
        decision = deciders[name](
            Attributes(
                a["user"],
                tuple(a["groups"] or ()),
                a["verb"],
                a["apiGroup"],
                a["resource"],
                a["subresource"],
                a["namespace"],
                a["name"],
                a["isResource"],
                a["path"],
            )
        )
        index = -1 if row["ruleIndex"] is None else row["ruleIndex"]
        assert (decision.level, decision.rule_index) == (row["level"], index), row
        assert list(decision.omit_stages) == row["omitStages"], row
        assert decision.omit_managed_fields == row.get("omitManagedFields", False), row
