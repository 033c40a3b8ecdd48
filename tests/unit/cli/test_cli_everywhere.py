"""The options of every command, and terminals that are not UTF-8."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from logkit import SCENARIO, event, write

from kaudit_setup.cli import main
from kaudit_setup.cli.global_options import take_out
from kaudit_setup.errors import InputError


@pytest.mark.parametrize("position", [0, 1, 3, 5])
def test_they_may_stand_anywhere(position: int) -> None:
    words = ["top", "--by", "user", "--log", "audit.log"]
    for option in (["--utc"], ["--color", "always"], ["--color=always"], ["-vv"], ["--log-file", "x"]):
        left, how = take_out([*words[:position], *option, *words[position:]])
        assert left == words
        assert how != take_out(words)[1]


@pytest.mark.parametrize("wrong", [["--color"], ["--color", "red"], ["-q", "-v"], ["--log-file"]])
def test_nonsense_is_refused(wrong: list[str]) -> None:
    with pytest.raises(InputError):
        take_out(["status", *wrong])


def test_what_follows_two_dashes_is_left_alone() -> None:
    assert take_out(["who", "--", "-v"])[0] == ["who", "--", "-v"]


def test_colours_are_as_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "etc/kubernetes/manifests").mkdir(parents=True)
    sample = SCENARIO.parents[2] / "samples/kube-apiserver-1.36.2.yaml"
    (tmp_path / "etc/kubernetes/manifests/kube-apiserver.yaml").write_text(sample.read_text())
    for when, coloured in (("always", True), ("never", False), ("auto", False)):
        main(["check", "--root", str(tmp_path), "--color", when])
        assert ("\x1b[31mFAIL" in capsys.readouterr().out) == coloured


def test_quiet_is_the_answer_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = write(tmp_path / "audit.log", event())
    main(["events", "--log", str(log), "--user", "nobody"])
    assert "note: no matching events" in capsys.readouterr().err
    main(["events", "--log", str(log), "--user", "nobody", "-q"])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("locale", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C"}])
def test_a_locale_without_these_characters_is_no_error(locale: dict[str, str], tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", event(user={"username": "jürgen-データ"}, verb="delete"))
    for argv in (
        ["events", "--log", str(log)],
        ["top", "--by", "user", "--log", str(log)],
        ["who", "deleted", "pod/p", "-n", "ns", "--log", str(log)],
        ["events", "--log", str(log), "-o", "csv"],
        ["top", "--by", "user", "--log", str(tmp_path / "ü.log")],
        ["--help"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "kaudit_setup", *argv],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **locale},
            capture_output=True,
            check=False,
        )
        assert b"Traceback" not in done.stderr
        assert b"unexpected" not in done.stderr
        assert done.returncode in {0, 1, 2}, done
