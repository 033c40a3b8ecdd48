"""Logs of nodes that are followed with a filter: what cannot fit stays there, and nothing that fits is lost."""

from __future__ import annotations

import gzip
import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from logkit import event, write
from shapekit import SAME, Writer, cri, docker, legacy

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.filters import Filter, make_filter
from kaudit_setup.auditlog.follow.polling import RemoteTail
from kaudit_setup.auditlog.follow.stream import Batch, Followed, Following, Pace
from kaudit_setup.auditlog.query import Row
from kaudit_setup.auditlog.record import record_of
from kaudit_setup.auditlog.sources.log_node import LogNode
from kaudit_setup.auditlog.timestamps import ALWAYS, Window
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.shell import script
from kaudit_setup.runner import Ran

SCRIPT = script("lib") + script("logs")
ALICE = make_filter({"user": ["alice"]}, ALWAYS)


class Counted:
    """A node, and how many bytes have come from it."""

    def __init__(self, root: Path) -> None:
        self._node = LocalNode(root)
        self.name = "cp1"
        self.moved = 0

    def sh(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sink: Callable[[bytes], None] | None = None,
        timeout: float | None = None,
    ) -> Ran:
        def take(data: bytes) -> None:
            self.moved += len(data)
            if sink is not None:
                sink(data)

        return self._node.sh(script, args, stdin=stdin, sink=take, timeout=timeout)


class Gated(RemoteTail):
    """A log that is looked at only when the test says so."""

    gate = threading.Semaphore(0)

    def files(self) -> Sequence[LogFile]:
        self.gate.acquire()
        return RemoteTail.files(self)


def line(n: int, user: str) -> bytes:
    noise = "".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=900))
    one: dict[str, Any] = {**event(n, user={"username": user}), "userAgent": noise}
    head = {"kind": "Event", "apiVersion": "audit.k8s.io/v1"}
    return json.dumps({**head, **one}, separators=(",", ":")).encode()


def lines(begin: int, end: int) -> list[bytes]:
    return [line(n, "alice" if n % 50 == 7 else "bob") for n in range(begin, end)]


@contextmanager
def followed(root: Path, wanted: Filter = ALICE, tool: str = SCRIPT) -> Iterator[tuple[Iterator[Row], Counted]]:
    node = Counted(root)
    Gated.gate = threading.Semaphore(1)
    tail = Gated(LogNode(node, tool), ["/srv/audit.log", "/srv/audit-*"], "", wanted)
    with Following([tail], Followed(wanted, pace=Pace(0.01, 0.02))) as following:
        late = threading.Timer(60, following.__exit__, (None, None, None))
        late.start()
        yield rows(following.batches()), node
        late.cancel()


def rows(batches: Iterator[Batch]) -> Iterator[Row]:
    for batch in batches:
        assert not batch.trouble
        yield from batch.rows


def ids(found: Iterator[Row], count: int) -> list[str]:
    return [record_of(row.body).audit_id for row in islice(found, count)]


def add(log: Path, data: bytes) -> None:
    with log.open("ab") as out:
        out.write(data)


SHAPES: dict[str, Writer] = {
    "JSON lines": SAME["JSON lines"],
    "CRI": cri,
    "CRI in parts": lambda some: cri(some, 300),
    "docker": docker,
    "docker in parts": lambda some: docker(some, 300),
    "legacy in CRI": lambda some: cri(legacy(some).splitlines(), 300),
    "Vector": SAME["Vector"],
    "RFC 3164": SAME["RFC 3164"],
    "Fluent Bit, parsed": SAME["Fluent Bit, parsed"],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_cannot_fit_does_not_travel(tmp_path: Path, shape: str) -> None:
    log = write(tmp_path / "srv/audit.log")
    add(log, SHAPES[shape](lines(0, 20)))
    with followed(tmp_path) as (found, node):
        add(log, SHAPES[shape](lines(20, 100)))  # where the shape is not known to the script, these come
        Gated.gate.release(2)
        assert ids(found, 1) == ["id-57"]
        before = node.moved
        data = SHAPES[shape](lines(100, 500))
        add(log, data)
        Gated.gate.release(2)
        assert ids(found, 8) == [f"id-{n}" for n in range(107, 500, 50)]
        assert node.moved - before < len(gzip.compress(data)) / 10


@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - {"legacy in CRI"}))
def test_names_with_escaped_letters_are_found(tmp_path: Path, shape: str) -> None:
    log = write(tmp_path / "srv/audit.log")
    with followed(tmp_path) as (found, _):
        escaped = [one.replace(b'"alice"', rb'"\u0061l\u0069ce"') for one in lines(0, 100)]
        add(log, SHAPES[shape](escaped))
        Gated.gate.release(2)
        assert ids(found, 2) == ["id-7", "id-57"]


@pytest.mark.parametrize("writer", [lambda some: cri(some, 300), lambda some: docker(some, 300)])
def test_the_parts_of_an_event_may_come_in_two_looks(tmp_path: Path, writer: Writer) -> None:
    log = write(tmp_path / "srv/audit.log")
    add(log, writer(lines(0, 10)))
    data = writer(lines(10, 60))
    with followed(tmp_path) as (found, _):
        for at in range(0, len(data), 20_011):
            add(log, data[at : at + 20_011])
            Gated.gate.release(2)
        add(log, writer(lines(60, 110)))
        Gated.gate.release(3)
        assert ids(found, 2) == ["id-57", "id-107"]


def test_rotation_and_packing_lose_nothing(tmp_path: Path) -> None:
    log = write(tmp_path / "srv/audit.log")
    with followed(tmp_path) as (found, node):
        add(log, b"".join(one + b"\n" for one in lines(0, 300)))
        old = log.with_name("audit-2026-11-23T16-00-01.000.log.gz")
        old.write_bytes(gzip.compress(log.read_bytes()))
        log.unlink()
        add(log, b"".join(one + b"\n" for one in lines(300, 310)))
        Gated.gate.release(2)
        assert ids(found, 7) == [f"id-{n}" for n in range(7, 310, 50)]
        assert node.moved < 10_000


def test_lines_keep_their_numbers(tmp_path: Path) -> None:
    log = write(tmp_path / "srv/audit.log")
    add(log, b"".join(one + b"\n" for one in lines(0, 100)))
    wanted = make_filter({"user": ["alice"]}, Window.of("2026-11-23T00:00:00Z", None))
    with followed(tmp_path, wanted) as (found, _):
        Gated.gate.release(1)
        assert [row.place.line for row in islice(found, 2)] == [8, 58]
        add(log, b"".join(one + b"\n" for one in lines(100, 120)))
        Gated.gate.release(2)
        assert [row.place.line for row in islice(found, 1)] == [108]


def test_a_node_without_awk_gives_all_that_is_new(tmp_path: Path) -> None:
    log = write(tmp_path / "srv/audit.log")
    with followed(tmp_path, tool=SCRIPT.replace("have awk", "false")) as (found, _):
        add(log, cri(lines(0, 100), 300))
        Gated.gate.release(2)
        assert ids(found, 2) == ["id-7", "id-57"]
