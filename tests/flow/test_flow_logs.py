"""Questions to the logs of several nodes at once, as an inventory names them, over SSH."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flowkit import kubectl

from kaudit_setup.cli import main
from kaudit_setup.sandbox import Sandbox


@dataclass
class Ran:
    code: int
    out: str
    err: str


@dataclass
class Cluster:
    """Two audited nodes of one cluster; foobar made a Pod through the second one's API server."""

    inventory: Path
    config: Path
    folder: Path
    capture: pytest.CaptureFixture[str] | None = None

    def run(self, *argv: str) -> Ran:
        assert self.capture is not None
        self.capture.readouterr()
        code = main([*argv, "--ssh-config", str(self.config)])
        said = self.capture.readouterr()
        return Ran(code, said.out, said.err)

    def lists(self, text: str) -> str:
        """An inventory of that text."""
        file = self.folder / "other.yaml"
        file.write_text(text)
        return str(file)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("logs")
    with Sandbox.start(name="cp1") as one, Sandbox.start(name="cp2", joins=one) as two:
        config = folder / "ssh_config"
        config.write_text("".join(box.ssh_config.read_text() for box in (one, two)))
        inventory = folder / "hosts.ini"
        inventory.write_text("[kube_control_plane]\ncp1\ncp2\n\n[first]\ncp1\n\n[second]\ncp2\n")
        on = ["--inventory", str(inventory), "--ssh-config", str(config)]
        assert main(["enable", "--policy", "metadata", "--yes", *on]) == 0
        assert kubectl(two, "--as=foobar", "run", "web", "--image=nginx").returncode == 0
        two.wait(lambda: any(e["objectRef"].get("name") == "web" for e in two.events() if "objectRef" in e), "it")
        yield Cluster(inventory, config, folder)


@pytest.fixture
def cluster(running: Cluster, capsys: pytest.CaptureFixture[str]) -> Cluster:
    running.capture = capsys
    return running


def test_every_node_of_the_inventory_is_asked(cluster: Cluster) -> None:
    ran = cluster.run("who", "created", "pod/web", "--inventory", str(cluster.inventory), "-o", "json")
    assert ran.code == 0, ran
    answer = json.loads(ran.out)
    assert answer["root"]["user"] == "foobar"
    assert answer["root"]["source"]["node"] == "cp2"
    assert sorted(each["node"] for each in answer["coverage"]) == ["cp1", "cp2"]


def test_a_group_narrows_it(cluster: Cluster) -> None:
    asked = ("who", "created", "pod/web", "-i", str(cluster.inventory), "-o", "json")
    assert json.loads(cluster.run(*asked, "--group", "second").out)["root"]["user"] == "foobar"
    elsewhere = cluster.run(*asked, "--group", "first")
    assert elsewhere.code == 1
    assert json.loads(elsewhere.out)["root"] is None


@pytest.mark.parametrize(
    "command", [("events", "--name", "web"), ("top", "--by", "node"), ("stats",), ("estimate", "writes")]
)
def test_the_other_commands_take_it_too(cluster: Cluster, command: tuple[str, ...]) -> None:
    ran = cluster.run(*command, "--inventory", str(cluster.inventory))
    assert ran.code == 0, ran
    assert "web" in ran.out or "cp2" in ran.out or command[0] == "estimate"


def test_collect_fetches_from_every_node(cluster: Cluster, tmp_path: Path) -> None:
    ran = cluster.run("collect", "-i", str(cluster.inventory), "-d", str(tmp_path / "logs"))
    assert ran.code == 0, ran
    assert {path.name for path in (tmp_path / "logs").iterdir() if path.is_dir()} == {"cp1", "cp2"}


def test_a_node_that_cannot_be_reached_is_said_and_the_others_answer(cluster: Cluster) -> None:
    own = cluster.lists("clusters:\n  one:\n    hosts: [cp2, {name: gone, host: 127.0.0.1, port: 9}]\n")
    ran = cluster.run("who", "created", "pod/web", "--inventory", own)
    assert ran.code == 0, ran
    assert "foobar created it" in ran.out
    assert "The log of gone is missing from this answer" in ran.out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--group", "first"), "--group needs --inventory"),
        (("--inventory", "/nonexistent"), "the inventory /nonexistent cannot be read"),
    ],
)
def test_a_wrong_list_is_refused(cluster: Cluster, argv: tuple[str, ...], said: str) -> None:
    ran = cluster.run("who", "created", "pod/web", *argv)
    assert ran.code == 2
    assert said in ran.err
