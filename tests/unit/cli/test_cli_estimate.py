"""`estimate`: a log replayed through other policies."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from logkit import SCENARIO, answer, event, logged, write

from kaudit_setup.cli import main
from kaudit_setup.policy.evaluate import Compiled, evaluate
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import Attributes

POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: [system:kube-controller-manager]
- level: None
  nonResourceURLs: ["/healthz*", "/livez*", "/readyz*"]
- level: Metadata
  resources: [{group: "", resources: [secrets], resourceNames: [db-pass]}]
- level: None
  verbs: [watch]
- level: Request
  namespaces: [shop]
- level: Metadata
"""


def test_estimate_replays_each_event(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    policy = tmp_path / "mine.yaml"
    policy.write_text(POLICY)

    def kept(e: dict[str, Any]) -> bool:
        if e["stage"] == "RequestReceived" or e["user"].get("username") == "system:kube-controller-manager":
            return False
        ref = e.get("objectRef")
        if ref is None:
            return not e["requestURI"].startswith(("/healthz", "/livez", "/readyz")) and e["verb"] != "watch"
        return e["verb"] != "watch"

    got = answer(capfd, "estimate", policy, "--log", SCENARIO, "-o", "json")
    (mine,) = got["policies"]
    events = logged(SCENARIO)
    assert got["logged"]["events"] == len(events)
    assert mine["events"] == sum(map(kept, events))
    assert 0 < mine["unknownEvents"] < mine["events"], "Request in shop is more than was logged"
    assert 0 < mine["share"] < 1
    assert any("only events in this log are counted" in note for note in got["notes"])


def test_estimate_takes_bodies_off(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    body = {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"x": "y" * 2000}}
    full = event(1, verb="create", level="RequestResponse", requestObject=body, responseObject=body)
    path = write(tmp_path / "audit.log", full, event(301))
    names = {}
    for level in ("None", "Metadata", "Request", "RequestResponse"):
        names[level] = tmp_path / f"{level}.yaml"
        names[level].write_text(f"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{{level: {level}}}]\n")
    got = answer(
        capfd,
        "estimate",
        *names.values(),
        "--log",
        path,
        "-o",
        "json",
        "--log-maxsize",
        "1",
        "--log-maxbackup",
        "1",
        "--log-maxage",
        "0",
    )
    bare = event(1, verb="create", level="Metadata")
    request = event(1, verb="create", level="Request", requestObject=body)
    sizes = [p["bytes"] for p in got["policies"]]
    rest = len(json.dumps(event(301), separators=(",", ":"))) + 1

    def size(e: dict[str, Any], level: str) -> int:
        return len(json.dumps(e, separators=(",", ":"))) + 1 + rest + len(level) - len("Metadata")

    assert sizes == [0, size(bare, "Metadata"), size(request, "Request"), size(full, "RequestResponse")]
    assert [p["unknownEvents"] for p in got["policies"]] == [0, 0, 0, 1], (
        "the second event's response body is unknown"
    )
    assert [p["missingStages"] for p in got["policies"]] == [[], *[["RequestReceived"]] * 3]
    kept = [p["keptSeconds"] for p in got["policies"]]
    assert kept[0] is None
    assert kept[1] == pytest.approx(2 * (1 << 20) / sizes[1] * got["seconds"], rel=0.01)


def test_estimate_knows_that_a_name_in_the_body_comes_too_late(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n"
        "  resources: [{group: '', resources: [pods], resourceNames: [p]}]\n- level: Metadata\n"
    )
    path = write(tmp_path / "audit.log", event(1, verb="create"), event(2, verb="delete"))
    assert answer(capfd, "estimate", policy, "--log", path, "-o", "json")["policies"][0]["events"] == 1


TELLING = """apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: None
  verbs: [deletecollection]
- level: None
  resources: [{group: "", resources: [pods/log, "services/*"]}, {group: apps, resources: ["*/scale", deployments]}]
- level: Metadata
  resources: [{group: batch}]
- level: Request
  verbs: [create, made-up-7]
  resources: [{group: "*", resources: [secrets, widgets-3]}]
- level: None
  resources: [{group: made-up-2.io, resources: ["*"]}]
- level: Metadata
  verbs: [get, patch]
"""


def test_estimate_tells_apart_what_a_policy_does_and_nothing_else(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text(TELLING)
    loaded = load(TELLING.encode()).policy
    assert loaded
    groups = ["", "apps", "batch", *(f"made-up-{n}.io" for n in range(5))]
    kinds = ["pods", "services", "deployments", "secrets", *(f"widgets-{n}" for n in range(5))]
    verbs = ["get", "create", "patch", "watch", "deletecollection", *(f"made-up-{n}" for n in range(8))]
    asked = list(product(groups, kinds, ["", "log", "scale", "status", "odd"], verbs))
    path = write(
        tmp_path / "audit.log",
        *[
            event(verb=v, objectRef={"apiGroup": g, "resource": r, "subresource": s, "namespace": "ns", "name": "n"})
            for g, r, s, v in asked
        ],
    )
    said = [evaluate(loaded, Attributes("alice", ("dev",), v, g, r, s, "ns", "n", True, "")) for g, r, s, v in asked]
    questions: list[object] = []
    plain = Compiled.__call__
    monkeypatch.setattr(Compiled, "__call__", lambda self, a: questions.append(a) or plain(self, a))
    (got,) = answer(capfd, "estimate", policy, "--log", path, "-o", "json")["policies"]
    assert got["events"] == sum(one.level != "None" for one in said)
    raised = zip(said, asked, strict=True)
    assert got["unknownEvents"] == sum(one.level == "Request" and verb != "get" for one, (*_, verb) in raised)
    strange = [event(verb=f"v{n}", objectRef={"apiGroup": f"g{n}", "resource": f"r{n}"}) for n in range(500)]
    write(path, *strange, *[one | {"objectRef": one["objectRef"] | {"subresource": "x"}} for one in strange])
    questions.clear()
    assert answer(capfd, "estimate", policy, "--log", path, "-o", "json")["logged"]["events"] == 1000
    assert len(questions) == 2, "what no policy names is one class, whatever a stranger calls it"


def test_estimate_asks_how_many_requests_lack_a_stage(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n")
    log = write(tmp_path / "audit.log", *[event(n) for n in range(20)])
    for received, missing in ((0, True), (1, True), (10, True), (19, False), (20, False)):
        early = [event(n, stage="RequestReceived", responseStatus=None) for n in range(received)]
        write(log, *[event(n) for n in range(20)], *early)
        got = answer(capfd, "estimate", policy, "--log", log, "-o", "json")["policies"][0]["missingStages"]
        assert got == ["RequestReceived"] * missing, received
        assert ("at least" in answer(capfd, "estimate", policy, "--log", log)) == missing


@pytest.mark.parametrize(("version", "size"), [("1.20", 100), ("1.35", 100), ("1.36", 0)])
def test_estimate_knows_what_a_size_of_nothing_means(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, version: str, size: int
) -> None:
    log = write(tmp_path / "audit.log", event(1), event(100))
    args = ["estimate", "metadata", "--log", log, "-o", "json", "--kube-version", version]
    got = answer(capfd, *args, "--log-maxsize", "0")
    assert got["rotation"]["maxsize"] == size
    if size:
        assert got == answer(capfd, *args, "--log-maxsize", "100")
    else:
        assert got["logged"]["keptSeconds"] is None, "what is never rotated is never removed"


def test_estimate_refuses_what_kube_apiserver_refuses(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: metadata}]\n")
    assert main(["estimate", str(policy), "--log", str(SCENARIO)]) == 2
    err = capfd.readouterr().err
    assert "rules[0].level" in err
    (hint,) = [line for line in err.splitlines() if line.startswith("hint: ")]
    assert main(hint.partition("kaudit-setup ")[2].split()) == 1, "policy validate says what is wrong"
    assert "rules[0].level" in "".join(capfd.readouterr())


@pytest.mark.parametrize("version", ["1.19", "no"])
def test_estimate_speaks_for_the_versions_that_policy_speaks_for(
    capfd: pytest.CaptureFixture[str], version: str
) -> None:
    said = []
    for command in (["estimate", "metadata", "--log", str(SCENARIO)], ["policy", "validate", "metadata"]):
        assert main([*command, "--kube-version", version]) == 2
        said.append(capfd.readouterr())
    assert said[0] == said[1]
    assert version in said[0].err


def test_an_estimate_of_nothing_says_so(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", *[event(n) for n in range(100)])
    late = ["--since", "2026-11-24T00:00:00Z"]
    empty = tmp_path / "empty/audit.log"
    empty.parent.mkdir()
    empty.touch()
    for args, why in (
        (["--log", log, *late], "the log has no events in the requested time"),
        (["--log", empty], "the log has no events"),
    ):
        got = answer(capfd, "estimate", "metadata", *args, "-o", "json")
        assert got["notes"] == [why]
        assert [one["keptSeconds"] for one in (got["logged"], *got["policies"])] == [None, None]
        text = answer(capfd, "estimate", "metadata", *args)
        assert f"note: {why}\n" in text
        assert [row.split()[-1] for row in text.splitlines()[1:3]] == ["-", "-"]
        assert "can only show" not in text


def test_a_rate_of_no_time_is_not_made(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", event(1), event(1, auditID="id-2"))
    args = ["estimate", "metadata", "--log", log]
    text = answer(capfd, *args)
    assert [row.split()[-1] for row in text.splitlines()[1:3]] == ["-", "-"]
    assert "note: the events cover no time" in text
    assert answer(capfd, *args, "--log-maxbackup", "0", "-o", "json")["logged"]["keptSeconds"] == 720 * 3600
    assert "no limit" in answer(capfd, *args, "--log-maxbackup", "0", "--log-maxage", "0")
