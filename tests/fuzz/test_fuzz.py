"""Each target for a moment, with the same inputs every time; `make fuzz` takes longer, with others."""

from __future__ import annotations

import random

import pytest
from fuzzer import Target, attempt, fuzz, inputs, keep, limited
from targets import FOUND, TARGETS

MOST, SECONDS = 400, 1.5


@pytest.mark.parametrize("name", TARGETS)
def test_what_nobody_wrote_is_read_or_refused(name: str) -> None:
    count, failures = fuzz(TARGETS[name], seed=1, seconds=SECONDS, most=MOST)
    assert count > 0
    assert not failures, "\n".join(map(keep, failures))


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_altered_can_be_read_as_it_is(name: str) -> None:
    target = TARGETS[name]
    target.run(target.seeds[0])


@pytest.mark.parametrize(("name", "data"), FOUND, ids=[f"{number}-{name}" for number, (name, _) in enumerate(FOUND)])
def test_what_was_found_once_stays_fixed(name: str, data: bytes) -> None:
    with limited():
        failure = attempt(TARGETS[name], data)
    assert failure is None, keep(failure)


def test_inputs_are_the_same_for_a_seed() -> None:
    target = TARGETS["manifest"]
    first, again, other = (inputs(target, seed) for seed in (1, 1, 2))
    some = [next(first) for _ in range(50)]
    assert some == [next(again) for _ in range(50)]
    assert some != [next(other) for _ in range(50)]


def test_a_failure_is_found_and_kept(tmp_path) -> None:
    def run(data: bytes) -> None:
        if b"9" * 5000 in data:
            raise OverflowError(data[:3])

    count, failures = fuzz(Target("broken", run, (b"port 22",)), seed=1, seconds=10, most=500)
    assert count == 500
    assert [f.place for f in failures] == ["OverflowError in a library"]
    assert "broken --input" in keep(failures[0], tmp_path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [failures[0].data]


def test_an_input_that_takes_too_long_or_too_much_is_a_failure(monkeypatch) -> None:
    def endless(_data: bytes) -> None:
        while random.random() < 2:
            pass

    def huge(_data: bytes) -> None:
        bytearray(1 << 31)

    monkeypatch.setattr("fuzzer.CPU_S", 0.2)
    _, slow = fuzz(Target("slow", endless, (b"",)), seed=1, seconds=10, most=1)
    _, large = fuzz(Target("large", huge, (b"",)), seed=1, seconds=10, most=1)
    assert [f.place.split()[0] for f in (*slow, *large)] == ["TooSlowError", "MemoryError"]
