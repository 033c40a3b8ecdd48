"""What an answer says to type can be pasted: it goes to the nodes that were named, by the same way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from documentkit import document

from kaudit_setup.cli import connect, main
from kaudit_setup.errors import Exit, NodeError
from kaudit_setup.fleet.survey import Candidate
from kaudit_setup.node.local import LocalNode
from kaudit_setup.report.nodes.hints import pasteable
from kaudit_setup.runner import Ran


@pytest.mark.parametrize(
    ("text", "reach", "expected"),
    [
        ("see `kaudit-setup status`", [("--host", "root@cp1:22")], "see `kaudit-setup status --host root@cp1:22`"),
        (
            "`kaudit-setup recover` again, `kaudit-setup backups list`",
            [("-i", "my clusters.yaml"), ("--ask-become-pass", "")],
            (
                "`kaudit-setup recover -i 'my clusters.yaml' --ask-become-pass` again, "
                "`kaudit-setup backups list -i 'my clusters.yaml' --ask-become-pass`"
            ),
        ),
        (
            "`kaudit-setup enable --policy quiet --host cp2`",
            [("--host", "cp1"), ("--host", "cp2"), ("--ssh-config", "c")],
            "`kaudit-setup enable --policy quiet --host cp2 --ssh-config c`",
        ),
        (
            "(undo with `kaudit-setup rollback --to X`)",
            [("--host", "a")],
            "(undo with `kaudit-setup rollback --to X --host a`)",
        ),
        ("`kaudit-setup policy lint f`", [("--host", "a")], "`kaudit-setup policy lint f`"),
        ("`kaudit-setup enable` does", [], "`kaudit-setup enable` does"),
    ],
)
def test_commands_are_completed(text: str, reach: list[tuple[str, str]], expected: str) -> None:
    assert pasteable(text, reach) == expected


def test_an_error_of_a_node_repeats_how_it_was_reached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config").write_text("Host cp1\n  HostName 127.0.0.1\n")
    argv = ["rollback", "--to", "nothing", "--root", str(tmp_path), "--transport", "openssh", "--ssh-config"]
    folder = tmp_path / "etc/kubernetes/manifests"
    folder.mkdir(parents=True)
    sample = Path(__file__).resolve().parents[2] / "data" / "samples" / "kube-apiserver-1.36.2.yaml"
    (folder / "kube-apiserver.yaml").write_bytes(sample.read_bytes())
    assert main(["enable", "--policy", "metadata", "--yes", "--root", str(tmp_path)]) == Exit.OK
    undo = f"kaudit-setup rollback --to .+ --root {tmp_path}"
    assert re.search(undo, capsys.readouterr().out)
    assert main([*argv, str(tmp_path / "config")]) == Exit.USAGE
    expected = f"`kaudit-setup backups list --ssh-config {tmp_path}/config --transport openssh --root {tmp_path}`"
    assert expected in capsys.readouterr().err


class Dead:
    """A node that does not answer."""

    name = "cp2"

    def sh(self, *_: object, **__: object) -> Ran:
        raise NodeError("cp2: no route to host")

    def close(self) -> None:
        """Nothing to drop."""


@pytest.fixture
def one_of_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "etc/kubernetes/manifests"
    folder.mkdir(parents=True)
    sample = Path(__file__).resolve().parents[2] / "data" / "samples" / "kube-apiserver-1.36.2.yaml"
    (folder / "kube-apiserver.yaml").write_bytes(sample.read_bytes())

    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[list[Candidate]]:
        yield [Candidate(Dead()), Candidate(LocalNode(tmp_path))]

    monkeypatch.setattr(connect, "nodes", opened)
    return tmp_path


@pytest.mark.parametrize(
    ("argv", "answer"), [(("backups", "list"), "no backups"), (("verify",), "not proved: auditing is off")]
)
def test_the_nodes_that_can_be_reached_answer(
    one_of_two: Path, argv: tuple[str, ...], answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*argv, "--host", "cp2", "--host", "cp1"]) == Exit.FAILED
    said = capsys.readouterr()
    assert f"{one_of_two}: {answer}" in said.out
    assert "error: cp2 is missing from this answer: cp2: no route to host" in said.err
    assert main([*argv, "--host", "cp2", "--host", "cp1", "-o", "json"]) == Exit.FAILED
    found = document(capsys.readouterr().out)
    assert [(e["host"], e["message"]) for e in found["errors"]] == [("cp2", "cp2: no route to host")]
    if argv == ("verify",):
        assert [item["reason"] for item in found["items"]] == ["off"]


def test_a_hint_shows_a_time_as_it_is_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "audit.log").write_text("", encoding="utf-8")
    assert main(["who", "created", "pod/x", "--since", "soon", "--log", str(tmp_path)]) == 2
    assert "like 2026-11-23T16:00:00Z, or" in capsys.readouterr().err
