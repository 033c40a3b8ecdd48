"""`policy lint` and `policy validate` in pipelines: their formats, exit codes, and what calls them there."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from kaudit_setup.cli import main
from kaudit_setup.errors import Exit
from kaudit_setup.policy.lint.codes import CODES

ROOT = Path(__file__).resolve().parents[3]
GOOD = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: Metadata\n"
WARNED = GOOD.replace("- level: Metadata", "- level: None\n  users: ['system:nodes']\n- level: Metadata")
REFUSED = GOOD.replace("Metadata", "metadata")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with policies among other files."""
    (tmp_path / "policies" / ".git").mkdir(parents=True)
    for name, text in {
        "good.yaml": GOOD,
        "warned.yml": WARNED,
        "refused.yaml": REFUSED,
        ".git/hidden.yaml": REFUSED,
        "pod.yaml": "apiVersion: v1\nkind: Pod\n",
        "kyverno.yaml": "apiVersion: kyverno.io/v1\nkind: Policy\n",
        "notes.txt": REFUSED,
        "one-line.json": json.dumps(
            {"kind": "Policy", "apiVersion": "audit.k8s.io/v1", "rules": [{"level": "Metadata"}]}
        ),
    }.items():
        (tmp_path / "policies" / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str]:
    code = main(["policy", *args])
    return code, capsys.readouterr().out


