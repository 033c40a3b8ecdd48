"""Questions to the logs of several nodes at once, as an inventory names them, over SSH."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleetkit import Fleet, nodes
from flowkit import kubectl

from kaudit_setup.cli import main

# one worker builds the two nodes, once
pytestmark = pytest.mark.xdist_group("logs")

INVENTORY = "[kube_control_plane]\ncp1\ncp2\n\n[first]\ncp1\n\n[second]\ncp2\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two audited nodes of one cluster; foobar made a Pod through the second one's API server."""
    with nodes(tmp_path_factory.mktemp("logs"), "cp1 cp2") as fleet:
        on = ["--host", "cp1", "--host", "cp2", "--ssh-config", str(fleet.config)]
        assert main(["enable", "--policy", "metadata", "--yes", *on]) == 0
        two = fleet.boxes[1]
        assert kubectl(two, "--as=foobar", "run", "web", "--image=nginx").returncode == 0
        two.wait(lambda: any(e["objectRef"].get("name") == "web" for e in two.events() if "objectRef" in e), "it")
        yield fleet


@pytest.fixture
def cluster(running: Fleet, capsys: pytest.CaptureFixture[str]) -> Fleet:
    running.capture = capsys
    return running


@pytest.fixture
def listed(tmp_path: Path) -> str:
    """An inventory of both, in Ansible's format."""
    file = tmp_path / "hosts.ini"
    file.write_text(INVENTORY)
    return str(file)


def test_every_node_of_the_inventory_is_asked(cluster: Fleet, listed: str) -> None:
    ran = cluster.run("who", "created", "pod/web", "--inventory", listed, "-o", "json")
    assert ran.code == 0, ran
    [answer] = ran.json
    assert answer["root"]["user"] == "foobar"
    assert answer["root"]["source"]["node"] == "cp2"
    assert sorted(each["node"] for each in answer["coverage"]) == ["cp1", "cp2"]


def test_a_group_narrows_it(cluster: Fleet, listed: str) -> None:
    asked = ("who", "created", "pod/web", "-i", listed, "-o", "json")
    assert cluster.run(*asked, "--group", "second").json[0]["root"]["user"] == "foobar"
    elsewhere = cluster.run(*asked, "--group", "first")
    assert elsewhere.code == 1
    assert elsewhere.json[0]["root"] is None


@pytest.mark.parametrize(
    "command", [("events", "--name", "web"), ("top", "--by", "node"), ("stats",), ("estimate", "writes")]
)
def test_the_other_commands_take_it_too(cluster: Fleet, listed: str, command: tuple[str, ...]) -> None:
    ran = cluster.run(*command, "--inventory", listed)
    assert ran.code == 0, ran
    assert "web" in ran.out or "cp2" in ran.out or command[0] == "estimate"


def test_collect_fetches_from_every_node(cluster: Fleet, listed: str, tmp_path: Path) -> None:
    ran = cluster.run("collect", "-i", listed, "-d", str(tmp_path / "logs"))
    assert ran.code == 0, ran
    assert {path.name for path in (tmp_path / "logs").iterdir() if path.is_dir()} == {"cp1", "cp2"}


def test_a_node_that_cannot_be_reached_is_said_and_the_others_answer(cluster: Fleet, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("clusters:\n  one:\n    hosts: [cp2, {name: gone, host: 127.0.0.1, port: 9}]\n")
    ran = cluster.run("who", "created", "pod/web", "--inventory", str(own))
    assert ran.code == 0, ran
    assert "foobar created it" in ran.out
    assert "The log of gone is missing from this answer" in ran.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "code", "answer"),
    [
        (("who", "created", "pod/web"), 0, "foobar created it"),
        (("events", "--name", "web"), 1, "web"),
    ],
    ids=["who", "events"],
)
def test_a_node_whose_disk_hangs_is_missing_from_the_answer(
    cluster: Fleet, listed: str, command: tuple[str, ...], code: int, answer: str
) -> None:
    cluster.boxes[0].misbehave(stuck_disk=True)
    try:
        ran = cluster.run(*command, "--inventory", listed, "--timeout", "5")
    finally:
        cluster.boxes[0].misbehave(stuck_disk=False)
    assert ran.code == code, ran
    assert answer in ran.out
    assert "cp1 is missing from this answer: cp1: no answer for 5 s (does its disk hang?)" in ran.out + ran.err


@pytest.mark.slow
def test_a_node_that_reads_for_long_without_a_word_is_waited_for(cluster: Fleet, listed: str) -> None:
    """A large rotated log in which nothing fits: what unpacks it is busy for twice the limit and says nothing."""
    root = cluster.boxes[0].root
    packed = root / "var/log/kubernetes/audit/audit-2026-11-01T10-00-00.000.log.gz"
    packed.write_bytes(gzip.compress((root / "var/log/kubernetes/audit/audit.log").read_bytes()))
    busy = root / "usr/local/bin/gzip"
    # busy once; it is asked several times
    busy.write_text(f"""#!/bin/sh
if [ "$1" = -dc ] && [ ! -e {busy}.was ]; then
  : >{busy}.was
  read -r now _ </proc/uptime
  end=$((${{now%.*}} + 12))
  while [ "${{now%.*}}" -lt "$end" ]; do read -r now _ </proc/uptime; done
fi
exec /bin/gzip "$@"
""")
    busy.chmod(0o755)
    try:
        ran = cluster.run("who", "created", "pod/web", "--inventory", listed, "--timeout", "6")
    finally:
        busy.unlink()
        packed.unlink()
    assert ran.code == 0, ran
    assert "foobar created it" in ran.out
    assert "missing" not in ran.out + ran.err
    assert busy.with_name("gzip.was").exists(), "it was busy"


def test_collect_does_not_wait_for_a_disk_that_hangs(cluster: Fleet, listed: str, tmp_path: Path) -> None:
    cluster.boxes[0].misbehave(stuck_disk=True)
    try:
        ran = cluster.run("collect", "-i", listed, "-d", str(tmp_path / "logs"), "--timeout", "5")
    finally:
        cluster.boxes[0].misbehave(stuck_disk=False)
    assert ran.code == 1, ran
    assert "error: cp1: no answer for 5 s (does its disk hang?)" in ran.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--group", "first"), "--group needs --inventory"),
        (("--inventory", "/nonexistent"), "the inventory /nonexistent cannot be read"),
    ],
)
def test_a_wrong_list_is_refused(cluster: Fleet, argv: tuple[str, ...], said: str) -> None:
    ran = cluster.run("who", "created", "pod/web", *argv)
    assert ran.code == 2
    assert said in ran.err


def test_the_living_object_is_read_on_the_nodes(cluster: Fleet, listed: str) -> None:
    asked = ("who", "created", "pod/web", "-i", listed, "-o", "json")
    [answer] = cluster.run(*asked).json
    [living] = answer["living"]
    assert (living["object"]["name"], living["deleting"]) == ("web", None)
    assert living["uid"]
    assert any("it agrees: made at" in note and living["uid"] in note for note in answer["notes"])
    assert cluster.run(*asked, "--no-live").json[0].get("living", []) == []
    [gone] = cluster.run("who", "created", "pod/nope", "-i", listed, "-o", "json").json
    assert "pod default/nope does not exist now." in gone["notes"]
