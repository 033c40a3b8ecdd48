"""Why nobody is named, in codes for programs, and in the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from documentkit import only
from logkit import event, write

from kaudit_setup.attribution.unanswered.codes import Reason
from kaudit_setup.cli import main

DOCS = Path(__file__).resolve().parents[3] / "docs"
WEB = {"resource": "pods", "namespace": "shop", "name": "web", "apiVersion": "v1"}
POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n"
AT = "2026-11-23T16:00:0"


def on_web(number: int, verb: str, code: int = 200, **more: Any) -> dict[str, Any]:
    uri = "/api/v1/namespaces/shop/pods/web"
    return event(number, verb=verb, objectRef=WEB, requestURI=uri, responseStatus={"code": code}, **more)


DRY = "/api/v1/namespaces/shop/pods/web?dryRun=All"
PLAIN = [on_web(1, "get"), on_web(9, "get")]
CASES: dict[str, tuple[list[dict[str, Any]], list[str], list[str]]] = {
    "somebody": ([on_web(1, "delete")], ["deleted", "pod/web", "-n", "shop"], []),
    "no such object": (PLAIN, ["deleted", "pod/nope", "-n", "shop"], ["not-found"]),
    "another namespace": (PLAIN, ["deleted", "pod/web", "-n", "other"], ["other-namespace"]),
    "not done": (PLAIN, ["deleted", "pod/web", "-n", "shop"], ["not-done"]),
    "before the log": (PLAIN, ["created", "pod/web", "-n", "shop"], ["not-in-log"]),
    "left out": (PLAIN, ["deleted", "pod/web", "-n", "shop", "--policy", "policy.yaml"], ["not-logged"]),
    "another time": (
        [on_web(1, "delete"), *PLAIN],
        ["deleted", "pod/web", "-n", "shop", "--since", f"{AT}5Z"],
        ["another-time"],
    ),
    "a dry run": (
        [on_web(1, "patch", requestObject={"spec": {}}) | {"requestURI": DRY}, *PLAIN],
        ["changed", "pod/web", "-n", "shop"],
        ["not-done"],
    ),
    "no end": (
        [*PLAIN, on_web(10, "delete", 0, stage="RequestReceived")],
        ["deleted", "pod/web", "-n", "shop"],
        ["unclear"],
    ),
    "no such user": (PLAIN, ["touched", "--user", "mallory"], ["not-found"]),
    "nothing of the user": (PLAIN, ["deleted", "--user", "alice"], ["not-done"]),
    "nothing": ([], ["deleted", "pod/web", "-n", "shop"], ["no-events"]),
}


@pytest.mark.parametrize("case", CASES)
def test_why_nobody_is_named(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    events, question, codes = CASES[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text(POLICY)
    log = write(tmp_path / "audit.log", *events)
    assert main(["who", *question, "--log", str(log), "-o", "json"]) == (1 if codes else 0)
    assert only(capfd.readouterr().out)["reasons"] == codes


def test_what_could_not_be_read_comes_first(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    question = ["who", "deleted", "pod/web", "-n", "shop", "--log", str(tmp_path / "audit.log"), "-o", "json"]
    log = write(tmp_path / "audit.log", *PLAIN)
    log.write_text(f"{log.read_text()}something else\n")
    assert main(question) == 1
    assert only(capfd.readouterr().out)["reasons"] == ["unreadable", "not-done"]
    log.write_text("something else\n")
    assert main(question) == 1
    assert only(capfd.readouterr().out)["reasons"] == ["unreadable"]


def test_a_gap_and_a_server_without_a_log_are_reasons(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", on_web(1, "get"), on_web(4000, "get"))
    assert main(["who", "deleted", "pod/web", "-n", "shop", "--log", str(log), "-o", "json"]) == 1
    assert only(capfd.readouterr().out)["reasons"] == ["not-done", "log-missing"]


def test_the_documentation_lists_each_code() -> None:
    page = (DOCS / "incident.md").read_text()
    assert [code for code in Reason if f"| `{code}` |" not in page] == []
