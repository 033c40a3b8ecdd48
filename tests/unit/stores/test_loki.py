"""Loki's query_range: pages, limits, tenants, and answers that are half."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import quote

import pytest
from logkit import event
from shapekit import SAME
from storekit import FakeLoki, say

from kaudit_setup.cli import main
from kaudit_setup.errors import StoreError
from kaudit_setup.stores.address import parse
from kaudit_setup.stores.loki.api import Loki

LABELS = {"app": "kube-audit", "node": "cp1"}
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def line(n: int, at: datetime, **fields: object) -> tuple[int, dict[str, str], str]:
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    text = json.dumps(
        event(n, **{"requestReceivedTimestamp": stamp, "stageTimestamp": stamp, **fields}), separators=(",", ":")
    )
    return int(at.timestamp()) * 10**9 + n, LABELS, text


@pytest.fixture
def loki() -> Iterator[FakeLoki]:
    with FakeLoki().running() as running:
        yield running


def url(loki: FakeLoki) -> str:
    selector = quote('{app="kube-audit"}')
    return f"loki+http://127.0.0.1:{loki.port}/?query={selector}"


def api(loki: FakeLoki, waits: list[float] | None = None) -> Loki:
    found = Loki.at(parse(url(loki)))
    return Loki(found.server, found.path, (waits if waits is not None else []).append)


def run(capfd: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str, str]:
    code = main([str(arg) for arg in args])
    return (code, *capfd.readouterr())


def test_who_events_and_top(
    loki: FakeLoki, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOKI_ORG_ID", "team-a")
    monkeypatch.setenv("LOKI_USERNAME", "auditor")
    monkeypatch.setenv("LOKI_PASSWORD", "se cret")
    loki.lines = [line(n, NOW + timedelta(seconds=n), auditID=f"id-{n}") for n in range(2500)]
    made = {"resource": "pods", "namespace": "shop", "name": "db-0"}
    loki.lines.append(line(9000, NOW, verb="create", user={"username": "mallory"}, objectRef=made))
    code, out, err = run(capfd, "who", "created", "pod/db-0", "-n", "shop", "--log", url(loki))
    assert code == 0, err
    assert out.startswith("mallory created it")
    assert "cp1" in out
    assert all(found["X-Scope-OrgID"] == "team-a" for found in loki.headers)
    assert {found["Authorization"] for found in loki.headers} == {"Basic YXVkaXRvcjpzZSBjcmV0"}
    assert "se cret" not in out + err
    code, out, err = run(capfd, "top", "--by", "user", "-o", "json", "--log", url(loki))
    assert json.loads(out)["items"][0]["total"]["events"] == 2501, err
    code, out, err = run(capfd, "events", "--user", "mallory", "-o", "json", "--log", url(loki))
    assert [one["user"] for one in json.loads(out)["items"]] == ["mallory"]
    assert any("mallory" in asked.get("query", "") for asked in loki.asked)
    code, out, err = run(capfd, "stats", "-o", "json", "--log", url(loki))
    assert code == 0, err


def test_pages_meet_where_lines_have_one_moment(loki: FakeLoki) -> None:
    at = 10**18
    # more than a page in one nanosecond, and pages that end within a moment
    loki.lines = [(at + n // 700, LABELS, f"line {n}") for n in range(3000)]
    loki.lines += [(at + 100, LABELS, f"crowd {n}") for n in range(1500)]
    found = [entry.text for entry in api(loki).lines("{}", at - 1, at + 1000)]
    assert sorted(found) == sorted(text for _, _, text in loki.lines)
    assert len(found) == 4500
    assert all(asked["direction"] == "forward" for asked in loki.asked)


def test_a_moment_with_more_than_loki_gives_is_no_whole_answer(loki: FakeLoki) -> None:
    loki.lines = [(10**18, LABELS, f"line {n}") for n in range(6000)]
    with pytest.raises(StoreError, match="more than 5000 lines of one moment"):
        list(api(loki).lines("{}", 10**18, 10**18 + 10))


def test_a_busy_loki_is_asked_again(loki: FakeLoki) -> None:
    loki.lines = [(10**18, LABELS, "line")]
    waits: list[float] = []
    loki.trouble = [
        lambda handler: say(handler, 429, "too many outstanding requests", Retry_After="7"),
        lambda handler: say(handler, 503, "ring is not ready"),
    ]
    assert [entry.text for entry in api(loki, waits).lines("{}", 10**18, 10**18 + 10)] == ["line"]
    assert waits == [7.0, 2.0]


def _half(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"status":"success","data":{"resultType":"streams","result":[')
    handler.close_connection = True


TROUBLE = {
    "cut short": _half,
    "gave an answer that is not one": lambda handler: say(handler, 200, "<html>login</html>"),
    "gave half an answer": lambda handler: say(
        handler, 200, '{"status":"success","warnings":["partial"],"data":{"resultType":"streams","result":[]}}'
    ),
    "gave no lines, but matrix": lambda handler: say(
        handler, 200, '{"status":"success","data":{"resultType":"matrix","result":[]}}'
    ),
    "answers 401": lambda handler: say(handler, 401, "no org id"),
    "answers 400": lambda handler: say(handler, 400, "parse error \x1b[31m"),
}


@pytest.mark.parametrize("said", TROUBLE)
@pytest.mark.parametrize(
    "question", [["events"], ["who", "created", "pod/p"], ["top", "--by", "user"]], ids=lambda q: q[0]
)
def test_no_half_answer_passes_for_a_whole_one(
    said: str, question: list[str], loki: FakeLoki, capfd: pytest.CaptureFixture[str]
) -> None:
    loki.trouble = [TROUBLE[said]] * 9
    code, out, err = run(capfd, *question, "--log", url(loki))
    assert code == 1
    assert said in err.replace("\n", " ")
    assert "Nobody" not in out
    assert "\x1b" not in out + err


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("loki+http://logs.example.com/?query={a}", "write https"),
        ("loki+https://user:pa55@logs.example.com/?query={a}", "no user or password belongs into an address"),
        ("loki+https://logs.example.com/", "no query is given"),
        ("loki+https://logs.example.com/?query=sum(x)", "does not select streams"),
        ("clickhouse+http://db.example.com/a.b", "write https"),
        ("clickhouse+https://db.example.com/a", "database and table are missing"),
        ("clickhouse+https://db.example.com/a.b;DROP", "database and table are missing"),
        ("s3://B/x", "is not the name of a bucket"),
        ("ftp://x/y", "unknown kind of store"),
    ],
)
def test_addresses_that_cannot_be_meant(address: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capfd, "events", "--log", address)
    assert code == 2
    assert said in err.replace("\n", " ")
    assert "pa55" not in err


def test_a_query_is_sent_as_it_was_typed(loki: FakeLoki, capfd: pytest.CaptureFixture[str]) -> None:
    loki.lines = [line(1, NOW)]
    for typed in ('{app=~"kube.+"}', '{app="kube-audit"} != "a#b&c"', '{app="kube-audit"} |~ "100%"'):
        loki.asked.clear()
        run(capfd, "events", "--log", f"loki+http://127.0.0.1:{loki.port}/?query={typed}")
        rest = typed.partition("}")[2]
        queries = [asked["query"] for asked in loki.asked if "query" in asked]
        assert queries
        assert all(query.startswith(typed[:-1] if not rest else "{") and rest in query for query in queries)
    encoded = "%7Bapp%3D%22kube-audit%22%7D+%7C%3D+%22mallory%22"
    loki.asked.clear()
    run(capfd, "events", "--log", f"loki+http://127.0.0.1:{loki.port}/?query={encoded}")
    queries = [asked["query"] for asked in loki.asked if "query" in asked]
    assert queries[-1].startswith('{app="kube-audit"} |= "mallory"')


@pytest.mark.parametrize("limit", [{"most": 70}, {"longest": 5 * 3600 * 10**9}, {"largest": 30_000}], ids=str)
def test_a_loki_that_allows_less_is_asked_for_less(
    limit: dict[str, int], loki: FakeLoki, capfd: pytest.CaptureFixture[str]
) -> None:
    loki.lines = [line(n, NOW - timedelta(minutes=n), auditID=f"id-{n}") for n in range(300)]
    for name, value in limit.items():
        setattr(loki, name, value)
    code, out, err = run(capfd, "top", "--by", "verb", "-o", "json", "--since", "2d", "--log", url(loki))
    assert code == 0, err
    assert json.loads(out)["items"][0]["total"]["events"] == 300


def test_a_line_that_is_larger_than_loki_sends_is_no_whole_answer(loki: FakeLoki) -> None:
    loki.lines = [(10**18, LABELS, "line"), (10**18 + 1, LABELS, "x" * 9000)]
    loki.largest = 5000
    with pytest.raises(StoreError, match="larger than max"):
        list(api(loki).lines("{}", 10**18, 10**18 + 10))


DELETED = {"verb": "delete", "user": {"username": "mallory"}}
SHAPES = [name for name in SAME if name not in {"journald export", "docker in parts", "filter-log-events"}]
"""Not those of documents that nobody sends line by line, nor parts smaller than Docker's."""


