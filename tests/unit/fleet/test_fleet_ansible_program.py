"""Ansible's inventories where Ansible is installed: it is asked, and its answer is taken as it is."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kaudit_setup.errors import InputError
from kaudit_setup.fleet import ansible_program
from kaudit_setup.fleet.hosts import Host
from kaudit_setup.fleet.inventory_files import read_from

VAULT = {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n6638\n"}
ANSWER = {
    "_meta": {
        "hostvars": {
            "m1": {"ansible_host": "10.0.0.1", "ansible_port": 2222, "ansible_user": "ops", "list": [1]},
            "m2": {"ansible_become": False, "ansible_become_password": VAULT, "ansible_ssh_common_args": "-J b"},
            "w1": {"ansible_user": VAULT},
        }
    },
    "all": {"children": ["ungrouped", "kube_control_plane", "kube_node"]},
    "kube_control_plane": {"children": ["rack"], "hosts": ["m1"]},
    "rack": {"hosts": ["m2", "m1"]},
    "kube_node": {"hosts": ["w1"]},
}
Install = Callable[[str], Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """A program of the name `ansible-inventory` on an otherwise usual PATH; its arguments are kept in a file."""

    def make(script: str) -> Path:
        folder = tmp_path / "ansible"
        folder.mkdir()
        program, asked = folder / "ansible-inventory", folder / "asked"
        program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{asked}\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return asked

    return make


def answering(answer: dict[str, Any]) -> str:
    return f"printf %s {shlex.quote(json.dumps(answer))}"


def given(tmp_path: Path, text: str = "what only Ansible understands", name: str = "hosts") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_its_answer_counts_whatever_the_file_is(install: Install, tmp_path: Path) -> None:
    asked, path = install(answering(ANSWER)), given(tmp_path)
    found = read_from(path, ())
    where = str(path)
    assert found.hosts == (
        Host("m1", "10.0.0.1", "ops", 2222, where=where),
        Host("m2", "m2", proxy_jump="b", where=where),
    )
    assert [note.partition(" is not followed")[0] for note in found.notes] == [
        f"{path}: ansible_become",
        f"{path}: ansible_become_password",
    ]
    assert asked.read_text().splitlines() == ["-i", str(path), "--list"]


def test_a_folder_is_given_to_it(install: Install, tmp_path: Path) -> None:
    asked = install(answering(ANSWER))
    folder = tmp_path / "inventory"
    folder.mkdir()
    assert [host.name for host in read_from(folder, ("kube_control_plane",)).hosts] == ["m1", "m2"]
    assert str(folder) in asked.read_text().splitlines()


def test_the_projects_own_format_is_not_given_to_it(install: Install, tmp_path: Path) -> None:
    asked = install("exit 1")
    assert [host.name for host in read_from(given(tmp_path, "hosts: [cp1]", "own.yaml"), ()).hosts] == ["cp1"]
    assert not asked.exists()


def test_what_cannot_be_known_is_an_error_without_the_secret(install: Install, tmp_path: Path) -> None:
    install(answering(ANSWER))
    with pytest.raises(InputError) as caught:
        read_from(given(tmp_path), ("kube_node",))
    assert "ansible_user of w1 is encrypted by ansible-vault" in caught.value.message
    assert "6638" not in f"{caught.value.message}{caught.value.hint}{caught.value.details}"
    with pytest.raises(InputError, match="no group 'nope' in this inventory"):
        read_from(given(tmp_path), ("nope",))


def test_its_failure_is_said_in_its_words_and_its_output_is_not(install: Install, tmp_path: Path) -> None:
    install("echo 'ansible_password: hidden'; echo 'ERROR! Completely failed to parse' >&2; exit 4")
    with pytest.raises(InputError, match=r"cannot read this inventory \(exit status 4\)") as caught:
        read_from(given(tmp_path), ())
    assert caught.value.details == "ERROR! Completely failed to parse"
    assert "hidden" not in f"{caught.value.message}{caught.value.hint}{caught.value.details}"
    assert "--list" in caught.value.hint


@pytest.mark.parametrize("answer", ["", "[]", '{"all": {"hosts": 3}}', '{"all": [}'])
def test_an_answer_that_is_not_one(install: Install, tmp_path: Path, answer: str) -> None:
    install(f"printf %s {shlex.quote(answer)}")
    with pytest.raises(InputError, match="ansible-inventory has not answered as expected"):
        read_from(given(tmp_path), ())


def test_it_is_not_waited_for_without_end(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("exec sleep 60")
    monkeypatch.setattr(ansible_program, "_TIMEOUT_S", 0.2)
    with pytest.raises(InputError, match="has not answered for"):
        read_from(given(tmp_path), ())


def test_a_path_that_it_would_take_for_a_list_of_hosts(install: Install, tmp_path: Path) -> None:
    install(answering(ANSWER))
    with pytest.raises(InputError, match="a path with a comma"):
        read_from(given(tmp_path, name="a,b"), ())
