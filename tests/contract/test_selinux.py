"""SELinux labels of replaced and restored files. No kernel here has SELinux: what answers for it is made up, with
labels that belong to inodes as real ones do; what the steps do with the answers is real.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.shell import script

PARTS = "\n".join(map(script, ("lib", "change")))
BY_POLICY = "system_u:object_r:kubernetes_file_t:s0"
BY_HAND = "system_u:object_r:mine_t:s0"


class Machine:
    """A folder of files with labels, and the programs that know of them."""

    def __init__(self, folder: Path, *, gnu: bool) -> None:
        self.folder, self.labels, self.bin = folder, folder / "labels", folder / "bin"
        self.labels.mkdir()
        self.bin.mkdir()
        real = {name: shutil.which(name) for name in ("stat", "cp")}
        inode = f"{real['stat']} -L -c %i"
        self.program(
            "stat",
            f'[ "$1 $2" = "-c %C" ] || exec {real["stat"]} "$@"\n'
            f'[ -e "$3" ] || exit 1\ncat "{self.labels}/$({inode} "$3")" 2>/dev/null || echo unlabeled_t',
        )
        self.program(
            "restorecon", f'echo "$2" >>{folder}/restored; echo {BY_POLICY} >"{self.labels}/$({inode} "$2")"'
        )
        self.program("chcon", f'echo "$1" >"{self.labels}/$({inode} "$2")"')
        # `cp --preserve=all` takes the label with it; busybox' cp knows neither that option nor labels
        keeps = f'for to; do :; done; {real["cp"]} "$@" && cp_label "$@"'
        takes = f"""cp_label() {{
  while case $1 in --) shift; false ;; -*) : ;; *) false ;; esac; do shift; done
  label={self.labels}/$({inode} "$1")
  if [ -e "$label" ]; then {real["cp"]} "$label" "{self.labels}/$({inode} "$2")"; fi
}}
"""
        knows_not = (
            'case "$*" in *--preserve=all* | *--attributes-only*) exit 1 ;; esac\nexec ' + str(real["cp"]) + ' "$@"'
        )
        self.program("cp", takes + keeps if gnu else knows_not)

    def program(self, name: str, text: str) -> None:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)

    def file(self, name: str, content: str, label: str = "") -> Path:
        path = self.folder / name
        path.write_text(content)
        if label:
            self.mark(path, label)
        return path

    def mark(self, path: Path, label: str) -> None:
        (self.labels / str(path.stat().st_ino)).write_text(f"{label}\n")

    def label(self, path: Path) -> str:
        file = self.labels / str(path.stat().st_ino)
        return file.read_text().strip() if file.exists() else "unlabeled_t"

    def run(self, steps: str, root: Path | None = None) -> None:
        text = f"RUN={self.folder}/run; mkdir -p $RUN; BACKUP={self.folder}/backup; mkdir -p $BACKUP/files\n{steps}"
        ran = LocalNode(root).sh(f"{PARTS}\n{text}\necho whole")
        assert ran.out.endswith(b"whole\n"), ran


@pytest.fixture
def machine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path, gnu=getattr(request, "param", True))
    monkeypatch.setenv("PATH", f"{made.bin}:/usr/sbin:/usr/bin:/sbin:/bin")
    return made


busybox = pytest.mark.parametrize("machine", [False], indirect=True, ids=["busybox"])


def test_a_new_file_gets_the_label_of_the_systems_rules(machine: Machine) -> None:
    new = machine.file(".new", "policy")
    machine.run(f"commit {machine.folder}/policy {new}")
    assert machine.label(machine.folder / "policy") == BY_POLICY


def test_a_replaced_file_keeps_the_label_that_was_given_by_hand(machine: Machine) -> None:
    old, new = machine.file("manifest", "old", BY_HAND), machine.file(".new", "new")
    machine.run(f"keep_attributes {old} {new}; commit {old} {new}")
    assert old.read_text() == "new"
    assert machine.label(old) == BY_HAND
    assert not (machine.folder / "restored").exists()


def test_an_undo_brings_the_label_back(machine: Machine) -> None:
    old, new = machine.file("manifest", "old", BY_HAND), machine.file(".new", "new", BY_POLICY)
    undo = machine.folder / ".undo"
    machine.run(
        f"was=$(sha_of {old}); backup_file 0 {old} $was; stage_undo 0 {undo} {old}; mv {new} {old}\n"
        f"restore {old} $(sha_of {old}) $was {machine.folder}/backup/files/0 {undo}"
    )
    assert old.read_text() == "old"
    assert machine.label(old) == BY_HAND


@busybox
def test_where_cp_knows_no_labels_they_are_set(machine: Machine) -> None:
    enforce = machine.folder / "sys/fs/selinux/enforce"
    enforce.parent.mkdir(parents=True)
    enforce.write_text("1")
    old, new = machine.file("manifest", "old", BY_HAND), machine.file(".new", "new")
    machine.run(f"keep_attributes {old} {new}", machine.folder)
    assert machine.label(new) == BY_HAND
