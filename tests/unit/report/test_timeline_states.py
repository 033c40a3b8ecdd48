"""What an object was between its changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from logkit import event
from whokit import DECODER

from kaudit_setup.attribution.evidence.requests import Request, Source, request_of
from kaudit_setup.attribution.timeline.states import states

AGENTS = {"system:node:cp1": "kubelet/v1.36.2"}


def request(n: int, verb: str, *, below: str = "", code: int = 200, user: str = "alice") -> Request:
    reference: dict[str, Any] = {"resource": "pods", "namespace": "ns", "name": "p", "subresource": below}
    spelled = event(
        n,
        verb=verb,
        objectRef=reference,
        responseStatus={"code": code},
        user={"username": user},
        userAgent=AGENTS.get(user, "kubectl"),
    )
    return request_of(DECODER.decode(json.dumps(spelled).encode()), Source("cp1", "audit.log", n))


@pytest.mark.parametrize(
    ("requests", "found"),
    [
        ([request(1, "create", code=201), request(2, "patch"), request(3, "delete")], ["made 1-2", "changed 2-3"]),
        # deleted by a user, ended by the kubelet
        (
            [request(1, "create", code=201), request(2, "delete"), request(5, "delete", user="system:node:cp1")],
            ["made 1-2", "going 2-5"],
        ),
        # made again under the same name: in between there was none
        ([request(1, "create"), request(2, "delete"), request(5, "create")], ["made 1-2", "made 5-"]),
        # nothing of its beginning is in the log
        ([request(3, "patch")], ["before -3", "changed 3-"]),
        # nothing came of it, or it is only read and reported
        ([request(1, "create", code=409), request(2, "get"), request(3, "delete", code=403)], []),
        ([request(1, "create"), request(2, "patch", below="status", user="system:node:cp1")], ["made 1-"]),
    ],
)
def test_states_are_between_what_took_effect(requests: list[Request], found: list[str]) -> None:
    start = request(0, "get").at

    def second(at: float | None) -> str:
        return "" if at is None else f"{at - start:.0f}"

    assert [f"{one.how} {second(one.begin)}-{second(one.end)}" for one in states(requests)] == found