def check(value: object, shape: object, at: str = "$") -> None:
    """Whether JSON has this shape: a type, a pattern, {key: shape} (`key?` may be absent), [shape of each]."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), at
        keys = {key.rstrip("?") for key in shape}
        assert set(value) <= keys, f"{at}: {set(value) - keys}"
        for key, inner in shape.items():
            if key.rstrip("?") in value or not key.endswith("?"):
                check(value[key.rstrip("?")], inner, f"{at}.{key}")
    elif isinstance(shape, list):
        assert isinstance(value, list), at
        for number, item in enumerate(value):
            check(item, shape[0], f"{at}[{number}]")
    elif isinstance(shape, str):
        assert isinstance(value, str), at
        assert re.fullmatch(shape, value), f"{at}: {value}"
    else:
        assert type(value) is shape, at


# https://docs.oasis-open.org/sarif/sarif/v2.1.0: what is required, and what of the optional is used here
SARIF = {
    "$schema": "https://.*sarif-2.1.0.json",
    "version": r"2\.1\.0",
    "runs": [
        {
            "tool": {
                "driver": {
                    "name": "kaudit-setup",
                    "version": r"\d+\..*",
                    "informationUri": "https://.*",
                    "rules": [
                        {
                            "id": "[a-z0-9-]+",
                            "shortDescription": {"text": ".+"},
                            "help": {"text": r"(?s).+apiVersion: .+"},
                        }
                    ],
                }
            },
            "columnKind": "utf16CodeUnits|unicodeCodePoints",
            "results": [
                {
                    "ruleId": "[a-z0-9-]+",
                    "ruleIndex": int,
                    "level": "none|note|warning|error",
                    "message": {"text": "(?s).+"},
                    "locations": [
                        {
                            "physicalLocation": {
                                "artifactLocation": {"uri": r"[-\w./%]+"},
                                "region": {"startLine": int, "startColumn?": int},
                            }
                        }
                    ],
                }
            ],
        }
    ],
}


@pytest.mark.parametrize("command", ["lint", "validate"])
def test_sarif_is_valid_and_points_at_the_lines(
    command: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(capsys, command, "policies", "--format", "sarif")
    assert code == Exit.FAILED
    document = json.loads(out)
    check(document, SARIF)
    (ran,) = document["runs"]
    rules = [rule["id"] for rule in ran["tool"]["driver"]["rules"]]
    assert rules == list(CODES)
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in ran["results"])
    places = [
        (r["ruleId"], p["artifactLocation"]["uri"], p["region"]["startLine"], r["level"])
        for r in ran["results"]
        for p in (r["locations"][0]["physicalLocation"],)
    ]
    assert ("does-not-load", "policies/refused.yaml", 5, "error") in places
    assert (("group-as-user", "policies/warned.yml", 6, "warning") in places) == (command == "lint")
    assert not [place for place in places if "hidden" in place[1] or "kyverno" in place[1]]


def test_github_annotations_are_escaped(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    odd = tmp_path / "a,b:c%.yaml"
    odd.write_text(GOOD.replace("- level: Metadata", '- level: "x\\n::stop-commands::y%"'))
    code, out = run(capsys, "lint", str(odd), "--format", "github")
    assert code == Exit.FAILED
    (line,) = out.splitlines()
    found = re.fullmatch(r"::error file=([^,:]+),line=5,col=10,title=does-not-load::(.*)", line)
    assert found
    assert found[1].endswith("a%2Cb%3Ac%25.yaml")
    assert "\n" not in found[2]
    assert "y%25" in found[2]
    assert "Fix: " in found[2]


def test_annotations_by_severity(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "lint", "./policies/warned.yml", "--format", "github")[1]
    assert "::warning file=policies/warned.yml,line=6,col=11,title=group-as-user::" in out
    assert "::notice file=policies/warned.yml,line=" in out


def test_junit_fails_what_the_exit_code_fails(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for fail_on, failures, code in (("error", 0, Exit.OK), ("warning", 2, Exit.FAILED)):
        got = run(capsys, "lint", "policies/warned.yml", "--format", "junit", "--fail-on", fail_on)
        suites = ET.fromstring(got[1])
        assert got[0] == code
        assert (suites.get("failures") == "0") == (failures == 0)
        assert suites[0].get("name") == "policies/warned.yml"
        assert len(suites.findall(".//failure")) == int(suites.get("failures") or 0)


def test_exit_codes_by_severity(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command, file, fail_on, code in (
        ("lint", "good.yaml", "warning", Exit.OK),
        ("lint", "warned.yml", "error", Exit.OK),
        ("lint", "warned.yml", "warning", Exit.FAILED),
        ("lint", "refused.yaml", "error", Exit.FAILED),
        ("validate", "warned.yml", "warning", Exit.OK),
        ("validate", "refused.yaml", "error", Exit.FAILED),
    ):
        assert run(capsys, command, f"policies/{file}", "--fail-on", fail_on)[0] == code, (command, file, fail_on)


def test_a_folder_stands_for_its_policies_and_none_is_an_error(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out = run(capsys, "validate", "policies", "--format", "json")
    names = [item["file"] for item in json.loads(out)["items"]]
    assert names == [f"policies/{n}" for n in ("good.yaml", "one-line.json", "refused.yaml", "warned.yml")]
    (repository / "empty").mkdir()
    assert main(["policy", "lint", "empty"]) == Exit.USAGE
    assert "there is no audit policy in the folder empty" in capsys.readouterr().err
    (repository / "metadata").mkdir()
    assert main(["policy", "lint", "metadata"]) == Exit.OK, "a preset's name is the preset's"


def test_standard_input_in_every_format(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for form in ("text", "json", "github", "sarif", "junit"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(REFUSED.encode())))
        code, out = run(capsys, "lint", "-", "--format", form)
        assert code == Exit.FAILED
        assert "does-not-load" in out
        if form == "sarif":
            check(json.loads(out), SARIF)


def test_every_code_that_the_sources_name_has_its_meaning() -> None:
    source = "".join(path.read_text() for path in (ROOT / "kaudit_setup/policy").rglob("*.py"))
    named = set(re.findall(r'(?:Finding|Mistake|SpecProblem|_found)\(\s*(?:rule_map, [^"]*?, )?"([a-z-]+)"', source))
    assert len(named) > 20
    assert named <= set(CODES)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """kaudit-setup as a pipeline has it on its path."""
    file = tmp_path / "bin" / "kaudit-setup"
    file.parent.mkdir()
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kaudit_setup "$@"\n')
    file.chmod(0o755)
    return file


def shell(script: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    known = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **env}
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(words, cwd=folder, env=known, capture_output=True, text=True, timeout=120, check=False)


def hooks() -> list[dict[str, Any]]:
    return list(yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()))


def test_the_hooks_check_audit_policies(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for hook in hooks():
        assert {"id", "name", "entry", "language", "files"} <= set(hook)
        for path in ("audit-policy.yaml", "a/kube-audit-policy.yml", "audit-policies/prod.json"):
            assert re.search(hook["files"], path), path
        for path in ("policy.yaml", "audit.log", "audit-policy.md"):
            assert not re.search(hook["files"], path), path
        words = hook["entry"].split()
        assert words[0] == "kaudit-setup"
        assert main([*words[1:], "policies/good.yaml"]) == Exit.OK
        assert main([*words[1:], "policies/good.yaml", "policies/refused.yaml"]) == Exit.FAILED


def test_the_action_marks_what_is_wrong(repository: Path, program: Path) -> None:
    action = yaml.safe_load((ROOT / ".github/actions/audit-policy/action.yml").read_text())
    steps = action["runs"]["steps"]
    assert action["runs"]["using"] == "composite"
    assert all(step["shell"] == "bash" for step in steps)
    # inputs reach the shell as variables, never as text of the script
    assert not [step["name"] for step in steps if "${{" in step["run"]]
    used = {name for step in steps for name in re.findall(r"inputs\.([-\w]+)", str(step["env"]))}
    assert used == set(action["inputs"])
    env = {"FAIL_ON": "warning", "KUBE_VERSION": "", "SARIF": "found.sarif", "PROGRAM": str(program)}
    bad = shell(steps[-1]["run"], repository, PATHS="policies/good.yaml\npolicies/warned.yml\n", **env)
    assert bad.returncode == 1, bad.stderr
    assert "::warning file=policies/warned.yml,line=6,col=11," in bad.stdout
    check(json.loads((repository / "found.sarif").read_text()), SARIF)
    good = shell(steps[-1]["run"], repository, PATHS="policies/good.yaml", **{**env, "KUBE_VERSION": "1.30"})
    assert good.returncode == 0, good.stderr
    hostile = shell(steps[-1]["run"], repository, PATHS="--help; touch owned\n$(touch owned)", **env)
    assert hostile.returncode != 0
    assert not (repository / "owned").exists()


def test_the_gitlab_job_leaves_a_report_and_fails(repository: Path, program: Path) -> None:
    template = yaml.safe_load((ROOT / "templates/ci/gitlab.yml").read_text())
    job, variables = template["audit-policy"], template["variables"]
    path = f"{program.parent}:{os.environ['PATH']}"
    script = "\n".join(job["script"])
    bad = shell(script, repository, **{**variables, "PATH": path})
    assert bad.returncode == 1, bad.stderr
    assert "refused.yaml" in bad.stdout
    report = ET.parse(repository / job["artifacts"]["reports"]["junit"]).getroot()
    assert report.get("failures") == "1"
    good = shell(script, repository, **{**variables, "PATH": path, "AUDIT_POLICIES": "policies/good.yaml"})
    assert good.returncode == 0, good.stderr
