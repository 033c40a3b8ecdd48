"""What is said of work that takes longer than a second: how far it is, and nothing of that in the answer."""

from __future__ import annotations

import io
import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from logkit import SCENARIO, event, write

from kaudit_setup.auditlog.find import find_logs
from kaudit_setup.auditlog.scanning.meter import HowFar, Meter, watched
from kaudit_setup.auditlog.sources.local import rereadable
from kaudit_setup.cli import connect, main
from kaudit_setup.fleet.survey import Candidate
from kaudit_setup.node.local import LocalNode
from kaudit_setup.report import progress
from kaudit_setup.report.page.sources import hash_files
from kaudit_setup.resources import template
from kaudit_setup.stores.fingerprint import fingerprint


class Terminal(io.StringIO):
    """A terminal, as far as a program asks."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "audit"
    for number in range(3):
        name = f"audit-2026-11-2{number}T00-00-00.000.log" if number < 2 else "audit.log"
        write(folder / name, *[event(n, auditID=f"{number}-{n}") for n in range(50)])
    return folder


def on_terminal(words: list[str], monkeypatch: pytest.MonkeyPatch, terminal: type[Terminal] = Terminal) -> str:
    """What a terminal got, from both streams."""
    shown = terminal()
    with monkeypatch.context() as patched:
        patched.setenv("TERM", "xterm")
        patched.setenv("COLUMNS", "100")
        patched.setattr(sys, "stderr", shown)
        patched.setattr(sys, "stdout", shown)
        main(words)
    return shown.getvalue()


def each_look_takes(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(ticks) * seconds))


QUESTIONS = {
    "top": ["top", "--by", "user"],
    "stats": ["stats"],
    "estimate": ["estimate", str(template("policies", "metadata.yaml"))],
    "who": ["who", "created", "pod/p", "-n", "ns"],
    "report": ["report", "-o", "report.html"],
    "policy suggest": ["policy", "suggest"],
    "pack": ["pack", "--to", "archive"],
    "events": ["events", "--user", "nobody"],
}


@pytest.mark.parametrize("command", QUESTIONS)
def test_a_terminal_shows_it_and_clears_it_before_the_answer(
    command: str, logs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    each_look_takes(2, monkeypatch)
    shown = on_terminal([*QUESTIONS[command], "--log", str(logs)], monkeypatch)
    before, line, after = shown.rpartition("reading: ")
    assert line
    assert " of 3 files" in before + after
    assert "/s" in before + after
    cleared = after.index("\x1b[2K")
    assert after[:cleared].count("\n") <= 1
    assert after[cleared:].removeprefix("\x1b[2K").strip()


def test_what_is_quick_shows_nothing(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    each_look_takes(0.001, monkeypatch)
    assert "reading" not in on_terminal(["top", "--by", "user", "--log", str(logs)], monkeypatch)


@pytest.mark.parametrize(("words", "said"), [([], 0), (["-v"], 1), (["-q"], 0)])
def test_a_pipe_gets_plain_lines_if_asked(
    words: list[str],
    said: int,
    logs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    each_look_takes(3, monkeypatch)
    kept = tmp_path / "kept"
    main(["top", "--by", "user", "--log", str(logs), "--log-file", str(kept), *words])
    out, err = capsys.readouterr()
    assert err.count("reading: ") == said
    assert "\x1b" not in err
    assert "reading" not in out
    assert kept.read_text().count("reading: ") == 1


def test_rows_on_a_terminal_are_not_disturbed(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    each_look_takes(2, monkeypatch)
    shown = on_terminal(["events", "--log", str(logs), "-o", "tsv", "--no-headers"], monkeypatch)
    rows = shown.rpartition("\x1b[2K")[2]
    assert rows.count("\n") >= 150
    assert "reading" not in rows


def test_forks_count_too(logs: Path) -> None:
    code = (
        "import sys; from kaudit_setup.auditlog import find, reader\n"
        "from kaudit_setup.auditlog.scanning import meter, workers\n"
        "class Everything:\n"
        "    def __init__(self): self.seen = []\n"
        "    def due(self): return True\n"
        "    def see(self, far): self.seen.append(far)\n"
        "    def over(self): print('over')\n"
        "def work(unit, tally):\n    yield sum(block.size for block in reader.blocks(unit, tally))\n"
        "files, one = find.find_logs([sys.argv[1]]).files, Everything()\n"
        "with meter.watched(one):\n    list(workers.spread(reader.plan(files, 4000), work, 2))\n"
        "reads = [far.read for far in one.seen]\n"
        "size = sum(file.size for file in files)\n"
        "print(reads == sorted(reads), reads[0] < size, one.seen[-1] == meter.HowFar(size, size, 3, 3))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(logs)], capture_output=True, text=True, check=True)
    assert done.stdout == "over\nTrue True True\n"


class Slow:
    """A node that answers once it may."""

    def __init__(self, node: LocalNode, may: threading.Event) -> None:
        self._node, self._may = node, may

    @property
    def name(self) -> str:
        return "slow"

    def sh(self, *args: Any, **options: Any) -> Any:
        assert self._may.wait(60)
        return self._node.sh(*args, **options)

    def close(self) -> None:
        """Nothing is open."""


FLEET = {
    "status": ["status"],
    "check": ["check"],
    "backups": ["backups", "list"],
    "verify": ["verify"],
    "events": ["events", "--log", "/var/log/kubernetes/audit"],
    "top": ["top", "--by", "user", "--log", "/var/log/kubernetes/audit"],
}


@pytest.mark.parametrize("command", FLEET)
def test_who_waits_for_nodes_sees_which(
    command: str, nodes: list[LocalNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    may = threading.Event()

    class Waiting(Terminal):
        """Lets the slow node answer when it was said that it is waited for."""

        def write(self, text: str) -> int:
            if "1 of 2 nodes answered, waiting for slow" in text:
                may.set()
            return super().write(text)

    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[list[Candidate]]:
        yield [Candidate(nodes[0]), Candidate(Slow(nodes[1], may))]

    monkeypatch.setattr(connect, "nodes", opened)
    each_look_takes(0.5, monkeypatch)
    on_terminal([*FLEET[command], "--host", "cp1", "--host", "slow"], monkeypatch, Waiting)
    assert may.is_set()


def test_vv_shows_each_command_on_a_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manifests = tmp_path / "node/etc/kubernetes/manifests"
    manifests.mkdir(parents=True)
    sample = SCENARIO.parents[2] / "samples/kube-apiserver-1.36.2.yaml"
    (manifests / "kube-apiserver.yaml").write_text(sample.read_text())
    kept, measured = tmp_path / "kept", tmp_path / "measured"
    monkeypatch.setenv("KAUDIT_TRACE", str(measured))
    words = ["status", "--root", str(tmp_path / "node"), "--log-file", str(kept)]
    main([*words, "-v"])
    assert "exit status" not in capsys.readouterr().err
    main([*words, "-vv"])
    shown = [line for line in capsys.readouterr().err.splitlines() if "exit status 0" in line]
    assert len(shown) == 1
    assert "observe" in shown[0]
    assert shown[0] in kept.read_text()
    assert len(measured.read_text().splitlines()) == 2


class Everything:
    """Wants to see all of it."""

    def __init__(self) -> None:
        self.seen: list[HowFar] = []

    def due(self) -> bool:
        return True

    def see(self, far: HowFar) -> None:
        self.seen.append(far)

    def over(self) -> None:
        pass


def test_a_fingerprint_says_how_far_it_is(logs: Path) -> None:
    file, size = find_logs([str(logs)]).files[0], 0
    with watched(one := Everything()):
        size = fingerprint(file, []).bytes
    assert one.seen[-1].read == one.seen[-1].size == size


def test_what_comes_from_a_pipe_is_counted_while_it_is_kept(logs: Path) -> None:
    data = (logs / "audit.log").read_bytes()
    with watched(one := Everything()), rereadable(find_logs(["-"]).files, io.BytesIO(data)):
        pass
    assert (one.seen[-1].read, one.seen[-1].size) == (len(data), 0)


def test_the_sums_of_a_report_say_how_far_they_are(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = find_logs([str(logs)]).files
    begun, seen = threading.Event(), threading.Event()

    class Waiting(Everything):
        def see(self, far: HowFar) -> None:
            super().see(far)
            if begun.is_set():
                seen.set()

    def slow(meter: Meter, unit: int, count: int) -> None:
        reached(meter, unit, count)
        begun.set()
        seen.wait(20)

    reached = Meter.reached
    monkeypatch.setattr(Meter, "reached", slow)
    with watched(one := Waiting()):
        sums = hash_files(files)
    assert len({source.sha256 for source in sums}) == len(files)
    assert any(far.read for far in one.seen)
    assert {far.size for far in one.seen} == {sum(file.size for file in files)}
