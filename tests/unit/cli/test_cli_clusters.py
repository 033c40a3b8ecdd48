"""Logs of several clusters: each is answered by itself, none is mixed with another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from logkit import answer, event, moment, write

from kaudit_setup.cli import main

CREATED = {"verb": "create", "requestURI": "/api/v1/namespaces/default/pods", "responseStatus": {"code": 201}}
ACCOUNT = "system:serviceaccount:kube-system:replicaset-controller"


def created(n: int, user: str, name: str = "samename", **more: Any) -> dict[str, Any]:
    ref = {"resource": "pods", "namespace": "default", "name": name, "apiVersion": "v1"}
    return event(n, **CREATED, objectRef=ref, user={"username": user, "groups": ["dev"]}, **more)


def by(n: int, account: str, uid: str) -> dict[str, Any]:
    user = {"username": f"system:serviceaccount:kube-system:{account}", "uid": uid, "groups": []}
    return event(n, auditID=f"{uid}-{n}", user=user)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    write(tmp_path / "prod/cp1/audit.log", created(1, "alice"), event(100))
    write(tmp_path / "prod/cp2/audit.log", event(2), event(101))
    write(tmp_path / "test/cp1/audit.log", created(50, "mallory"), event(102))
    return tmp_path


def answers(capfd: pytest.CaptureFixture[str], *args: str | Path) -> list[dict[str, Any]]:
    """Of each cluster."""
    assert main([*map(str, args), "-o", "json"]) == 0
    items: list[dict[str, Any]] = json.loads(capfd.readouterr().out)["items"]
    return items


def named(logs: Path, *names: str) -> list[str]:
    return [word for name in names or ("prod", "test") for word in ("--cluster", f"{name}={logs / name}")]


def test_each_cluster_has_its_own_answer(logs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = answers(capfd, "who", "created", "pod/samename", *named(logs))
    assert [(one["cluster"], one["root"]["user"], one["confidence"]) for one in found] == [
        ("prod", "alice", "certain"),
        ("test", "mallory", "certain"),
    ]
    assert [len(one["coverage"]) for one in found] == [2, 1]
    assert {cover["cluster"] for cover in found[1]["coverage"]} == {"test"}
    text = answer(capfd, "who", "created", "pod/samename", *named(logs))
    assert text.index("Cluster prod\nalice created it") < text.index("Cluster test\nmallory created it")


def test_one_cluster_that_knows_nothing_of_it_says_so(logs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(logs / "prod/cp1/audit.log", event(1), event(100))
    text = answer(capfd, "who", "created", "pod/samename", *named(logs))
    assert "Cluster prod\nNo successful create of pod default/samename found" in text
    assert main(["who", "created", "pod/other", *named(logs)]) == 1


def test_one_named_cluster_alone(logs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (found,) = answers(capfd, "who", "created", "pod/samename", *named(logs, "prod"))
    assert (found["cluster"], found["root"]["user"]) == ("prod", "alice")
    assert answer(capfd, "who", "created", "pod/samename", *named(logs, "prod")).startswith("alice created it")


def test_many_objects_and_users_are_listed_by_cluster(logs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    many = answers(capfd, "who", "created", "pods", "-A", *named(logs))
    assert [one["cluster"] for one in many] == ["prod", "test"]
    did = answer(capfd, "who", "touched", "--user", "mallory", *named(logs))
    assert "Cluster prod\nNo request by mallory found in this log" in did


def test_events_have_a_column_of_clusters(logs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    table = answer(capfd, "events", "--name", "samename", *named(logs))
    assert [line.split()[0] for line in table.splitlines()] == ["CLUSTER", "prod", "test"]
    found = answer(capfd, "events", "-o", "json", *named(logs))
    assert [one["cluster"] for one in found] == ["prod", "prod", "test", "prod", "prod", "test"]
    assert set(found[0]["source"]) == {"node", "file", "line"}
    assert "CLUSTER" not in answer(capfd, "events", *named(logs, "prod"))


def test_the_same_request_in_two_clusters_is_two(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("prod", "test"):
        write(tmp_path / name / "cp1/audit.log", event(1))
    assert len(answer(capfd, "events", "-o", "json", *named(tmp_path))) == 2


def test_top_counts_by_cluster(logs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "top", "--by", "cluster,node", "-o", "json", *named(logs))
    assert {(row["cluster"], row["node"]): row["events"] for row in found["rows"]} == {
        ("prod", "cp1"): 2,
        ("prod", "cp2"): 2,
        ("test", "cp1"): 2,
    }
    assert [(one["cluster"], one["node"]) for one in found["coverage"]] == [
        ("prod", "cp1"),
        ("prod", "cp2"),
        ("test", "cp1"),
    ]


def test_a_name_takes_several_paths_and_globs(logs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    paths = ["--cluster", f"prod={logs}/prod/cp1", "--cluster", f"prod={logs}/prod/cp2/*.log"]
    assert len(answer(capfd, "events", "-o", "json", *paths)) == 4


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--cluster", "prod"], "is not NAME=PATH"),
        (["--cluster", "=x"], "is not NAME=PATH"),
        (["--cluster", "prod="], "is not NAME=PATH"),
        (["--cluster", "a={0}/prod", "--cluster", "b={0}/prod/cp1"], "is in cluster a and in cluster b"),
        (["--cluster", "a={0}/prod", "--log", "{0}/test"], "--cluster excludes --log"),
        (["--cluster", "a={0}/prod", "--host", "cp1"], "--cluster excludes --host"),
    ],
)
@pytest.mark.parametrize("command", [["who", "created", "pod/x"], ["events"], ["top", "--by", "user"]])
def test_wrong_usage(
    logs: Path, capfd: pytest.CaptureFixture[str], command: list[str], args: list[str], said: str
) -> None:
    assert main([*command, *(arg.format(logs) for arg in args)]) == 2
    assert said in capfd.readouterr().err


QUESTIONS = [["who", "created", "pod/samename"], ["events"], ["top", "--by", "user"]]


@pytest.mark.parametrize("command", QUESTIONS)
def test_logs_of_evidently_two_clusters_are_not_mixed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: list[str]
) -> None:
    for n, name in enumerate(("a", "b")):
        first, last = (
            by(n, "replicaset-controller", f"uid-{name}"),
            by(90 + n, "replicaset-controller", f"uid-{name}"),
        )
        write(tmp_path / name / "audit.log", first, created(50, name), last)
    assert main([*command, "--log", str(tmp_path)]) == 2
    said = capfd.readouterr().err
    assert "are logs of different clusters" in said
    assert f"--cluster one={tmp_path}/a/audit.log --cluster two={tmp_path}/b/audit.log" in said
    assert main([*command, "--cluster", f"a={tmp_path}/a", "--cluster", f"b={tmp_path}/b"]) == 0


def updated(n: int, uid: str) -> dict[str, Any]:
    ref = {"resource": "leases", "namespace": "kube-system", "name": "kube-scheduler", "uid": uid}
    return event(n, auditID=f"{uid}-{n}", verb="update", objectRef=ref)


def space(n: int, uid: str) -> dict[str, Any]:
    ref = {"resource": "namespaces", "namespace": "kube-system", "name": "kube-system"}
    whole = {"kind": "Namespace", "metadata": {"name": "kube-system", "uid": uid}}
    return event(n, auditID=f"{uid}-{n}", objectRef=ref, responseObject=whole)


@pytest.mark.parametrize(
    "events",
    [
        # at the same time
        lambda uid, n: [updated(n, uid), updated(90 + n, uid)],
        # what cannot be made again
        lambda uid, n: [space(n * 5000, uid)],
        # several things, whenever
        lambda uid, n: [by(n * 5000, one, f"{one}-{uid}") for one in ("job-controller", "replicaset-controller")],
    ],
)
def test_signs_of_two_clusters(tmp_path: Path, capfd: pytest.CaptureFixture[str], events: Any) -> None:
    for n, name in enumerate(("a", "b")):
        write(tmp_path / name / "audit.log", *events(f"uid-{name}", n))
    assert main(["events", "--log", str(tmp_path)]) == 2
    assert "are logs of different clusters" in capfd.readouterr().err


@pytest.mark.parametrize(
    "events",
    [
        # an account that was made again, while the log of one server ends before that
        lambda n: [by(n * 5000, "replicaset-controller", f"uid-{n}")],
        # what a client wrote into the body, the impersonated user, an update that was refused
        lambda n: [event(m, requestObject={"user": {"username": ACCOUNT, "uid": f"u-{n}"}}) for m in (n, 90 + n)],
        lambda n: [event(m, impersonatedUser={"username": ACCOUNT, "uid": f"u-{n}"}) for m in (n, 90 + n)],
        lambda n: [{**updated(m, f"u-{n}"), "responseStatus": {"code": 409}} for m in (n, 90 + n)],
        # both servers also know the same lease
        lambda n: [by(m, "job-controller", f"u-{n}") for m in (n, 90 + n)] + [updated(91 + n, "same")],
    ],
)
def test_one_cluster_is_not_taken_for_two(tmp_path: Path, capfd: pytest.CaptureFixture[str], events: Any) -> None:
    for n, name in enumerate(("cp1", "cp2")):
        write(tmp_path / name / "audit.log", *events(n))
    assert main(["events", "--log", str(tmp_path)]) == 0, capfd.readouterr().err


def test_rotated_files_of_three_servers_are_one_cluster(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for n in range(3):
        folder = tmp_path / f"cp{n}"
        for part, name in enumerate(("audit-2026-11-23T16-10-00.000.log", "audit.log")):
            lines = [by(part * 600 + m + n, "replicaset-controller", "same") for m in range(0, 60, 10)]
            write(folder / name, *lines, event(part * 600 + 70 + n, auditID=f"{n}-{part}"))
    found = json.loads(json.dumps(answer(capfd, "events", "-o", "json", "--log", tmp_path)))
    assert len(found) == 42
    assert "cluster" not in found[0]
    assert moment(0) == found[0]["time"]