@pytest.mark.parametrize("shape", SHAPES)
def test_lines_of_every_shape_are_read(shape: str, loki: FakeLoki, capfd: pytest.CaptureFixture[str]) -> None:
    made = {"resource": "pods", "namespace": "shop", "name": "db-0"}
    events = [line(n, NOW + timedelta(seconds=n), auditID=f"id-{n}") for n in range(20)]
    events.append(line(30, NOW + timedelta(seconds=30), objectRef=made, **DELETED))
    for at, labels, text in events:
        written = SAME[shape]([text.encode()]).decode().splitlines()
        loki.lines += [(at + n, labels, one) for n, one in enumerate(written)]
    _, out, err = run(capfd, "who", "deleted", "pod/db-0", "-n", "shop", "--log", url(loki))
    assert out.startswith("mallory deleted it"), err
    moments = [at for at, _, text in loki.lines if at >= events[-1][0]]
    assert any(f"{{app=kube-audit, node=cp1}}:{at}" in out for at in moments)
    _, out, err = run(capfd, "events", "--user", "mallory", "-o", "json", "--log", url(loki))
    assert [one["user"] for one in json.loads(out)["items"]] == ["mallory"], err
    _, out, err = run(capfd, "top", "--by", "user", "--user", "mallory", "-o", "json", "--log", url(loki))
    assert json.loads(out)["items"][0]["total"]["events"] == 1, err


