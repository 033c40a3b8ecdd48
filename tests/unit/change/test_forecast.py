"""What a log will take a day, foretold from a real server's own counts and compared with what it wrote."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path

import pytest

from kaudit_setup.change.forecast import expected_growth
from kaudit_setup.change.forecast.sizes import SIZES
from kaudit_setup.errors import NodeError
from kaudit_setup.model import KubeVersion
from kaudit_setup.node import requests as asking
from kaudit_setup.node.frames import frames
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.peers import Address
from kaudit_setup.node.requests import RequestCount, RequestsSeen, ask_requests, parse
from kaudit_setup.node.shell import script
from kaudit_setup.policy.load import load
from kaudit_setup.policy.model import Policy

DATA = Path(__file__).parents[2] / "data"
METRICS = gzip.decompress((DATA / "metrics/kube-apiserver-1.20.2.prom.gz").read_bytes())
LOGGED, EVENTS, MOMENT = 1_358_940, 1_471, 1_796_036_373
"""What that server had written at Metadata when it said its metrics."""
V = KubeVersion(1, 20)


def policy(text: str) -> Policy:
    found = load(f"apiVersion: audit.k8s.io/v1\nkind: Policy\n{text}".encode(), V).policy
    assert found
    return found


METADATA = policy("omitStages: [RequestReceived]\nrules: [{level: Metadata}]")


def summed(tmp_path: Path, metrics: bytes, code: str = "200") -> list[tuple[str, bytes]]:
    """What requests.sh makes of that answer of the server."""
    answer = tmp_path / "answer"
    answer.write_bytes(metrics)
    ask = f'ANSWER="{answer}"\nask() {{ CODE={code}; }}'
    return list(frames(LocalNode(tmp_path).sh("\n".join([script("lib"), ask, script("requests")])).out))


def counted(tmp_path: Path, metrics: bytes = METRICS) -> RequestsSeen:
    found = [(key, b"%d" % MOMENT if key == "time" else value) for key, value in summed(tmp_path, metrics)]
    return parse(found)


def test_the_forecast_from_metrics_is_what_the_server_logged(tmp_path: Path) -> None:
    seen = counted(tmp_path)
    growth = expected_growth(METADATA, V, seen)
    assert growth.size * seen.seconds == pytest.approx(LOGGED, rel=0.1)
    assert growth.events * seen.seconds == pytest.approx(EVENTS, rel=0.01)
    assert growth.most == pytest.approx(growth.size)
    assert growth.levels == {"Metadata": pytest.approx(1)}


def test_only_sums_leave_the_node(tmp_path: Path) -> None:
    assert sum(len(value) for _, value in summed(tmp_path, METRICS)) < len(METRICS) / 10


@pytest.mark.parametrize(
    ("rules", "share_of_size"),
    [
        ("rules: [{level: None}]", 0),
        ("rules: [{level: None, resources: [{group: coordination.k8s.io}]}, {level: Metadata}]", 0.8),
        ("rules: [{level: Metadata, verbs: [create, update, patch, delete]}]", 0.35),
    ],
)
def test_what_a_policy_leaves_out_is_not_counted(tmp_path: Path, rules: str, share_of_size: float) -> None:
    seen = counted(tmp_path)
    whole = expected_growth(METADATA, V, seen).size
    part = expected_growth(policy(f"omitStages: [RequestReceived]\n{rules}"), V, seen)
    assert part.size / whole == pytest.approx(share_of_size, abs=0.06)


def test_bodies_weigh(tmp_path: Path) -> None:
    seen = counted(tmp_path)
    sizes = [
        expected_growth(policy(f"rules: [{{level: {level}}}]"), V, seen).size
        for level in ("Metadata", "Request", "RequestResponse")
    ]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3


def test_a_policy_that_asks_who_sends_gives_a_span(tmp_path: Path) -> None:
    nodes = policy('rules: [{level: None, userGroups: ["system:nodes"]}, {level: Metadata}]')
    growth = expected_growth(nodes, V, counted(tmp_path))
    assert 0 < growth.size < growth.most


def test_a_list_that_answers_much_weighs_what_the_server_measured() -> None:
    def growth(answered: int) -> float:
        listed = RequestCount(10, answered * 10, "LIST", "", "pods", "", "cluster")
        return expected_growth(policy("rules: [{level: RequestResponse}]"), V, RequestsSeen(10.0, (listed,))).size

    assert growth(1_000_000) - growth(10_000) == pytest.approx(990_000)


@pytest.mark.parametrize(
    ("metrics", "code"),
    [(b"", "200"), (b"# nothing\n", "200"), (METRICS, "403"), (METRICS, "none"), (METRICS, "000")],
)
def test_what_is_not_known_is_said(tmp_path: Path, metrics: bytes, code: str) -> None:
    try:
        seen = parse(summed(tmp_path, metrics, code))
    except NodeError as error:
        seen = RequestsSeen(why=error.message)
    assert seen.why
    assert expected_growth(METADATA, V, seen).why == seen.why


def test_a_server_that_started_within_this_second_has_a_rate() -> None:
    """The node's clock is asked for whole seconds."""
    frames = {
        "code": b"200",
        "time": b"1700000000",
        "start": b"1.70000000075e9",
        "requests": b"3\t0\tGET\t\tpods\t\t\n",
    }
    seen = parse(list(frames.items()))
    assert 0 < seen.seconds < 1
    assert not seen.why


def test_a_node_that_says_nonsense_raises_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "script", lambda name: "echo nonsense" if name == "requests" else "")
    assert ask_requests(LocalNode(tmp_path), Address("127.0.0.1", 6443)).why


@pytest.mark.parametrize(
    "line",
    [
        b'apiserver_request_total{code="200",resource="po\\"ds,verb=\\"x",verb="GET"} 3\n',
        b'apiserver_request_total{verb="GET",resource="$(touch owned)"} 1e400\n',
        b"apiserver_request_total{} nan\n",
    ],
)
def test_labels_are_only_text(tmp_path: Path, line: bytes) -> None:
    summed(tmp_path, b"process_start_time_seconds 1e9\n" + line)
    assert not (tmp_path / "owned").exists()


def test_the_table_of_sizes_is_what_real_servers_wrote() -> None:
    """Means of every log of tests/data, RequestResponse for the bodies; bodies vary, heads do not."""
    heads, requests, responses = defaultdict[str, list[int]](list), dict[str, list[int]](), dict[str, list[int]]()
    for file in [*DATA.glob("scenarios/*.jsonl.gz"), DATA / "logs/scenario-1.36.2-metadata/audit.log.gz"]:
        for line in gzip.decompress(file.read_bytes()).splitlines(keepends=True):
            event = json.loads(line)
            if event.get("stage") != "ResponseComplete" or "objectRef" not in event:
                continue
            bodies = [len(json.dumps(event[key], separators=(",", ":"))) + len(key) + 4 if key in event else 0
                      for key in ("requestObject", "responseObject")]  # fmt: skip
            heads[event["verb"]].append(len(line) - sum(bodies))
            if event["level"] == "RequestResponse":
                requests.setdefault(event["verb"], []).append(bodies[0])
                responses.setdefault(event["verb"], []).append(bodies[1])

    def mean(found: list[int]) -> float:
        return sum(found) / len(found)

    for verb, size in SIZES.items():
        assert size.head == pytest.approx(mean(heads[verb]), rel=0.15), verb
        assert size.request == pytest.approx(mean(requests[verb]), rel=0.4, abs=60), verb
        assert size.response == pytest.approx(mean(responses[verb]), rel=0.5), verb
