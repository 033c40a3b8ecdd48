"""The JSON Schema of policies, held against the loader and against what Kubernetes itself answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaudit_setup.cli import main
from kaudit_setup.kubeyaml import GoYamlError, compose
from kaudit_setup.kubeyaml.nodes import Float, Mapping, Node, Scalar, Sequence
from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.policy import presets
from kaudit_setup.policy.load import load
from kaudit_setup.policy.load.json_schema import json_schema
from kaudit_setup.resources import template

ORACLE = Path(__file__).resolve().parents[2] / "data" / "oracle"
VERSIONS = (KubeVersion(1, 20), KubeVersion(1, 23), KubeVersion(1, 24), KubeVersion(1, 35), NEWEST)


def plain(node: Node) -> Any:
    """As an editor sees it."""
    match node:
        case Mapping():
            return {entry.key: plain(entry.value) for entry in node.entries}
        case Sequence():
            return [plain(item) for item in node.items]
        case Scalar(value=Float(text)):
            return float(text)
    return node.value


def accepts(document: Any, version: KubeVersion = NEWEST) -> bool:
    return jsonschema.Draft7Validator(json_schema(version)).is_valid(document)


def parsed(name: str) -> Any:
    data = (ORACLE / "policies" / name).read_bytes()
    try:
        return json.loads(data) if data.lstrip()[:1] == b"{" else plain(compose(data).root)
    except (GoYamlError, ValueError):
        pytest.skip("no editor can read it either")


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_it_is_a_schema_and_every_preset_fits(version: KubeVersion) -> None:
    jsonschema.Draft7Validator.check_schema(json_schema(version))
    for name in presets.names():
        assert accepts(plain(compose(presets.preset(name).data).root), version), name


@pytest.mark.parametrize("release", ["1.20.2", "1.36.2"])
@pytest.mark.parametrize("name", sorted(path.name for path in (ORACLE / "policies").iterdir()))
def test_what_it_accepts_kubernetes_loads(name: str, release: str) -> None:
    version = KubeVersion.parse(release)
    answer = json.loads((ORACLE / f"load-{release}.json").read_text())[name]
    document = parsed(name)
    if accepts(document, version):
        assert answer["ok"], answer
        warned = {problem.code for problem in load((ORACLE / "policies" / name).read_bytes(), version).warnings}
        assert warned <= {"duplicate-key"}, "repeated keys are gone before a schema is asked"
    if not answer["ok"]:
        assert not accepts(document, version)


def test_most_of_what_kubernetes_loads_without_a_word_is_accepted() -> None:
    loads = json.loads((ORACLE / "load-1.36.2.json").read_text())
    fine = [name for name, answer in loads.items() if answer["ok"] and not answer.get("warnings")]
    refused = []
    for name in fine:
        data = (ORACLE / "policies" / name).read_bytes()
        document = (
            json.loads(data.decode("utf-8-sig", "replace"))
            if data.lstrip()[:1] == b"{"
            else plain(compose(data).root)
        )
        refused += [] if accepts(document) else [name]
    assert len(refused) < len(fine) / 4, refused


words = st.sampled_from(
    ["", "*", "pods", "pods/log", "apps", "apps/v1", "Apps", "/healthz", "/x*", "/a*b", "x\n", "x" * 254]
)
lists = st.one_of(st.lists(words, max_size=2), st.none(), words, st.booleans())
entries = st.fixed_dictionaries(
    {}, optional={"group": words, "resources": lists, "resourceNames": lists, "verbs": lists}
)
stages = st.one_of(st.lists(st.sampled_from(["Panic", "RequestReceived", "Request", "panic"]), max_size=2), st.none())
rules = st.fixed_dictionaries(
    {},
    optional={
        "level": st.sampled_from(["None", "Metadata", "metadata", "", None, False]),
        "users": lists,
        "namespaces": lists,
        "nonResourceURLs": lists,
        "resources": st.one_of(st.lists(entries, max_size=2), words, st.none()),
        "omitStages": stages,
        "omitManagedFields": st.one_of(st.booleans(), words),
    },
)
documents = st.fixed_dictionaries(
    {"apiVersion": st.sampled_from(["audit.k8s.io/v1", "audit.k8s.io/v1beta1", "v1"])},
    optional={
        "kind": st.sampled_from(["Policy", "policy", None]),
        "rules": st.one_of(st.lists(rules, max_size=2), st.none(), rules),
        "omitStages": stages,
        "metadata": st.fixed_dictionaries(
            {}, optional={"name": words, "labels": lists, "creationTimestamp": st.none()}
        ),
        "spec": st.just({}),
    },
)


@settings(max_examples=300, deadline=None)
@given(documents, st.sampled_from(VERSIONS))
def test_whatever_it_accepts_loads_without_a_warning(document: dict[str, Any], version: KubeVersion) -> None:
    if accepts(document, version):
        loaded = load(json.dumps(document).encode(), version)
        assert loaded.ok, (loaded.errors, document)
        assert not loaded.warnings, document


@settings(max_examples=300, deadline=None)
@given(rules, st.sampled_from(VERSIONS))
def test_a_rule_that_is_refused_by_its_shape_is_refused(rule: dict[str, Any], version: KubeVersion) -> None:
    document = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [rule]}
    if not load(json.dumps(document).encode(), version).ok:
        assert not accepts(document, version), document


def test_the_command_prints_it_and_the_shipped_file_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "schema"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out) == json_schema()
    assert template("schemas", "audit-policy.schema.json").read_text() == out, (
        "kaudit-setup policy schema > that file"
    )
    assert main(["policy", "schema", "--kube-version", "1.22"]) == 0
    rule = json.loads(capsys.readouterr().out)["properties"]["rules"]["items"]
    assert "omitManagedFields" not in rule["properties"]


def test_every_field_is_described_where_an_editor_shows_it() -> None:
    def fields(of: dict[str, Any]) -> list[dict[str, Any]]:
        found = [*of.get("properties", {}).values()]
        return [*found, *(inner for one in found for inner in fields(one.get("items", one)))]

    described = [one for one in fields(json_schema()) if one != {"type": "null"}]
    assert len(described) > 15
    assert all(one["description"] for one in described)
