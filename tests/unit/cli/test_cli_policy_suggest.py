"""`policy suggest`: the log is smaller by what it says, and every question keeps its answer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kaudit_setup.cli import main
from kaudit_setup.errors import Exit
from kaudit_setup.policy import presets
from kaudit_setup.policy.catalog.identities import is_component
from kaudit_setup.policy.evaluate import compile
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import Attributes, Policy
from kaudit_setup.policy.questions import answers

SCENARIO = Path(__file__).resolve().parents[2] / "data" / "logs" / "scenario-1.36.2-metadata"
LOG = SCENARIO / "audit.log.gz"
HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
BODIES = (
    HEAD
    + """\
omitStages: [RequestReceived]
rules:
# what nobody reads
- level: None
  users: ["system:kube-proxy"]
# with bodies
- level: Request
  resources:
  - group: ""
    resources: ["pods", "pods/binding"]
  - group: apps
- level: Metadata
"""
)


def suggested(capsys: pytest.CaptureFixture[str], *args: str, log: Path = LOG) -> dict[str, Any]:
    assert main(["policy", "suggest", "--log", str(log), *args, "-o", "json"]) == Exit.OK
    (found,) = json.loads(capsys.readouterr().out)["items"]
    return dict(found)


def policy_of(text: str) -> Policy:
    loaded = load(text.encode())
    assert loaded.policy is not None, loaded.errors
    assert not loaded.warnings
    return loaded.policy


def verdicts(policy: Policy) -> list[tuple[str, str]]:
    return [(answer.id, answer.answer) for answer in answers(policy)]


def written(policy: Policy, log: Path = LOG) -> Iterator[dict[str, Any]]:
    """The events that are left, asked one by one of the evaluator."""
    decide = compile(policy)
    for line in gzip.decompress(log.read_bytes()).splitlines():
        event = json.loads(line)
        user, ref = event["user"], event.get("objectRef", {})
        path = "" if ref else event["requestURI"].partition("?")[0]
        name = "" if event["verb"] == "create" and not ref.get("subresource") else ref.get("name", "")
        decision = decide(
            Attributes(
                user.get("username"),
                tuple(user.get("groups", ())),
                event["verb"],
                ref.get("apiGroup", ""),
                ref.get("resource", ""),
                ref.get("subresource", ""),
                ref.get("namespace", ""),
                name,
                bool(ref),
                path,
            )
        )
        if decision.level != "None" and event["stage"] not in decision.omit_stages:
            yield event


def made(events: Iterable[dict[str, Any]]) -> list[str]:
    """What is created of Pods, bindings and owners: what `who` goes by."""
    kinds = {"pods", "replicasets", "deployments", "jobs"}
    refs = [(e["auditID"], e.get("objectRef", {}).get("resource"), e["verb"]) for e in events]
    return [audit_id for audit_id, resource, verb in refs if resource in kinds and verb == "create"]


def test_the_log_is_smaller_as_said_and_every_answer_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    found = suggested(capsys)
    base, policy = policy_of(presets.preset("metadata").data.decode()), policy_of(found["policy"])
    assert verdicts(policy) == verdicts(base)
    assert found["bytes"] < found["baseBytes"] / 4
    assert len(list(written(base))) == found["baseEvents"]
    kept = list(written(policy))
    assert len(kept) == found["events"]
    for field in ("bytes", "events"):
        total = found[f"base{field.title()}"] - found[field]
        assert sum(saving[field] for saving in found["savings"]) == total
        assert all(saving[field] > 0 for saving in found["savings"])
    assert all(0 < saving["share"] < 1 and saving["eventsPerDay"] > 0 for saving in found["savings"])

    def people(events: Iterator[dict[str, Any]]) -> list[str]:
        names = ((e["user"].get("username", ""), e["auditID"]) for e in events if "/healthz" not in e["requestURI"])
        return [audit_id for name, audit_id in names if name and not is_component(name)]

    health = ("/livez", "/readyz", "/version")
    dropped = set(people(written(base))) - set(people(iter(kept)))
    lost = [e for e in written(base) if e["auditID"] in dropped]
    assert all(e["requestURI"].startswith(health) for e in lost)
    assert made(kept) == made(written(base))


def test_the_policy_is_printed_with_what_each_rule_saves_and_trades(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["policy", "suggest", "--log", str(LOG)]) == Exit.OK
    text = capsys.readouterr().out
    assert "  # Saves " in text
    assert "events a day): " in text
    assert "  # Trades: these requests leave no trace" in text
    assert "\n# Metadata: who did what" in text, "the base keeps its comments"
    policy = tmp_path / "new.yaml"
    policy.write_text(text)
    assert main(["policy", "lint", str(policy)]) == Exit.OK
    assert "warning" not in capsys.readouterr().out


def test_a_level_is_lowered_only_where_that_may_be_and_it_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    base = tmp_path / "bodies.yaml"
    base.write_text(BODIES)
    log = tmp_path / "audit.log"
    body = {"requestObject": {"spec": "x" * 900}}
    event = json.loads(gzip.decompress(LOG.read_bytes()).splitlines()[0])
    with log.open("w") as file:
        for number in range(200):
            ref = {"apiGroup": "apps", "resource": "deployments", "namespace": "shop", "name": "web"}
            one = event | {"auditID": str(number), "stage": "ResponseComplete", "level": "Request", "verb": "update"}
            one |= {"user": {"username": "alice", "groups": ["system:authenticated"]}, "objectRef": ref, **body}
            file.write(json.dumps(one) + "\n")
    found = suggested(capsys, "--policy", str(base), log=log)
    (saving,) = found["savings"]
    assert saving["change"] == "level"
    assert "rule 2 (line 9) logs at level Request" in saving["what"]
    assert "what was changed in them does not" in saving["trades"]
    policy = policy_of(found["policy"])
    assert [rule.level for rule in policy.rules] == ["None", "Metadata", "Request", "Metadata"]
    assert verdicts(policy) == verdicts(policy_of(BODIES))
    assert "# with bodies\n" in found["policy"]
    kept = suggested(capsys, "--policy", str(base), "--keep-bodies", log=log)
    assert kept["savings"] == []
    assert kept["bytes"] == kept["baseBytes"]


def test_a_stage_is_left_out_and_a_policy_in_flow_style_is_written_anew(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "audit.log"
    lines = gzip.decompress(LOG.read_bytes()).splitlines()[::4]
    early = [json.dumps(json.loads(line) | {"stage": "RequestReceived"}).encode() for line in lines]
    log.write_bytes(b"\n".join([*early, *lines]))
    for text in (HEAD + "rules: [{level: Metadata}]\n", json.dumps(json.loads('{"apiVersion": "audit.k8s.io/v1"}') | {
        "kind": "Policy", "rules": [{"level": "Metadata"}]})):  # fmt: skip
        base = tmp_path / "flow.yaml"
        base.write_text(text)
        found = suggested(capsys, "--policy", str(base), log=log)
        assert "stage" in [saving["change"] for saving in found["savings"]]
        policy = policy_of(found["policy"])
        assert policy.omit_stages == ("RequestReceived",)
        assert "# Saves " in found["policy"]


def test_what_drops_all_that_may_be_dropped_gets_no_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert suggested(capsys, "--policy", "forensics")["savings"] == []
    assert main(["policy", "suggest", "--policy", "forensics", "--log", str(LOG)]) == Exit.OK
    text = capsys.readouterr().out
    assert text.startswith("# Suggested by")
    assert "Nothing can be left out of forensics" in text


def test_a_log_that_cannot_be_read_is_no_success(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(b"\x00\x01\x02" * 100)
    assert main(["policy", "suggest", "--log", str(log)]) == Exit.FAILED


def test_who_says_the_same_of_the_smaller_log(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    policy = policy_of(suggested(capsys)["policy"])
    smaller = tmp_path / "audit.log"
    smaller.write_text("".join(json.dumps(event) + "\n" for event in written(policy)))
    for words in (
        "created pod/my-suspicious-pod -n default",
        "created pod/web-74d4766659-2xl27 -n shop",
        "deleted pod/web-7887448d46-gwxjj -n shop",
        "deleted pod/doomed -n lab",
        "read secret/db-pass -n shop",
        "changed deployment/web -n shop",
    ):
        said = []
        for log in (LOG, smaller):
            assert main(["who", *words.split(), "--log", str(log)]) == Exit.OK
            said.append(capsys.readouterr().out.splitlines()[0])
        assert said[0] == said[1]
