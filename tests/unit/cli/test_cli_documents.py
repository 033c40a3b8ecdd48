"""Every command's `-o json` is a document of its kind's schema, and the other forms say the same."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import document
from jsonschema import Draft202012Validator
from logkit import DATA, SCENARIO, event, write

from kaudit_setup.cli import main
from kaudit_setup.cli.app import COMMANDS
from kaudit_setup.report.documents.kinds import KINDS, schema

SAMPLE = DATA.parent / "samples/kube-apiserver-1.36.2.yaml"
NO_JSON = {"manifest", "render", "report", "schema"}
"""Commands that print a file of somebody else's format."""
RECORDED = {"verify", "recover", "collect", "demo", "pack"}
"""Commands that need a running node; what they print is checked where they run, by `documents.document`."""

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def ran(*argv: str | Path) -> tuple[int, str]:
        capfd.readouterr()
        code = main([str(word) for word in argv])
        return code, capfd.readouterr().out

    return ran


@pytest.fixture
def root(tmp_path: Path) -> Path:
    manifest = tmp_path / "node/etc/kubernetes/manifests/kube-apiserver.yaml"
    manifest.parent.mkdir(parents=True)
    shutil.copy(SAMPLE, manifest)
    return tmp_path / "node"


def closed(part: Any) -> Any:
    """The schema without room for keys that it does not name."""
    if isinstance(part, dict):
        more = {"additionalProperties": False} if part.get("properties") else {}
        return {name: closed(value) for name, value in (part | more).items()}
    return [closed(one) for one in part] if isinstance(part, list) else part


def check(text: str) -> dict[str, Any]:
    """Exactly the keys of the schema, in camelCase, and nothing that is JSON inside a string."""
    found = document(text)
    whole = closed(schema(found["kind"]))
    Draft202012Validator.check_schema(whole)
    errors = [f"{list(e.absolute_path)}: {e.message}" for e in Draft202012Validator(whole).iter_errors(found)]
    assert errors == []
    return found


LOG = str(SCENARIO)
ASKED: Sequence[tuple[str, str]] = (
    (f"events --log {LOG} --limit 3", "Event"),
    (f"top --log {LOG} --by user,verb,resource", "Top"),
    (f"stats --log {LOG}", "LogStats"),
    (f"estimate metadata quiet --log {LOG}", "Estimate"),
    (f"who created pod/my-suspicious-pod --log {LOG}", "WhoAnswer"),
    (f"who touched --user kubernetes-admin --log {LOG}", "WhoAnswer"),
    (f"who deleted pods -A --log {LOG}", "WhoRequests"),
    (f"who deleted pod/nobody --log {LOG}", "WhoAnswer"),
    ("config show", "ConfigValue"),
    ("policy list", "PolicyPreset"),
    ("policy validate metadata /nonexistent", "PolicyVerdict"),
    ("policy lint gce metadata", "PolicyFinding"),
    ("policy answers gce", "PolicyAnswer"),
    ("policy compare gce metadata", "PolicyComparison"),
    ("policy explain gce --verb get --resource secrets", "PolicyExplanation"),
    ("enable --policy metadata --dry-run --root ROOT", "NodeReview"),
    ("enable --policy metadata --yes --root ROOT", "NodeChange"),
    ("disable --yes --root ROOT", "NodeChange"),
    ("rollback --yes --root AUDITED", "NodeChange"),
    ("apply -i /nonexistent --check", "Error"),
    ("status --root ROOT", "NodeStatus"),
    ("status --root AUDITED", "NodeStatus"),
    ("check --root AUDITED", "CheckResult"),
    ("backups list --root AUDITED", "NodeBackup"),
    ("backups show --root AUDITED", "BackupContents"),
    ("backups diff --root AUDITED", "NodeReview"),
    ("backups prune --yes --keep 1 --root AUDITED", "RemovedBackups"),
    ("purge --dry-run --root ROOT", "PurgedNode"),
    ("purge --dry-run --root AUDITED", "Error"),
    ("top --by nonsense --log /nonexistent", "Error"),
    ("status --root /nonexistent", "Error"),
    ("verify --root ROOT", "Error"),
)


@pytest.mark.parametrize(("words", "kind"), ASKED, ids=[words.split(" --log")[0] for words, _ in ASKED])
def test_every_answer_is_a_document_of_its_kind(words: str, kind: str, run: Run, root: Path) -> None:
    if "AUDITED" in words:
        assert run("enable", "--policy", "metadata", "--yes", "--root", root)[0] == 0
    argv = words.replace("AUDITED", "ROOT").replace("ROOT", str(root)).split()
    code, out = run(*argv, "-o", "json")
    found = check(out)
    assert found["kind"] == kind
    assert bool(found["errors"]) == (kind == "Error")
    if kind == "Error":
        assert found["errors"][0]["exitCode"] == code
    if "--yes" not in words:
        again = yaml.safe_load(run(*argv, "-o", "yaml")[1])
        for item in (*found["items"], *again["items"]):
            item.pop("diskFreeBytes", None)  # which changes while we look
        assert again == found


def test_no_command_is_forgotten() -> None:
    asked = {words.split()[0] for words, _ in ASKED}
    assert asked | RECORDED | NO_JSON == set(COMMANDS)


def test_every_kind_has_a_schema_that_is_listed_and_printed(run: Run) -> None:
    assert run("schema")[1].split() == list(KINDS) == sorted(KINDS)
    for kind in KINDS:
        code, out = run("schema", kind)
        printed = json.loads(out)
        Draft202012Validator.check_schema(printed)
        assert (code, printed["properties"]["kind"]) == (0, {"const": kind})
    assert run("schema", "Nonsense")[0] == 2


@pytest.mark.parametrize(
    "words",
    [f"events --log {LOG} --limit 3", f"top --log {LOG} --by user,code", f"stats --log {LOG}", "policy list"],
)
def test_rows_are_lines(words: str, run: Run) -> None:
    rows = list(csv.reader(run(*words.split(), "-o", "csv")[1].splitlines()))
    assert len({len(row) for row in rows}) == 1
    tabs = [line.split("\t") for line in run(*words.split(), "-o", "tsv")[1].splitlines()]
    assert [row[0] for row in tabs] == [row[0] for row in rows]
    assert len(tabs[0]) == len(rows[0])


def test_a_cell_of_a_stranger_is_no_formula_and_no_second_line(run: Run, tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", event(user={"username": '=HYPERLINK("x")\n\tmallory'}))
    for form in ("csv", "tsv"):
        head, *rows = run("events", "--log", log, "-o", form)[1].splitlines()
        assert len(rows) == 1, form
        assert head.count("\t") == rows[0].count("\t")
        assert form == "tsv" or not next(csv.reader(rows))[0].startswith("=")
