"""The time for an answer grows with the log, not with its square."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from time import process_time
from typing import Any

import pytest
from eventkit import CONTROLLER, event
from whokit import Lines, answer, in_lines

REPLICAS = f"{CONTROLLER}replicaset-controller"


def bound(time: str, name: str) -> dict[str, Any]:
    return event(time, "system:kube-scheduler", "create", "pods", name, sub="binding", code=201)


def busy_namespace(minutes: int) -> Lines:
    """A ReplicaSet that is scaled, and a Pod that is made, every second; the last one meets the scheduler."""
    found = []
    for second in range(minutes * 60):
        at = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        scaler = f"{CONTROLLER}deployment-controller"
        found.append(event(f"{at}.000000", scaler, "update", "replicasets", "web-5d9c7b8f6d", group="apps"))
        found.append(event(f"{at}.100000", REPLICAS, "create", "pods", code=201))
    return in_lines([*found, bound(f"{at}.200000", "web-5d9c7b8f6d-bbcdf")])


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """What other tests left in memory is not gone through while something is timed."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collection")
def test_the_time_for_an_answer_grows_with_the_log_not_with_its_square() -> None:
    taken = []
    for minutes in (15, 60):
        tries = []
        for _ in range(2):
            log = busy_namespace(minutes)
            begun = process_time()
            found = answer(log, "created", "pod/web-5d9c7b8f6d-bbcdf", "default")
            tries.append(process_time() - begun)
            assert found.answer is not None
            assert found.answer.time.endswith(f":{minutes - 1:02}:59.100000Z")
        taken.append(min(tries))
    assert taken[1] < 8 * taken[0]
