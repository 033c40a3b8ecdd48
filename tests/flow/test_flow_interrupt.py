"""Ctrl-C as a terminal sends it, to the whole process group: what is under way is put back, nothing else is begun."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fleetkit import Fleet, hosts, nodes
from flowkit import Before, until

# each starts processes and nodes of its own, and waits for what they do once they are interrupted
pytestmark = pytest.mark.slow

ENABLE = ("enable", "--policy", "metadata", "--yes")
WAITS = "to be verified or restored (up to a few minutes)"


@pytest.fixture
def two_clusters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Fleet]:
    """a1, a2 and b1, b2."""
    with nodes(tmp_path, "a1 a2 b1 b2", of="a1 a1 b1 b1") as found:
        found.capture = capsys
        yield found


@pytest.fixture
def fleet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Fleet]:
    """Two nodes of one cluster, for this test alone."""
    with nodes(tmp_path, "cp1 cp2") as found:
        found.capture = capsys
        yield found


class Heard:
    """What a process says on standard error, as it says it."""

    def __init__(self, run: subprocess.Popen[str]) -> None:
        self.run, self.text = run, ""
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.run.stderr
        with self.run.stderr as said:
            for line in said:
                self.text += line

    def until(self, words: str) -> None:
        until(lambda: words in self.text, f"{words!r} in {self.text!r}")

    def press(self) -> None:
        os.killpg(self.run.pid, signal.SIGINT)

    def end(self, seconds: float) -> tuple[int, str]:
        """Exit status and standard output."""
        assert self.run.stdout
        code = self.run.wait(seconds)
        self._thread.join(5)
        out = self.run.stdout.read()
        self.run.stdout.close()
        assert "Traceback" not in out + self.text
        return code, out


def under_way(fleet: Fleet, names: str, *options: str, all_of: str) -> Heard:
    """An `enable` in which the named nodes wait for an old server that drains for a long time."""
    boxes = [box for box in fleet.boxes if box.name in names.split()]
    for box in boxes:
        box.misbehave(drain_seconds=60)
    heard = Heard(fleet.start(*ENABLE, *hosts(all_of), *options))
    until(lambda: set(names.split()) <= set(fleet.audited), "the new manifests", 60)
    for name in names.split():
        heard.until(f"{name}: " if len(all_of.split()) > 2 else "waiting for")
    return heard


def no_drain(fleet: Fleet) -> None:
    for box in fleet.boxes:
        box.misbehave(drain_seconds=0.1)


def test_several_clusters_side_by_side(two_clusters: Fleet) -> None:
    before = {box.name: Before.of(box) for box in two_clusters.boxes}
    heard = under_way(two_clusters, "a1 b1", "--forks", "2", all_of="a1 a2 b1 b2")
    heard.press()
    heard.until("Interrupted. No further nodes will be started. Waiting for a1, b1 " + WAITS)
    no_drain(two_clusters)
    code, out = heard.end(60)
    assert code == 130
    assert "error: interrupted; no further nodes were started" in heard.text
    assert "a1 restored, a2 not started" in out
    assert "b1 restored, b2 not started" in out
    for name in ("a1", "b1"):
        before[name].is_old_and_works()
    for name in ("a2", "b2"):
        before[name].is_untouched()
    assert two_clusters.run(*ENABLE, *hosts("a1 a2 b1 b2")).code == 0


def test_pressed_again_it_leaves_at_once_and_the_nodes_help_themselves(two_clusters: Fleet) -> None:
    before = {box.name: Before.of(box) for box in two_clusters.boxes}
    heard = under_way(two_clusters, "a1 b1", "--timeout", "5", all_of="a1 a2 b1 b2")
    # nobody can be told to put anything back
    for box in two_clusters.boxes:
        box.misbehave(refuse_logins=True)
        box.cut_connections()
    heard.press()
    heard.until("Waiting for a1, b1")
    heard.press()
    code, out = heard.end(10)
    assert code == 130
    assert "Leaving now. The watchdog of a1, b1 will restore it." in heard.text
    assert "a1 left to its watchdog, a2 not started" in out
    assert "b1 left to its watchdog, b2 not started" in out
    assert "its watchdog restores the old state within" in heard.text
    no_drain(two_clusters)
    for box in two_clusters.boxes:
        box.misbehave(refuse_logins=False)
        until(lambda b=box: b.manifest.read_bytes() == before[b.name].manifest, f"the watchdog of {box.name}", 60)
        before[box.name].is_old_and_works()
    assert two_clusters.run(*ENABLE, *hosts("a1 a2 b1 b2")).code == 0


@pytest.mark.parametrize("options", [(), ("--all-or-nothing",)], ids=["", "all-or-nothing"])
def test_one_cluster_of_several_nodes(fleet: Fleet, options: tuple[str, ...]) -> None:
    one, two = (Before.of(box) for box in fleet.boxes)
    heard = under_way(fleet, "cp2", *options, all_of="cp1 cp2")
    heard.press()
    heard.until("Waiting for cp2 " + WAITS)
    no_drain(fleet)
    code, out = heard.end(60)
    assert code == 130
    assert f"cp1 {'rolled back' if options else 'changed'}, cp2 restored" in out
    two.is_old_and_works()
    if options:
        one.is_old_and_works()
    else:
        one.is_new_and_works()
    assert fleet.run(*ENABLE, *hosts("cp1 cp2")).code == 0


def test_pressed_again_while_the_old_server_comes_back(fleet: Fleet) -> None:
    one, two = (Before.of(box) for box in fleet.boxes)
    heard = under_way(fleet, "cp1", all_of="cp1 cp2")
    heard.press()
    heard.until("restoring the old state")
    until(lambda: "waiting for" in heard.text.partition("restoring the old state")[2], "its API server awaited")
    heard.press()
    code, out = heard.end(10)
    assert code == 130
    assert "cp1 restored, cp2 not started" in out
    no_drain(fleet)
    one.is_old_and_works()
    two.is_untouched()


def test_while_it_waits_for_the_other_servers_nothing_was_touched(fleet: Fleet) -> None:
    before = [Before.of(box) for box in fleet.boxes]
    fleet.boxes[1].misbehave(never_ready=True)
    heard = Heard(fleet.start(*ENABLE, *hosts("cp1 cp2")))
    heard.until("waiting for the other API servers")
    heard.press()
    code, out = heard.end(10)
    assert code == 130
    assert "cp1 not started, cp2 not started" in out
    for one in before:
        one.is_untouched()


@pytest.mark.parametrize("command", [ENABLE, ("status",)])
def test_while_all_nodes_are_looked_at(fleet: Fleet, command: tuple[str, ...]) -> None:
    """One of them takes the connection and never says a word: nobody waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with fleet.config.open("a") as config:
            config.write(f"Host cp3\n  HostName 127.0.0.1\n  Port {port}\n")
        heard = Heard(fleet.start(*command, *hosts("cp1 cp2 cp3")))
        held, _ = silent.accept()
        with held:
            heard.until("looking")
            heard.press()
            code, _ = heard.end(9)  # less than the time for a connection
    assert code == 130
    assert heard.text.splitlines()[-1].startswith("error: interrupted while reading the nodes")
    assert fleet.audited == []


