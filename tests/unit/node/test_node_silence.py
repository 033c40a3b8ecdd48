"""A script without a time limit that says nothing: it hangs, and is not waited for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kaudit_setup.errors import LostError
from kaudit_setup.node.local import LocalNode


def test_a_script_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(LostError, match=r"no answer for 0\.3 s \(does its disk hang\?\)"):
        LocalNode(tmp_path, idle_s=0.3).sh("echo beginning; sleep 60")
    assert time.monotonic() - began < 30


def test_one_that_says_something_on_standard_error_is_not(tmp_path: Path) -> None:
    talking = "i=0; while [ $i -lt 12 ]; do echo still here >&2; sleep 0.1; i=$((i + 1)); done; echo done"
    assert LocalNode(tmp_path, idle_s=0.8).sh(talking).out == b"done\n"


def test_a_reader_that_takes_its_time_is_no_silence(tmp_path: Path) -> None:
    read: list[bytes] = []

    def slowly(chunk: bytes) -> None:
        time.sleep(0.4)
        read.append(chunk)

    LocalNode(tmp_path, idle_s=0.3).sh("echo one; sleep 0.1; echo two", sink=slowly)
    assert b"".join(read) == b"one\ntwo\n"


def test_a_time_limit_counts_alone_where_there_is_one(tmp_path: Path) -> None:
    assert LocalNode(tmp_path, idle_s=0.1).sh("sleep 0.5; echo done", timeout=60).out == b"done\n"