@pytest.mark.parametrize("labelled", ["streams", "lines"])
def test_no_node_seems_silent_that_is_not(labelled: str, loki: FakeLoki, capfd: pytest.CaptureFixture[str]) -> None:
    """The first line of all is of one node and the last of another."""
    for n in range(200):
        at, _, text = line(n, NOW + timedelta(minutes=n - 200))
        node = {"node": f"cp{n % 2 + 1}"}
        own = {"trace": str(n)}
        loki.lines.append(
            (at, {"app": "kube-audit", **node}, text, own)
            if labelled == "streams"
            else (at, {"app": "kube-audit"}, text, {**own, **node})
        )
    code, out, _ = run(capfd, "who", "deleted", "pod/none", "-n", "shop", "--log", url(loki))
    assert code == 1
    assert "are not in this log" not in out
    assert "clock went back" not in out
    assert "1 file" in out
    assert "2 files" not in out


def test_streams_without_a_line_are_no_empty_log(loki: FakeLoki, capfd: pytest.CaptureFixture[str]) -> None:
    for question in (["who", "deleted", "pod/x"], ["events"], ["top", "--by", "user"], ["stats"]):
        code, out, err = run(capfd, *question, "--log", url(loki))
        assert code == 1
        assert not out
        assert "Loki has no line that the query selects" in err


def _of_cluster(n: int, cluster: str, user: str, **labels: str) -> tuple[int, dict[str, str], str]:
    made = {"resource": "pods", "namespace": "shop", "name": "db-0"}
    at, _, text = line(n, NOW, verb="create", user={"username": user}, objectRef=made)
    return at, {**LABELS, "cluster": cluster, **labels}, text


def test_clusters_in_one_loki_are_told_apart_by_label(loki: FakeLoki, capfd: pytest.CaptureFixture[str]) -> None:
    """Nodes of two clusters may have one name, as may their Pods."""
    loki.lines = [
        _of_cluster(1, "prod", "alice"),
        _of_cluster(2, "test", "bob"),
        _of_cluster(3, "test", "x", node="n2"),
    ]
    code, out, err = run(capfd, "who", "created", "pod/db-0", "-n", "shop", "-o", "json", "--log", url(loki))
    assert code == 0, err
    answers = {one["cluster"]: one["answer"]["user"] for one in json.loads(out)["items"]}
    assert answers == {"prod": "alice", "test": "x"}
    code, out, err = run(capfd, "top", "--by", "cluster,user", "-o", "csv", "--log", url(loki))
    assert "alice,prod,1" in out
    assert "bob,test,1" in out
    named = f"here={url(loki)}"
    code, out, err = run(capfd, "events", "-o", "json", "--cluster", named)
    assert {one["cluster"] for one in json.loads(out)["items"]} == {"here"}, err


def test_clusters_that_only_the_lines_name_are_refused(loki: FakeLoki, capfd: pytest.CaptureFixture[str]) -> None:
    """Structured metadata of OpenTelemetry: no stream has it, so that nobody knows beforehand."""
    made = [line(n, NOW, verb="create") for n in (1, 2)]
    loki.lines = [
        (at, {**labels, "pod": str(n)}, text, {"k8s_cluster_name": name})
        for n, ((at, labels, text), name) in enumerate(zip(made, ("prod", "test"), strict=True))
    ]
    code, out, err = run(capfd, "who", "created", "pod/p", "-n", "ns", "--log", url(loki))
    assert code == 1
    assert not out
    assert "the query selects lines of the clusters prod and test" in err
    assert '| k8s_cluster_name="test"' in err


def test_a_slip_is_told_of_a_store(loki: FakeLoki, capfd: pytest.CaptureFixture[str]) -> None:
    loki.lines = [_of_cluster(1, "prod", "alice")]
    for line, meant in (("pod/db0 -n shop", "db-0"), ("pod/db-0 -n shpo", "shop")):
        code, out, err = run(capfd, "who", "created", *line.split(), "--log", url(loki))
        assert code == 1, err
        assert f"did you mean {meant}?" in " ".join(out.split())