def test_on_a_terminal(fleet: Fleet) -> None:
    """The key itself; the moving line ends, and the cursor is there again."""
    before = [Before.of(box) for box in fleet.boxes]
    fleet.boxes[0].misbehave(drain_seconds=60)
    ours, theirs = pty.openpty()
    home = {"HOME": str(fleet.config.parent), "PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "200"}
    run = subprocess.Popen(
        # the terminal must be the controlling one, or its Ctrl-C is a letter like any other
        ["setsid", "--ctty", "--wait", *fleet.argv(*ENABLE, *hosts("cp1 cp2"))],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=home,
    )
    os.close(theirs)
    screen = bytearray()

    def read() -> None:
        with suppress(OSError):
            while chunk := os.read(ours, 65536):
                screen.extend(chunk)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    until(lambda: fleet.audited == ["cp1"] and b"waiting for" in screen, "the node under way", 60)
    os.write(ours, b"\x03")
    until(lambda: b"Interrupted. No further nodes will be started." in screen, "the word of it")
    no_drain(fleet)
    assert run.wait(60) == 130
    reader.join(5)
    os.close(ours)
    assert b"Traceback" not in screen
    assert screen.rindex(b"\x1b[?25h") > screen.rindex(b"\x1b[?25l")
    before[0].is_old_and_works()
    before[1].is_untouched()
