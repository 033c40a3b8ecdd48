"""Policies as kube-apiserver loads them: YAML 1.1, JSON, versions, warnings, and files that are no policies."""

from __future__ import annotations

import base64
import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.load import MAX_BYTES, Loaded, load

DATA = Path(__file__).resolve().parents[2] / "data" / "oracle"
V20, V22, V23, V35, V36 = (KubeVersion(1, n) for n in (20, 22, 23, 35, 36))
HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n"


def rule(text: str, version: KubeVersion = V36) -> Loaded:
    return load((HEAD + text).encode(), version)


def json_rules(text: str, version: KubeVersion = V36) -> Loaded:
    return load(f'{{"apiVersion":"audit.k8s.io/v1","kind":"Policy",{text}}}'.encode(), version)


def test_thousands_of_mutilated_files_load_as_in_kubernetes() -> None:
    """Answers of LoadPolicyFromBytes of 1.20.2 to generated files: what loads, and as what."""
    rows = [json.loads(line) for line in (DATA / "load-more-1.20.2.jsonl").read_text().splitlines()]
    assert sum(row["ok"] for row in rows) > 300
    for row in rows:
        data = base64.b64decode(row["file"])
        loaded = load(data, V20)
        assert loaded.ok == row["ok"], (data, loaded, row)
        if not loaded.policy:
            if row["error"].startswith(("rules", "omitStages")):
                assert str(loaded.errors[0])[:300] == row["error"], data
            continue
        assert list(loaded.policy.omit_stages) == row["omitStages"], data
        for ours, real in zip(loaded.policy.rules, row["rules"], strict=True):
            assert ours.level == real["level"]
            for name, values in (
                ("users", ours.users),
                ("userGroups", ours.user_groups),
                ("verbs", ours.verbs),
                ("namespaces", ours.namespaces),
                ("nonResourceURLs", ours.non_resource_urls),
                ("omitStages", ours.omit_stages),
            ):
                assert list(values) == real.get(name, []), (data, name)
            assert [(g.group, list(g.resources), list(g.resource_names)) for g in ours.resources] == [
                (g["Group"], g["Resources"] or [], g["ResourceNames"] or []) for g in real.get("resources", [])
            ], data


@pytest.mark.parametrize(
    "word", ["y", "N", "yes", "off", "True", "1", "0x1F", "0o17", "1_000", "08", "1e3", ".5", ".inf"]
)
def test_bare_words_that_are_no_strings_are_refused(word: str) -> None:
    loaded = rule(f"- level: None\n  users: [{word}]\n")
    assert [(e.path, e.line, e.column) for e in loaded.errors] in (
        [("rules[0].users[0]", 5, 11)],
        [("", 1, 1)],  # JSON knows no infinity
    )


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("2020-01-01", "2020-01-01"),
        ("12:30:45", "12:30:45"),
        ("~", ""),
        ("", ""),
        ("!x 1", "1"),
        ("! 1", "1"),
        ("!!str yes", "yes"),
        ("!!binary YWI=", "ab"),
        ("'y'", "y"),
        ("0b", "0b"),
        ("1e400", "1e400"),
        ("a\tb", "a\tb"),
        ('"a\\\n    b"', "ab"),
        ("<<", "<<"),
        ("=", "="),
    ],
)
def test_words_that_are_strings(word: str, value: str) -> None:
    loaded = rule(f"- level: None\n  users:\n  - {word}\n")
    assert loaded.policy, loaded.errors
    assert loaded.policy.rules[0].users == (value,)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\x85"])
def test_encodings_and_line_ends(encoding: str, line_end: str) -> None:
    text = (HEAD + '- level: None\n  users: ["ü"]\n').replace("\n", line_end)
    loaded = load(text.encode(encoding))
    assert loaded.policy
    assert loaded.policy.rules[0].users == ("ü",)
    assert (loaded.policy.rules[0].line, loaded.policy.rules[0].end_line) == (4, 5)


def test_an_invalid_byte_counts_only_where_the_reader_comes() -> None:
    near = HEAD.encode() + b"- level: None\n...\n\xff"
    far = HEAD.encode() + b"- level: None\n...\n" + b"# \n" * 400 + b"\xff"
    assert not load(near).ok
    assert load(far).ok


def test_only_the_first_document_is_read_and_the_rest_is_told() -> None:
    loaded = rule("- level: None\n---\nlevel: [\n")
    assert loaded.ok
    assert loaded.ignored_from == 5
    assert not rule("- level: None\n").ignored_from


def test_merge_keys_and_aliases() -> None:
    text = (
        "x: &a {level: Request, verbs: [get]}\n"
        + HEAD
        + "- <<: *a\n- level: None\n  <<: *a\n- {<<: [*a], verbs: [list]}\n"
    )
    loaded = load(text.encode())
    assert loaded.policy
    # what is merged last wins, even over a key that stands there
    assert [(r.level, r.verbs) for r in loaded.policy.rules] == [
        ("Request", ("get",)),
        ("Request", ("get",)),
        ("Request", ("list",)),
    ]
    assert [w.path for w in loaded.warnings] == ["x", "rules[1].level", "rules[2].verbs"]


