"""Logs that come from a stream, and answers that go into one: pipes, standard input, full or closed outputs."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from documentkit import only
from logkit import SCENARIO, answer, event, write


def test_standard_input(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SCENARIO.read_bytes())))
    assert len(answer(capfd, "events", "-o", "json", "--log", "-", "--name", "my-suspicious-pod")) == 2


def poured(data: bytes, into: Path) -> None:
    """Somebody else writes `data` into a named pipe, once, in small pieces."""
    os.mkfifo(into)

    def pour() -> None:
        with into.open("wb", buffering=0) as out:
            for at in range(0, len(data), 1000):
                out.write(data[at : at + 1000])

    threading.Thread(target=pour, daemon=True).start()


ONCE = [
    ("events", "-o", "json"),
    ("events", "-o", "json", "--name", "my-suspicious-pod"),
    ("events", "-o", "jsonl", "--verb", "create", "--since", "2026-11-23T16:17:00Z"),
    ("top", "--by", "user", "-o", "json"),
    ("stats", "-o", "json"),
    ("estimate", "metadata", "-o", "json"),
    ("who", "created", "pod/my-suspicious-pod", "-o", "json"),
    ("who", "touched", "--user", "foobar", "-o", "json"),
]


@pytest.mark.parametrize("packed", [True, False], ids=["gzip", "plain"])
@pytest.mark.parametrize("command", ONCE, ids=" ".join)
def test_a_pipe_is_as_good_as_a_file(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    packed: bool,
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    data = SCENARIO.read_bytes()
    data = data if packed else gzip.decompress(data)
    path = tmp_path / "cp1/audit.log"
    path.parent.mkdir()
    path.write_bytes(data)
    expected = answer(capfd, *command, "--log", path)
    path.unlink()
    poured(data, path)
    assert answer(capfd, *command, "--log", path) == expected
    assert list(spool.iterdir()) == [], "nothing is left behind"


def owned(path: Path) -> Path:
    """A Secret that the garbage collector deleted after alice had deleted its owner."""
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u1", "controller": True}
    body = {"kind": "Secret", "metadata": {"name": "s", "namespace": "ns", "uid": "u2", "ownerReferences": [owner]}}
    secret = {"resource": "secrets", "namespace": "ns", "name": "s"}
    web = {"resource": "deployments", "apiGroup": "apps", "namespace": "ns", "name": "web"}
    collector = "system:serviceaccount:kube-system:generic-garbage-collector"
    agent = f"kube-controller-manager/v1.30.0 (linux/amd64) kubernetes/7c48c2b/{collector}"
    return write(
        path,
        event(1, verb="create", objectRef=secret, level="Request", requestObject=body, user={"username": "operator"}),
        event(60, verb="delete", objectRef=web),
        event(61, verb="delete", objectRef=secret, user={"username": collector}, userAgent=agent),
    )


@pytest.mark.parametrize("how", ["substituted", "named"])
def test_who_looks_at_a_pipe_as_often_as_it_needs(tmp_path: Path, how: str) -> None:
    path = owned(tmp_path / "cp1/audit.log")
    question = ("who", "deleted", "secret/s", "-n", "ns", "-o", "json", "--log")
    data = path.read_bytes()
    path.unlink()
    reader, writer = os.pipe()
    if how == "named":
        poured(data, path)
    else:
        path = Path(f"/dev/fd/{reader}")
        os.write(writer, data)
    os.close(writer)
    # of its own, since what opened a named pipe again would wait for ever
    command = [sys.executable, "-m", "kaudit_setup", *question, str(path)]
    done = subprocess.run(command, pass_fds=[reader], capture_output=True, timeout=60, check=True)
    os.close(reader)
    got = only(done.stdout)
    assert (got["answer"]["user"].rpartition(":")[2], got["root"]["user"]) == ("generic-garbage-collector", "alice")
    assert got["root"]["source"] == {"node": got["root"]["source"]["node"], "file": str(path), "line": 2}
    assert got["coverage"][0]["from"] == "2026-11-23T16:00:01.000000Z"


def run(question: str, log: str | Path, redirect: str) -> tuple[int, str]:
    """The exit code of a command in a shell, and what it says on standard error."""
    command = f"set -o pipefail; {sys.executable} -m kaudit_setup {question} --log {log} {redirect}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("question", ["events", "events -o raw", "top --by user", "stats", "who touched pod/p -n ns"])
def test_streams_that_are_full_closed_or_left(tmp_path: Path, question: str) -> None:
    log = write(tmp_path / "audit.log", *[event(n) for n in range(10)])
    assert run(question, log, ">/dev/null <&-") == (0, "")
    assert run(question, log, "| true") in {(141, ""), (0, "")}, "true may end after all was written"
    code, err = run(question, log, ">/dev/full")
    assert (code, err.startswith("error: cannot write the answer: No space left on device")) == (1, True)
    code, err = run(question, log, ">&-")
    assert (code, err.startswith("error: standard output is closed")) == (1, True)
    code, err = run(question, "-", "<&-")
    assert (code, err.startswith("error: --log -: standard input is closed")) == (2, True)


def test_a_reader_that_has_had_enough_is_no_error(tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", *[event(n) for n in range(3000)])
    for output in ("table", "json", "jsonl", "raw"):
        assert run(f"events -o {output}", log, "| head -c 1 >/dev/null") == (141, ""), output
