"""The control-plane hosts of an Ansible inventory, with the connection settings that Ansible would use."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace

from kaudit_setup.fleet.ansible import Groups, Vars
from kaudit_setup.fleet.ansiblevars import Folders, is_vaulted
from kaudit_setup.fleet.hosts import (
    CONTROL_PLANE_GROUPS,
    Host,
    Inventory,
    Place,
    Problems,
    Tree,
    port_number,
    split_address,
    unique,
    with_text,
)

_SSH_CONNECTIONS = {"ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "ansible.builtin.paramiko_ssh"}


def select(found: Groups, wanted: Sequence[str], problems: Problems, beside: Tree | None = None) -> Inventory:
    """The hosts of the `wanted` groups, or of the first of CONTROL_PLANE_GROUPS that the file has, in its order.

    `beside`: the folder in which Ansible looks for `group_vars` and `host_vars`.
    """
    above = found.parents()
    if _loops(found, problems):
        return Inventory(())
    if wanted:
        groups = [name for name in wanted if name in found.groups]
        for name in wanted:
            if name not in found.groups:
                problems.add(0, f"there is no group {name!r}; there are: {_known(found)}")
    else:
        groups = [name for name in CONTROL_PLANE_GROUPS if name in found.groups][:1]
        if not groups and not problems.found:
            problems.add(
                0, f"none of its groups is {_or(CONTROL_PLANE_GROUPS)}; name one by --group: {_known(found)}"
            )
    names: dict[str, None] = {}
    for group in groups:
        names.update(dict.fromkeys(_members(found, group)))
    if groups and not names and not problems.found:
        problems.add(found.groups[groups[0]].at or 0, f"group {groups[0]!r} has no hosts")
    notes: dict[str, None] = {}
    folders = Folders(beside, problems, notes)
    hosts = [_host(found, name, _variables(found, above, name, folders), problems, notes) for name in names]
    return Inventory(unique(hosts), tuple(notes))


def _or(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " or " + names[-1]


def _known(found: Groups) -> str:
    return ", ".join(sorted(set(found.groups) - {"all"})) or "none"


def _loops(found: Groups, problems: Problems) -> bool:
    """Whether a group is below itself; said once, at the entry that closes the loop."""
    done: set[str] = set()

    def loops(name: str, path: tuple[str, ...]) -> bool:
        if name in done or name not in found.groups:
            return False
        for child, line in found.groups[name].children.items():
            if child in (*path, name):
                problems.add(line, f"group {child!r} is a child of itself")
                return True
            if loops(child, (*path, name)):
                return True
        done.add(name)
        return False

    return any(loops(name, ()) for name in found.groups)


def _members(found: Groups, group: str) -> list[str]:
    if group == "all":
        return list(found.hosts)
    members = list(found.groups[group].hosts) if group in found.groups else []
    for child in found.groups[group].children if group in found.groups else ():
        members += _members(found, child)
    return members


def _variables(found: Groups, above: dict[str, set[str]], host: str, folders: Folders) -> Vars:
    """The host's variables: groups far from it first, then near ones, equals by name, its own last.

    What the inventory says of groups gives way to all of group_vars, what it says of the host to host_vars.
    Source: ansible lib/ansible/inventory/helpers.py:sort_groups, lib/ansible/vars/manager.py (VARIABLE_PRECEDENCE).
    """
    member_of = {name for name, group in found.groups.items() if host in group.hosts} | {"all"}
    todo = list(member_of)
    while todo:
        fresh = above[todo.pop()] - member_of
        member_of |= fresh
        todo += fresh
    depths: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in depths:
            depths[name] = max((depth(parent) + 1 for parent in above[name]), default=0)
        return depths[name]

    merged: Vars = {}
    names = sorted(member_of, key=lambda n: (depth(n), _priority(found.groups[n].vars), n))
    for name in names:
        merged.update(found.groups[name].vars)
    for name in names:
        merged.update(folders.of_group(name))
    merged.update(found.hosts[host])
    merged.update(folders.of_host(host))
    return merged


def _priority(variables: Vars) -> int:
    text = variables["ansible_group_priority"][0] if "ansible_group_priority" in variables else "1"
    return int(text) if text.isascii() and text.isdigit() else 1


def _host(found: Groups, name: str, variables: Vars, problems: Problems, notes: dict[str, None]) -> Host:
    place = found.places[name]
    host = Host(name, name, where=str(place))

    def given(*spellings: str) -> tuple[str, Place] | None:
        for spelling in spellings:
            if spelling in variables and variables[spelling][0]:
                value, at = variables[spelling]
                value = re.sub(r"\{\{\s*inventory_hostname\s*\}\}", name, value)
                if "{{" in value or "{%" in value:
                    problems.add(
                        at,
                        f"{spelling} of {name} is a template that only Ansible can fill in: {value}; "
                        "write the value itself there, or give it to the host in host_vars",
                    )
                    return None
                if is_vaulted(value):
                    problems.add(
                        at,
                        f"{spelling} of {name} is encrypted by ansible-vault, and only Ansible can open it; "
                        "write it in the clear, or leave it out and say it in ssh_config",
                    )
                    return None
                return value, at
        return None

    connection = given("ansible_connection")
    if connection and connection[0] in {"local", "ansible.builtin.local"}:
        return replace(host, local=True)
    if connection and connection[0] not in _SSH_CONNECTIONS:
        problems.add(
            connection[1], f"ansible_connection={connection[0]} of {name}: only ssh and local are possible here"
        )
    # what stands in the arguments gives way to what has a variable of its own, as in Ansible's ssh plugin
    for spelling in ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"):
        if arguments := given(spelling):
            host = _ssh_arguments(host, arguments[0], arguments[1], problems, notes)
    if address := given("ansible_host", "ansible_ssh_host"):
        host = replace(host, address=address[0])
    if user := given("ansible_user", "ansible_ssh_user"):
        host = replace(host, user=user[0])
    if key := given("ansible_ssh_private_key_file", "ansible_private_key_file"):
        host = replace(host, identity_file=key[0])
    at = address[1] if address else place
    try:
        if port := given("ansible_port", "ansible_ssh_port"):
            at = port[1]
            host = replace(host, port=port_number(port[0]))
        at = address[1] if address else place
        split_address(f"[{host.address}]" if host.address.count(":") > 1 else host.address)
    except ValueError as error:
        problems.add(at, str(error))
    _say_what_is_not_followed(variables, notes)
    return host


_NOT_FOLLOWED = {
    **dict.fromkeys(
        ("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass"),
        "passwords are not read from files: --ask-become-pass asks for it",
    ),
    **dict.fromkeys(
        ("ansible_password", "ansible_ssh_pass"), "passwords are not used for SSH, only keys and the agent are"
    ),
    **dict.fromkeys(
        ("ansible_host_key_checking", "ansible_ssh_host_key_checking"), "host keys are checked in any case"
    ),
    "ansible_become_exe": "it is `sudo` that is run",
    "ansible_become_flags": "it is `sudo -n` that is run, or `sudo -S` with --ask-become-pass",
}
_EXPECTED = {"ansible_become_method": "sudo", "ansible_become_user": "root"}
_NO = {"false", "no", "off", "0", "n", "f"}


def _say_what_is_not_followed(variables: Vars, notes: dict[str, None]) -> None:
    """Whoever wrote it expects it to count: say once where it does not. Values are not shown, some are secret."""
    for variable, (value, at) in variables.items():
        why = _NOT_FOLLOWED.get(variable, "")
        if variable in _EXPECTED and value.removeprefix("ansible.builtin.") != _EXPECTED[variable]:
            why = "who is not root logs in and runs sudo to become root"
        if variable == "ansible_become" and value.lower() in _NO:
            why = "root is needed, so whoever is not root logs in and runs sudo"
        if why:
            notes[f"{at}: {variable} is not followed: {why}"] = None


_OPTIONS = {
    "proxyjump": "proxy_jump",
    "proxycommand": "proxy_command",
    "identityfile": "identity_file",
    "userknownhostsfile": "known_hosts_file",
    "user": "user",
}
_FLAGS = {"-J": "proxy_jump", "-i": "identity_file", "-l": "user"}
# ssh options that take a value (ssh(1)); everything else is a switch, and switches do not change where we connect
_WITH_VALUE = set("BbcDEeFIiJLlmOoPpQRSWw")


def _ssh_arguments(host: Host, text: str, at: Place, problems: Problems, notes: dict[str, None]) -> Host:
    try:
        words = shlex.split(text)
    except ValueError as error:
        problems.add(at, f"ssh arguments of {host.name}: {str(error).lower()}")
        return host
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word in {"-", "--"}:
            problems.add(at, f"ssh arguments of {host.name}: {word!r} is no option")
            return host
        # switches may be run together, and the last may take a value: -tJ bastion, -oPort=22
        spot = next((i for i, letter in enumerate(word) if i and letter in _WITH_VALUE), 0)
        if not spot:
            continue
        flag, value = "-" + word[spot], word[spot + 1 :]
        if not value:
            if not words:
                problems.add(at, f"ssh arguments of {host.name}: {flag} needs a value")
                return host
            value = words.pop(0)
        host = _ssh_option(host, flag, value, at, problems, notes)
    return host


def _ssh_option(host: Host, flag: str, value: str, at: Place, problems: Problems, notes: dict[str, None]) -> Host:
    name, field = flag, _FLAGS.get(flag, "")
    if flag == "-o":
        name, _, value = (
            part.strip() for part in re.sub(r"^\s*(\w+)\s*[\s=]", r"\1=", value, count=1).partition("=")
        )
        value = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
        field = _OPTIONS.get(name.lower(), "")
    if field == "proxy_jump" and value.lower() == "none":
        return replace(host, proxy_jump="", proxy_command="")
    if field:
        # the first of two equal options wins, as in ssh; a jump and a command exclude each other
        taken = getattr(host, field) or (field.startswith("proxy_") and (host.proxy_jump or host.proxy_command))
        return host if taken else with_text(host, field, value)
    if flag == "-p" or name.lower() == "port":
        try:
            return host if host.port else replace(host, port=port_number(value))
        except ValueError as error:
            problems.add(at, str(error))
    elif name.lower() == "stricthostkeychecking":
        if value.lower() not in {"yes", "ask"}:
            notes[f"{at}: StrictHostKeyChecking={value} is not followed: host keys are checked"] = None
    elif flag == "-F":
        notes[f"{at}: -F {value} is not followed; give it as --ssh-config {value}"] = None
    return host
