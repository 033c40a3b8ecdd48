"""Every command's `-o json` is a document of its kind's schema, and the other forms say the same."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from documentkit import document
from folderkit import node_folder
from jsonschema import Draft202012Validator
from logkit import SCENARIO, event, write

from kaudit_setup.change.run import proof as change_proof
from kaudit_setup.change.verify import NotProved, Proof
from kaudit_setup.cli import connect, main
from kaudit_setup.cli.app import COMMANDS
from kaudit_setup.demo import Ran
from kaudit_setup.fleet.survey import Candidate
from kaudit_setup.node.local import LocalNode
from kaudit_setup.report.documents.kinds import KINDS, made, schema, shipped
from kaudit_setup.resources import template

NO_JSON = {"manifest", "render", "report", "schema"}
"""Commands that print a file of somebody else's format."""
ON_NODES = {"verify", "recover", "collect", "demo", "pack", "apply"}
"""Commands that need a running node or a store: each has a test of its own below."""

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
    return node_folder(tmp_path / "node")


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
    found = document(out)
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
    assert asked | ON_NODES | NO_JSON == set(COMMANDS)


def test_apply_answers_with_what_would_change_and_what_did(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "cp1"
    node_folder(root)
    monkeypatch.setattr(connect, "open_ssh", lambda *_, **__: LocalNode(root))
    inventory = tmp_path / "clusters.yaml"
    inventory.write_text("clusters: {c: {hosts: [cp1], audit: {policy: metadata}}}\n")
    code, out = run("apply", "-i", inventory, "--check", "-o", "json")
    assert (code, document(out)["kind"]) == (3, "NodeReview")
    # no server runs in a folder, which is refused, in the same envelope
    code, out = run("apply", "-i", inventory, "--yes", "-o", "json")
    (error,) = document(out)["errors"]
    assert (code, error["code"], error["exitCode"]) == (1, "refused", 1)


PROOFS = {
    "proved": Proof("7", (), json.dumps(event(0)).encode()),
    "unloggable": Proof("7", ()),
    "off": None,
    "crash": NotProved("crash", "start", "E no such file\n"),
    "timeout": NotProved("timeout", "event"),
    "invalidEvent": NotProved("event", "event"),
    "webhook": NotProved("webhook", "webhook"),
}


@pytest.mark.parametrize("reason", PROOFS)
def test_verify_says_why_in_one_word(
    reason: str, run: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(monkeypatch, root)
    monkeypatch.setattr(change_proof, "probe_now", lambda *_, **__: PROOFS[reason])
    code, out = run("verify", "--host", "cp1", "-o", "json")
    (item,) = document(out)["items"]
    assert (item["reason"], item["proved"]) == (reason, reason == "proved")
    assert code == (0 if item["proved"] else 1)


def test_recover_says_what_became_of_each_run(run: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reach(monkeypatch, root)
    (item,) = document(run("recover", "--host", "cp1", "--yes", "-o", "json")[1])["items"]
    assert (item["cleared"], item["runs"]) == (False, [])
    (root / "var/lib/kaudit-setup/run/dead").mkdir(parents=True)
    code, out = run("recover", "--host", "cp1", "--yes", "-o", "json")
    (item,) = document(out)["items"]
    assert (code, item["cleared"]) == (0, True)
    assert [(one["state"], one["became"]) for one in item["runs"]] == [("begun", "removed")]


def test_collect_says_what_was_fetched(run: Run, nodes: list[LocalNode], tmp_path: Path) -> None:
    code, out = run("collect", "--host", "cp1", "-d", tmp_path / "home", "-o", "json")
    (item,) = document(out)["items"]
    assert (code, item["fetched"]) == (0, len(item["files"]))


def test_pack_says_what_was_added_and_what_was_there(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("chdb")
    log = write(tmp_path / "audit.log", *map(event, range(3)))
    for added in (1, 0):
        code, out = run("pack", "--log", log, "--to", tmp_path / "archive", "-o", "json")
        (item,) = document(out)["items"]
        assert (code, len(item["added"]), len(item["there"])) == (0, added, 1 - added)


def test_demo_says_what_each_command_did(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node itself is left out: `tests/flow` has it."""
    monkeypatch.setattr("kaudit_setup.sandbox.Sandbox.start", lambda: nullcontext(SimpleNamespace(host="sandbox")))
    monkeypatch.setattr("kaudit_setup.demo.run", lambda step, node, capture: Ran(step.typed("sandbox"), 0, 1.5, "it"))
    (item,) = document(run("demo", "-o", "json")[1])["items"]
    assert len(item["commands"]) > 5


def reach(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """What `--host` gives from now on is that folder."""

    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[list[Candidate]]:
        yield [Candidate(LocalNode(root))]

    monkeypatch.setattr(connect, "nodes", opened)


def test_the_shipped_schemas_are_those_of_the_types() -> None:
    there = {file.name for file in template("schemas", "answers").iterdir()}
    assert there == {f"{kind}.schema.json" for kind in KINDS}
    old = [kind for kind in KINDS if shipped(kind) != made(kind)]
    assert not old, "run `make schemas`"


SENTENCES = {
    "message", "hint", "details", "why", "note", "notes", "fix", "found", "sentence", "title", "trades", "question",
    "summary", "reasons", "survivesUpgradeWhy", "kubeadmConfigMessage", "podChanges",
}  # fmt: skip


def test_every_sentence_is_marked_as_one() -> None:
    """So that nobody branches on its words; what is to be branched on is an enum beside it."""

    def texts(part: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
        if part.get("type") == "string":
            yield name, part
        for key, each in part.get("properties", {}).items():
            yield from texts(each, key)
        for each in (*part.get("anyOf", ()), *part.get("$defs", {}).values(), *filter(None, [part.get("items")])):
            yield from texts(each, name)

    # a question of `who` is an object
    found = [(kind, name, text) for kind in KINDS for name, text in texts(schema(kind)) if name in SENTENCES]
    assert len(found) > 50
    assert [(kind, name) for kind, name, text in found if "For people" not in text.get("description", "")] == []


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
