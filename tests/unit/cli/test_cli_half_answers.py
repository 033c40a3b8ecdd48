"""A node that answers half, or nothing at all: its log counts as missing, and the others' answers stand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from logkit import event, write
from shapekit import cri

from kaudit_setup.cli import connect, main
from kaudit_setup.fleet.survey import Candidate
from kaudit_setup.node.local import LocalNode
from kaudit_setup.runner import Ran

Make = Callable[..., None]
LOG = ["--host", "x", "--log", "/srv/audit.log"]


class Cut(LocalNode):
    """A node of whose answers to one kind of question only the first bytes come, and no error."""

    def __init__(self, root: Path, mode: str, size: int) -> None:
        super().__init__(root)
        self._name, self._mode, self._left = root.name, mode, size

    @property
    def name(self) -> str:
        return self._name

    def sh(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        sink: Callable[[bytes], None] | None = None,
        **how: Any,
    ) -> Ran:
        def half(data: bytes) -> None:
            some, self._left = data[: self._left], max(self._left - len(data), 0)
            if some and sink is not None:
                sink(some)

        cut = bool(args) and args[0] == self._mode
        return super().sh(script, args, sink=half if cut else sink, **how)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a node, which answers so many bytes to one kind of question."""
    made: list[Candidate] = []

    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[list[Candidate]]:
        yield made

    def one(name: str, user: str = "", *, mode: str = "", size: int = 0, container: bool = False) -> None:
        who = {"username": user, "groups": []}
        ref = {"resource": "pods", "namespace": "shop", "name": "web"}
        did = [event(50, auditID=name, verb="create", objectRef=ref, user=who)] if user else []
        events = [event(n) for n in range(40)] + did + [event(n) for n in range(60, 100)]
        log = write(tmp_path / name / "srv/audit.log", *events)
        if container:
            log.write_bytes(cri(log.read_bytes().splitlines(), 200))
        made.append(Candidate(Cut(tmp_path / name, mode, size)))

    monkeypatch.setattr(connect, "nodes", opened)
    return one


@pytest.mark.parametrize("size", [0, 20, 300])
@pytest.mark.parametrize(
    ("mode", "container"), [("search", False), ("search", True), ("sift", True), ("list", False)]
)
def test_half_an_answer_is_none_and_the_other_node_counts(
    make: Make, capfd: pytest.CaptureFixture[str], mode: str, container: bool, size: int
) -> None:
    if (mode, container, size) in {("search", True, 300), ("list", False, 300)}:
        size = 10  # the whole answer is shorter
    make("cp1", "carol", mode=mode, size=size, container=container)
    make("cp2")
    assert main(["who", "created", "pod/web", "-n", "shop", *LOG]) == 1
    out = capfd.readouterr().out
    assert "requests through cp1 are not in this log (its log could not be read)" in out.splitlines()[0]
    assert "holds no events" not in out
    assert main(["events", "--name", "web", *LOG]) == 1
    said = capfd.readouterr()
    assert "carol" not in said.out
    assert "requests through cp1 are not in this log (its log could not be read)" in said.err
    assert "The log of cp1 is missing from this answer: " in said.err
    assert main(["events", "--name", "web", "-o", "json", *LOG]) == 1
    document = json.loads(capfd.readouterr().out)
    assert any("cp1" in error["message"] for error in document["errors"])


@pytest.mark.parametrize("command", [["top", "--by", "user"], ["stats"]])
@pytest.mark.parametrize("mode", ["list", "fetch", "several"])
def test_what_counts_all_lines_counts_those_of_the_others(
    make: Make, capfd: pytest.CaptureFixture[str], command: list[str], mode: str
) -> None:
    make("cp1", "carol", mode=mode, size=15)
    make("cp2", "bob")
    code = main([*command, *LOG])
    said = capfd.readouterr()
    if mode == "several":  # of one file: then it is asked for by itself
        assert code == 0
        return
    assert code == 1
    assert "carol" not in said.out
    assert "cp1 is missing from this answer: " in said.err


def test_half_an_answer_of_the_only_node_is_an_error(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    make("cp1", "carol", mode="sift", size=100, container=True)
    for asked in (["who", "created", "pod/web", "-n", "shop"], ["events", "--name", "web"]):
        assert main([*asked, *LOG]) == 1
        said = capfd.readouterr()
        assert "the answer to the search was cut short" in said.err
        assert "the log has no events" not in said.err
