"""Ansible's group_vars and host_vars on a machine without Ansible: read from a disk, as users have them.

The order in which variables count was compared with `ansible-inventory --list` (ansible-core 2.19) on random trees.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kaudit_setup.errors import InputError
from kaudit_setup.fleet.hosts import Host, Inventory
from kaudit_setup.fleet.inventory_files import read_from

INI = """[masters]
m1
m2
[prod:children]
masters
"""
VAULTED = """!vault |
  $ANSIBLE_VAULT;1.1;AES256
  6638643965
"""


@pytest.fixture(autouse=True)
def _no_ansible(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("bin")))


def plant(folder: Path, files: dict[str, str]) -> Path:
    for name, text in {"hosts.ini": INI, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def inventory(folder: Path, files: dict[str, str], name: str = "hosts.ini") -> Inventory:
    return read_from(plant(folder, files) / name, ())


def first(folder: Path, files: dict[str, str]) -> Host:
    return inventory(folder, files).hosts[0]


def problems(folder: Path, files: dict[str, str], name: str = "hosts.ini") -> list[str]:
    with pytest.raises(InputError) as caught:
        inventory(folder, files, name)
    assert caught.value.hint
    return [line.replace(f"{folder}/", "") for line in caught.value.details.splitlines() or [caught.value.message]]


# each step counts more than all those above it
LADDER = {
    "ini-all": ("hosts.ini", INI + "[all:vars]\nansible_user=ini-all\n"),
    "ini-prod": ("hosts.ini", INI + "[all:vars]\nansible_user=ini-all\n[prod:vars]\nansible_user=ini-prod\n"),
    "ini-masters": ("hosts.ini", INI + "[prod:vars]\nansible_user=x\n[masters:vars]\nansible_user=ini-masters\n"),
    "all": ("group_vars/all.yml", "ansible_user: all"),
    "prod": ("group_vars/prod.yaml", "ansible_user: prod"),
    "masters": ("group_vars/masters", "ansible_user: masters"),
    "ini-host": ("hosts.ini", INI.replace("m1\n", "m1 ansible_user=ini-host\n") + "[masters:vars]\nansible_user=x\n"),
    "host": ("host_vars/m1.json", '{"ansible_user": "host"}'),
}


@pytest.mark.parametrize("step", LADDER)
def test_what_counts_more(tmp_path: Path, step: str) -> None:
    below = list(LADDER)[: list(LADDER).index(step) + 1]
    assert first(tmp_path, dict(LADDER[name] for name in below)).user == step


@pytest.mark.parametrize(
    ("files", "user"),
    [
        # one name is enough: no ending, .yml, .yaml, .json
        ({"group_vars/masters.yml": "ansible_user: yml", "group_vars/masters.yaml": "ansible_user: yaml"}, "yml"),
        ({"group_vars/masters.yaml": "ansible_user: yaml", "group_vars/masters.json": "{}"}, "yaml"),
        ({"group_vars/all.yml": "---\n"}, ""),
        ({"group_vars/other.yml": "ansible_user: other"}, ""),
    ],
)
def test_files(tmp_path: Path, files: dict[str, str], user: str) -> None:
    assert first(tmp_path, files).user == user


def test_what_is_read_of_them(tmp_path: Path) -> None:
    one, two = inventory(
        tmp_path,
        {
            "group_vars/all.yml": "ansible_ssh_common_args: -J bastion\nkube: {version: '{{ v }}'}\nlist: [1]\n",
            "group_vars/masters.yml": "ansible_user: ops\nansible_port: 2222\nansible_ssh_private_key_file: ~/k\n",
            "host_vars/m2.yml": "ansible_host: 10.0.0.2\nansible_ssh_extra_args: -o User=x\n",
        },
    ).hosts
    assert one == Host("m1", "m1", "ops", 2222, "~/k", "bastion", where=f"{tmp_path}/hosts.ini:2")
    assert two == Host("m2", "10.0.0.2", "ops", 2222, "~/k", "bastion", where=f"{tmp_path}/hosts.ini:3")


def test_a_yaml_inventory_has_them_too(tmp_path: Path) -> None:
    files = {"hosts.yml": "masters: {hosts: {a: {}}}", "group_vars/masters.yml": "ansible_user: me"}
    assert inventory(tmp_path, files, "hosts.yml").hosts[0].user == "me"


def test_what_is_vaulted_and_not_needed_does_not_matter(tmp_path: Path) -> None:
    found = inventory(
        tmp_path,
        {
            "group_vars/all.yml": f"secret: {VAULTED}ansible_user: {VAULTED}",
            "group_vars/prod.yml": "$ANSIBLE_VAULT;1.1;AES256\n6638643965\n",
            "group_vars/masters.yml": "ansible_user: plain",
        },
    )
    assert found.hosts[0].user == "plain"
    (note,) = found.notes
    assert note.startswith(f"{tmp_path}/group_vars/prod.yml is encrypted by ansible-vault")
    assert note.endswith("install ansible-core, with which it is read")


def test_a_folder_of_variables_is_left_to_ansible(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, {"group_vars/masters/a.yml": "a: b", "group_vars/other/a.yml": "a: b"})
    assert said == "group_vars/masters: this is a folder of variables; install ansible-core, with which it is read"


def test_what_is_needed_and_cannot_be_known_is_an_error_with_its_line(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        {
            "group_vars/all.yml": f"---\nother: '{{{{ x }}}}'\nansible_user: {VAULTED}",
            "host_vars/m1.yml": "\nansible_host: '{{ ip }}'\nansible_user: me",
            "host_vars/m2.yml": "ansible_port: 22x\nansible_host: '{{ inventory_hostname }}.lan'\n",
        },
    )
    template, vault, port = found
    assert template.startswith(
        "host_vars/m1.yml:2: ansible_host of m1 is a template that only Ansible can fill in: {{ ip }}"
    )
    assert "write the value itself there" in template
    assert vault.startswith("group_vars/all.yml:3: ansible_user of m2 is encrypted by ansible-vault")
    assert "write it in the clear" in vault
    assert port == "host_vars/m2.yml:1: '22x' is not a port; it must be a number from 1 to 65535"


def test_all_files_say_their_errors_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        {
            "hosts.ini": INI + "[masters:kids]\n",
            "group_vars/all.yml": "a: [\n",
            "group_vars/masters.yml": "- a\n",
            "host_vars/m2.yml": "#!/bin/sh\n",
            "host_vars/m1.yml": "a: b\n\tc: d\n",
        },
    )
    assert [line.split(": ")[0] for line in found] == [
        "hosts.ini:6",
        "group_vars/all.yml:2",
        "group_vars/masters.yml:1",
        "host_vars/m1.yml:2",
        "host_vars/m2.yml:1",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("ansible_become_password: hidden", "ansible_become_password is not followed: passwords are not read"),
        ("ansible_become_method: su", "ansible_become_method is not followed: who is not root"),
        ("ansible_become_user: kube", "ansible_become_user is not followed"),
        ("ansible_become: no", "ansible_become is not followed: root is needed"),
        ("ansible_ssh_pass: hidden", "ansible_ssh_pass is not followed"),
        ("ansible_become: true\nansible_become_method: sudo\nansible_become_user: root", ""),
    ],
)
def test_what_is_not_followed_is_said_without_its_value(tmp_path: Path, given: str, said: str) -> None:
    notes = inventory(tmp_path, {"group_vars/masters.yml": given}).notes
    assert [note.partition(said)[1] for note in notes] == ([said] if said else [])
    assert "hidden" not in str(notes)
    if said:
        assert notes[0].startswith(f"{tmp_path}/group_vars/masters.yml:1: ")


def test_ssh_args_count_before_the_common_and_the_extra_ones(tmp_path: Path) -> None:
    text = "ansible_ssh_extra_args: -J three\nansible_ssh_args: -o ControlMaster=auto -J one\n"
    assert first(tmp_path, {"group_vars/all.yml": text}).proxy_jump == "one"


def test_a_folder_of_inventories_is_left_to_ansible(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is a folder, and ansible-inventory is not installed") as caught:
        read_from(plant(tmp_path, {}), ())
    assert "install ansible-core" in caught.value.hint


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_an_inventory_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "hosts"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_from(path, ())
