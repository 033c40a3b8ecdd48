"""Whom the scripts on a node take for kubelet and kube-apiserver: a name is a claim that anybody can make."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.shell import script

LIB = script("lib")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's process")

Start = Callable[..., int]


@pytest.fixture
def start() -> Iterator[Start]:
    """A process of a name and of a user, its PID."""
    began: list[subprocess.Popen[bytes]] = []

    def begin(name: str, user: int | None = None, *args: str) -> int:
        script = (
            f'exec -a "{name}" sleep 60' if not args else f'exec -a "{name}" sh -c "sleep 60; :" {" ".join(args)}'
        )
        process = subprocess.Popen(["bash", "-c", script], user=user, stdout=subprocess.DEVNULL)
        began.append(process)
        while b"bash" in Path(f"/proc/{process.pid}/cmdline").read_bytes():
            os.sched_yield()
        return process.pid

    yield begin
    for process in began:
        process.kill()
        process.wait()


def pids_of(name: str) -> set[int]:
    ran = LocalNode().sh(f'{LIB}\npids_of "$1"', [name])
    return {int(line) for line in ran.out.split()}


@pytest.mark.parametrize("name", ["kubelet", "kube-apiserver"])
def test_a_process_of_ours_is_found(start: Start, name: str) -> None:
    assert start(f"/usr/bin/{name}") in pids_of(name)


@root_only
@pytest.mark.parametrize("name", ["kubelet", "kube-apiserver"])
def test_a_strangers_process_of_that_name_is_not_believed(start: Start, name: str) -> None:
    assert start(name, 65534) not in pids_of(name)


@root_only
def test_a_strangers_server_does_not_decide_which_log_is_read(start: Start, tmp_path: Path) -> None:
    """Its --audit-log-path would lead to a file of the stranger's."""
    forged = tmp_path / "forged.log"
    forged.write_text("{}\n")
    start("kube-apiserver", 65534, f"--audit-log-path={forged}")
    said = LocalNode().sh(LIB + script("logs"), ["list", "cat"]).out
    assert b"forged" not in said
