"""`policy list|show|lint|answers|compare|build` through the door that users take."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml
from documentkit import items, only

from kaudit_setup.cli import main
from kaudit_setup.errors import Exit
from kaudit_setup.policy import presets

GOOD = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: Metadata\n"
BAD_RULE = GOOD.replace("Metadata", "metadata")
NOTHING = GOOD.replace("Metadata", "None")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def call(*argv: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = main(["policy", *argv])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_list(run) -> None:
    code, out, _ = run("list")
    assert code == Exit.OK
    assert out.startswith("forensics")
    assert [line.split()[0] for line in out.splitlines()] == list(presets.names())
    assert [row["name"] for row in items(run("list", "-o", "json")[1])] == list(presets.names())


def test_show_is_the_file_itself(run) -> None:
    code, out, _ = run("show", "forensics")
    assert code == Exit.OK
    assert out.encode() == presets.read("forensics")[1]
    code, _, err = run("show", "nothing")
    assert code == Exit.USAGE
    assert "the presets are" in err


def test_lint_of_a_good_file_a_bad_one_and_none(run, tmp_path: Path) -> None:
    good, bad, nothing = tmp_path / "good.yaml", tmp_path / "bad.yaml", tmp_path / "nothing.yaml"
    good.write_text(GOOD)
    bad.write_text(BAD_RULE)
    nothing.write_text(NOTHING)
    code, out, _ = run("lint", str(good))
    assert code == Exit.OK
    assert f"{good}:5:3: info:" in out
    code, out, _ = run("lint", str(bad))
    assert code == Exit.FAILED
    assert "[does-not-load]" in out
    code, out, _ = run("lint", str(nothing), "quiet", "-o", "json")
    assert code == Exit.FAILED
    finding, arguments = items(out)
    assert (finding["code"], arguments["code"]) == ("logs-nothing", "arguments-logged")
    assert set(finding) == {"file", "code", "severity", "message", "fix", "rule", "line", "column"}
    assert run("lint", str(tmp_path / "absent.yaml"))[0] == Exit.USAGE
    assert run("lint")[0] == Exit.USAGE


def test_lint_reads_standard_input(run) -> None:
    code, out, _ = run("lint", "-", stdin=GOOD)
    assert code == Exit.OK
    assert "standard input:5:3: info:" in out


def test_lint_goes_by_the_version(run, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(GOOD.replace("rules:", "omitManagedFields: true\nrules:"))
    assert "[newer-field]" in run("lint", str(file), "--kube-version", "1.22")[1]
    assert "[newer-field]" not in run("lint", str(file), "--kube-version", "1.23")[1]
    assert run("lint", str(file), "--kube-version", "new")[0] == Exit.USAGE


def test_answers(run) -> None:
    code, out, _ = run("answers", "quiet")
    assert code == Exit.OK
    assert "  yes    Who created a Pod by hand?" in out
    assert "  no     Who stands behind a Pod that a controller made?" in out
    found = items(run("answers", "writes", "-o", "json")[1])
    exec_ = next(a for a in found if a["id"] == "exec")
    assert exec_["answer"] == "partly"
    assert set(exec_["rules"][0]) == {"rule", "line", "level", "effect", "example"}


def test_answers_of_a_policy_that_does_not_load(run) -> None:
    code, out, err = run("answers", "-", stdin=BAD_RULE)
    assert code == Exit.USAGE
    assert out == ""
    assert "would not start with the policy standard input" in err
    assert "rules[0].level" in err
    assert "write `level: Metadata`" in err


def test_compare(run) -> None:
    code, out, _ = run("compare", "quiet", "forensics")
    assert code == Exit.OK
    assert out.startswith("Only forensics logs:")
    assert "no -> yes    Who stands behind a Pod" in out
    assert run("compare", "gce", "gce")[1] == "gce and gce always log the same events.\n"
    found = only(run("compare", "quiet", "forensics", "-o", "json")[1])
    assert set(found) == {"a", "b", "same", "differences", "answers"}
    assert found["same"] is False
    assert {d["change"] for d in found["differences"]} == {"gained", "less"}


def test_build_prints_what_lint_takes(run) -> None:
    flags = ["--only-namespace", "production", "--drop-resource", "secrets,configmaps", "--drop-reads"]
    flags += ["--drop-controllers", "--drop-nodes", "--drop-events", "--drop-health"]
    flags += ["--stages", "ResponseComplete,Panic", "--body", "pods:create=RequestResponse"]
    code, out, _ = run("build", *flags, "--base", "metadata")
    assert code == Exit.OK
    assert out.startswith("# Built by: kaudit-setup policy build metadata --drop-reads")
    assert run("lint", "-", stdin=out)[0] == Exit.OK


@pytest.mark.parametrize(
    "argv",
    [
        ("none",),
        ("nothing",),
        ("metadata", "--base", "request"),
        ("--body", "pods"),
        ("--drop-resource", "widgets"),
        ("--stages", "Done"),
        ("--only-namespace", "A\nb"),
    ],
)
def test_build_refuses_nonsense(run, argv: tuple[str, ...]) -> None:
    code, out, err = run("build", *argv)
    assert code == Exit.USAGE
    assert out == ""
    assert err.startswith("error: ")
    assert "\nhint: " in err


@pytest.mark.parametrize("command", ["list", "show", "lint", "answers", "compare", "build"])
def test_help_shows_examples(run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == Exit.OK
    assert f"kaudit-setup policy {command}" in out


def test_hostile_names_are_made_harmless(run, tmp_path: Path) -> None:
    file = tmp_path / "p\x1b[31m.yaml"
    file.write_text(GOOD.replace("- level: Metadata", '- {level: None, users: ["a\\e[2J*"]}\n- level: Metadata'))
    code, out, _ = run("lint", str(file))
    assert code == Exit.OK
    assert "\x1b" not in out


@pytest.mark.parametrize("name", presets.names())
def test_a_policy_as_data_is_the_same_policy(run, name: str) -> None:
    (item,) = items(run("show", name, "-o", "json")[1])
    assert item["text"] == presets.preset(name).data.decode()
    assert run("compare", name, "-", stdin=json.dumps(item["policy"]))[1].endswith("always log the same events.\n")
    assert yaml.safe_load(run("show", name, "-o", "yaml")[1])["items"][0]["policy"] == item["policy"]


def test_a_built_policy_as_data(run) -> None:
    flags = ("--only-namespace", "shop", "--drop-reads")
    (item,) = items(run("build", *flags, "-o", "json")[1])
    assert item["text"] == run("build", *flags)[1]
    assert run("validate", "-", stdin=json.dumps(item["policy"]))[0] == Exit.OK
