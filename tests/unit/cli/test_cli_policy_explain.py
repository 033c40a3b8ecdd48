"""`policy validate` and `policy explain` through the door that users take."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from documentkit import items, only

from kaudit_setup.cli import main

ORACLE = Path(__file__).resolve().parents[2] / "data" / "oracle"
POLICIES = ORACLE / "policies"
GCE = str(POLICIES / "v04-gce-style.yaml")


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(["policy", *args])
    out, err = capsys.readouterr()
    return code, out, err


def test_validate_prints_exactly_this_json(capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(POLICIES / name) for name in ("b03-unknown-rule-field.yaml", "b68-many-errors.yaml")]
    code, out, _ = run(capsys, "validate", *files, "-o", "json")
    good, bad = items(out)
    assert code == 1
    assert (good["file"], good["ok"], good["errors"]) == (files[0], True, [])
    (warning,) = good["warnings"]
    assert sorted(warning) == ["column", "fix", "line", "message", "path"]
    assert (warning["path"], warning["line"]) == ("rules[0].user", 5)
    assert (bad["ok"], len(bad["errors"]), bad["errors"][0]["path"]) == (False, 8, "omitStages[0]")
    assert sorted(good) == ["errors", "file", "ok", "warnings"]


def test_validate_by_version_and_by_preset(capsys: pytest.CaptureFixture[str]) -> None:
    star = str(POLICIES / "b27-group-star.yaml")
    assert run(capsys, "validate", star, "metadata")[0] == 0
    code, out, _ = run(capsys, "validate", star, "--kube-version", "1.35")
    assert code == 1
    assert "line 6, column 12: error: rules[0].resources.group" in out
    for version in ("1.19", "x"):
        assert run(capsys, "validate", star, "--kube-version", version)[0] == 2


def test_a_file_that_cannot_be_read_is_an_entry(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(100_000_000)
    code, out, _ = run(capsys, "validate", "/nonexistent.yaml", str(tmp_path), str(huge), GCE, "-o", "json")
    assert code == 1
    assert [entry["ok"] for entry in items(out)] == [False, False, False, True]


def test_hostile_names_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text('"a\\e[2J": 1\n')
    _, out, _ = run(capsys, "validate", str(bad))
    assert "\x1b" not in out


def test_explain_by_flags_shows_rule_events_and_near_misses(capsys: pytest.CaptureFixture[str]) -> None:
    args = ("--as", "alice", "--verb", "create", "--resource", "pods/exec", "-n", "x", "--name", "web")
    code, out, _ = run(capsys, "explain", GCE, *args)
    assert code == 0
    assert "Rule 16 of" in out
    assert '   110 |       - group: ""' in out
    assert "ResponseStarted: when the response's header is sent" in out
    assert 'rule 15 (line 97): verbs: "create" is not among' in out


def test_explain_by_url_and_by_flags_agree(capsys: pytest.CaptureFixture[str]) -> None:
    by_url = run(capsys, "explain", GCE, "--url", "GET /apis/apps/v1/namespaces/d/deployments/x/scale", "-o", "json")
    flags = ("--verb", "get", "--resource", "deployments.apps/scale", "-n", "d", "--name", "x")
    by_flags = run(capsys, "explain", GCE, *flags, "-o", "json")
    one, two = only(by_url[1]), only(by_flags[1])
    assert one["attributes"].pop("path")
    two["attributes"].pop("path")
    assert one == two
    assert one["attributes"]["groups"] == ["system:authenticated"]
    # a resource without a group is looked for where Kubernetes has it
    guessed = only(run(capsys, "explain", GCE, "--verb", "get", "--resource", "deployments", "-o", "json")[1])
    assert guessed["attributes"]["apiGroup"] == "apps"


def test_explain_of_a_failed_login_and_of_a_path(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "explain", "metadata", "--failed-login", "--url", "/api/v1/pods", "-o", "json")[1]
    assert [event["stage"] for event in only(out)["events"]] == ["ResponseStarted"]
    out = run(capsys, "explain", GCE, "--verb", "get", "--path", "/healthz")[1]
    assert "events: none" in out


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--resource", "pods"),
        ("--url", "GET /api/v1/watch"),
        ("--url", "GET pods"),
        ("--url", "GET /api", "--verb", "get"),
        ("--verb", "get", "--resource", "pods", "--path", "/x"),
        ("--requests", "/nonexistent"),
        ("--requests", "-", "--verb", "get"),
    ],
)
def test_wrong_usage_is_exit_2(capsys: pytest.CaptureFixture[str], args: tuple[str, ...]) -> None:
    code, _, err = run(capsys, "explain", GCE, *args)
    assert code == 2
    assert err.startswith("error: ")


def test_a_policy_that_does_not_load_is_not_explained(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "explain", str(POLICIES / "b68-many-errors.yaml"), "--url", "GET /api")
    assert code == 2
    assert "line 5: rules[0].level" in err


class _Stdout:
    """What the command writes to: text and bytes in one place."""

    def __init__(self) -> None:
        self.buffer = io.BytesIO()

    def flush(self) -> None:
        """As the real one, at the end."""


@pytest.mark.parametrize("version", ["1.20.2", "1.36.2"])
def test_requests_in_bulk_are_decided_as_kubernetes_does(
    version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in (ORACLE / f"eval-{version}.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["policy"] == "v04-gce-style.yaml"]
    requests = tmp_path / "requests.jsonl"
    requests.write_text("\n".join(json.dumps(row["attributes"]) for row in rows))  # no line break at the end
    stdout = _Stdout()
    monkeypatch.setattr("sys.stdout", stdout)
    assert main(["policy", "explain", GCE, "--requests", str(requests), "--kube-version", version]) == 0
    answers = [json.loads(line) for line in stdout.buffer.getvalue().splitlines()]
    keys = ("level", "omitStages", "ruleIndex")
    assert [{k: a[k] for k in keys} for a in answers] == [{k: row[k] for k in keys} for row in rows]
    assert list(answers[0]) == [*keys, "omitManagedFields"]


def test_a_line_that_is_no_request_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    requests = tmp_path / "requests.jsonl"
    requests.write_text('{"verb": "get", "user": null, "groups": null}\n\n{"verb": 3}\n')
    code, _, err = run(capsys, "explain", GCE, "--requests", str(requests))
    assert code == 2
    assert "line 3 of the requests" in err


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["--path", "/api/v1/pods", "--verb", "get"], "is a request for a resource", "--url 'GET /api/v1/pods'"),
        (["--path", "/apis/apps/v1/deployments/x", "--verb", "delete"], "for a resource", "--url 'DELETE"),
        (["--path", "/healthz", "--verb", "list"], "no request for a path has the verb 'list'", "HTTP method"),
        (["--resource", "svc,po", "--verb", "list"], "'svc,po' is several resources", "one at a time"),
    ],
)
def test_what_is_no_one_request_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str, hint: str
) -> None:
    assert main(["policy", "explain", "metadata", *words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert hint in err
