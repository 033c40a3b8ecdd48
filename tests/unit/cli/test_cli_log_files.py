"""Which files `--log` means: folders, names, rights, pipes in folders, this machine's own log."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from logkit import PROBES, answer, event, ids, write

from kaudit_setup.auditlog.sources import this_machine
from kaudit_setup.cli import main


def test_a_name_that_is_not_utf8_is_no_obstacle(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "\udcff\udcfe.log", event(1))
    (row,) = answer(capfd, "events", "-o", "json", "--log", tmp_path)
    assert row["source"]["file"] == str(path)
    for args in (["stats"], ["top", "--by", "node"], ["who", "read", "pod/p", "-n", "ns"]):
        answer(capfd, *args, "--log", tmp_path, "-o", "json")
        answer(capfd, *args, "--log", tmp_path)


def as_nobody(*args: str | Path) -> int:
    """The exit code of a command that a user without any rights runs."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 99
    try:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        code = main([str(arg) for arg in args])
        sys.stdout.flush()
    finally:
        os._exit(code)


def test_what_may_not_be_read_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    answer(capfd, "stats", "--log", PROBES)  # imports what the child must not look for
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        closed = write(folder / "cp1/audit-2026-11-23T16-00-00.000.log", event(1))
        closed.chmod(0)
        write(folder / "cp2/audit.log", event(2)).parent.chmod(0)
        assert as_nobody("stats", "--log", closed) == 2
        assert f"cannot read {closed}: Permission denied" in capfd.readouterr().err
        assert as_nobody("stats", "--log", folder / "cp2") == 2
        assert f"cannot read the folder {folder / 'cp2'}: Permission denied" in capfd.readouterr().err
        write(folder / "cp1/audit.log", event(2))
        assert as_nobody("stats", "--log", folder) == 0
        out, err = capfd.readouterr()
        assert f"{closed} could not be read (Permission denied)" in out
        assert "rotated away" not in out
        assert f"note: the folder {folder / 'cp2'} is left out: Permission denied" in err
        (folder / "cp2").chmod(0o755)


def test_what_is_left_out_of_a_folder_is_said(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(tmp_path / "audit.log", event(1))
    os.mkfifo(tmp_path / "audit-2026-11-23T10-00-00.000.log")
    (tmp_path / "audit-2026-11-23T11-00-00.000.log").symlink_to(tmp_path / "gone")
    (tmp_path / "audit-2026-11-23T12-00-00.000.log.lz4").write_bytes(b"x")
    (tmp_path / "readme.txt").write_text("x")
    assert main(["top", "--by", "level", "--log", str(tmp_path), "-o", "json"]) == 0
    said = [text for text in capfd.readouterr().err.splitlines() if "left out" in text]
    assert [text.partition("audit-2026-11-23T")[2][:2] for text in said] == ["10", "11", "12"]


@pytest.mark.parametrize("name", ["000000.gz", "AUDIT.LOG", "export.csv", "stream-1-2026-11-23", "09:00_S0.txt"])
def test_a_log_of_a_folder_may_be_called_anything(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    data = write(tmp_path / "given", event(1)).read_bytes()
    for other in ("notes.md", "audit.log~", ".audit.log.swp"):
        (tmp_path / "logs" / other).parent.mkdir(exist_ok=True)
        (tmp_path / "logs" / other).write_bytes(b"hello\n" if other == "notes.md" else data)
    (tmp_path / "logs" / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    assert ids(capfd, "--log", tmp_path / "logs") == ["id-1"]


def test_logs_as_a_shell_spreads_them(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    paths = [write(tmp_path / f"cp{n}" / "audit.log", event(n)) for n in range(1, 4)]
    assert sorted(ids(capfd, "--log", *paths)) == ["id-1", "id-2", "id-3"]
    assert ids(capfd, "--log", *paths[:2], "--user", "alice", "--log", paths[2])


def test_without_a_log_on_this_machine_the_fix_is_named(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(this_machine, "MANIFEST", tmp_path / "none")
    monkeypatch.setattr(this_machine, "DEFAULT", str(tmp_path / "audit/audit.log"))
    assert main(["stats"]) == 2
    assert "--log" in capfd.readouterr().err
    write(tmp_path / "audit/audit.log", event(1))
    assert answer(capfd, "stats", "-o", "json")[0]["node"] == "this machine"


@pytest.mark.parametrize("name", ["audit.log", "audit.log.gz"])
def test_an_empty_log_is_no_failure_and_is_said(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As kubectl with nothing to list. Nobody can be named, though, and what cannot be read is not empty."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")
    for question in (["top", "--by", "user"], ["events"], ["estimate", "metadata"], ["stats"]):
        assert main([*question, "--log", str(path)]) == 0, question
        out, err = capfd.readouterr()
        assert "has no events" in f"{out}{err}" or "0 events" in out, question
    assert main(["top", "--by", "user", "--log", str(path)]) == 0
    assert "the log has no events" in capfd.readouterr().err
    assert main(["who", "created", "pod/x", "--log", str(path)]) == 1
    assert "holds no events" in capfd.readouterr().out
    path.write_bytes(b"\0garbage\n")
    for question in (["top", "--by", "user"], ["events"], ["estimate", "metadata"], ["stats"]):
        assert main([*question, "--log", str(path)]) == 1, question