def test_versions_know_what_they_know() -> None:
    beta = HEAD.replace("v1\n", "v1beta1\n", 1).encode() + b"- level: None\n"
    assert load(beta, V23).ok
    assert not load(beta, KubeVersion(1, 24)).ok
    managed = "- level: None\n  omitManagedFields: true\n"
    assert [w.path for w in rule(managed, V22).warnings] == ["rules[0].omitManagedFields"]
    old, new = rule(managed, V22).policy, rule(managed, V23).policy
    assert old
    assert new
    assert (old.rules[0].omit_managed_fields, new.rules[0].omit_managed_fields) == (None, True)
    # a type error in a field that is not known is none
    assert rule("- level: None\n  omitManagedFields: 'yes'\n", V22).ok
    assert not rule("- level: None\n  omitManagedFields: 'yes'\n", V23).ok
    star = "- level: None\n  resources: [{group: '*'}]\n"
    assert not rule(star, V35).ok
    assert rule(star, V36).ok


def test_repeated_fields_of_json() -> None:
    twice = json_rules('"rules":[{"level":"None","users":["a"],"users":["b"]}]')
    assert twice.policy
    assert twice.policy.rules[0].users == ("b",)
    assert [w.message for w in twice.warnings] == ['duplicate field "rules[0].users": the last one counts']
    null = '"rules":[{"level":"None","level":null}]'
    assert not json_rules(null, V22).ok  # json-iter empties the string
    assert json_rules(null, V23).ok  # encoding/json leaves it


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("- level: None\n  user: [a]\n", 5, 3, 'did you mean "users"?'),
        ("- level: None\n  Verbs: [a]\n", 5, 3, 'did you mean "verbs"?'),
        ("- level: None\n  level: None\n", 5, 3, "already set"),
        ("- level: None\n  resources: [{groups: apps}]\n", 5, 16, 'did you mean "group"?'),
    ],
)
def test_warnings_say_where_and_what_was_meant(text: str, line: int, column: int, said: str) -> None:
    (warning,) = rule(text).warnings
    assert (warning.line, warning.column) == (line, column)
    assert said in warning.message


def test_every_type_error_is_told_at_once() -> None:
    loaded = rule("- level: 1\n  users: a\n  resources: [x]\n- y\n")
    assert [e.path for e in loaded.errors] == [
        "rules[0].level",
        "rules[0].users",
        "rules[0].resources[0]",
        "rules[1]",
    ]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefghijkl", "bcdefghijklm", strict=True)
)
BAD = {
    "empty": b"",
    "huge": bytes(MAX_BYTES + 1),
    "binary": os.urandom(4096),
    "alias bomb": BOMB.encode(),
    "itself": b"a: &a [*a]\n",
    "deep list": b"[" * 20_000,
    "deep block": b"- " * 20_000,
    "deep key": b"? " * 20_000,
    "deep JSON": b'{"a":' * 20_000,
    "Latin-1": HEAD.encode() + "- level: None\n  users: [é]\n".encode("latin-1"),
    "odd UTF-16": HEAD.encode("utf-16") + b"x",
    "NUL": b"a\0b",
    "quotes": b'"' * 100_001,
    "huge number": b'{"apiVersion": ' + b"9" * 200_000 + b"}",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_bad_files_get_one_clear_error(data: bytes) -> None:
    tracemalloc.start()
    try:
        loaded = load(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert loaded.policy is None
    assert len(loaded.errors) == 1
    assert len(str(loaded.errors[0])) < 500
    assert peak < 100_000_000


def test_deep_nesting_is_taken_and_its_limit_is_told() -> None:
    def nested(levels: int) -> Loaded:
        return load(("x: " + "[" * levels + "]" * levels + "\n" + HEAD + "- level: None\n").encode())

    assert nested(998).ok
    assert "nest" in str(nested(9_990).errors[0])


PIECES = st.sampled_from(
    [
        *HEAD.splitlines(),
        "- level: None",
        "&a ",
        "*a",
        "<<: ",
        "? ",
        "!!",
        "---",
        "...",
        *"\n [](){}!|>'\"#%\t\\,:-?y1\0",
    ]
)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda s: s.encode("utf-8", "surrogatepass"))))
@example(b"\xff\xfe\x00\xd8")
@example(b"\xef\xbb\xbf\xef\xbb\xbfa: b\nc: d")
@example(b"{")
@example(b"!<")
@example(b"%")
@example(b'"\\')
def test_loading_never_raises(data: bytes) -> None:
    loaded = load(data)
    assert loaded.ok == (not loaded.errors)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_loading_what_looks_like_yaml_never_raises(text: str) -> None:
    for version in (V20, V36):
        loaded = load(text.encode(), version)
        assert loaded.ok == (not loaded.errors)
        assert all(problem.line >= 0 for problem in loaded.errors + loaded.warnings)
