"""From the variables of one host of an Ansible inventory to how it is reached. Pure.

Source: ansible lib/ansible/plugins/connection/ssh.py (which variable counts more), ssh(1) (its options).
"""

from __future__ import annotations

import getopt
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kaudit_setup.fleet.hosts import Host, Place, Problems, port_number, split_address, with_text
from kaudit_setup.values import replace

_LOCAL = {"local", "ansible.builtin.local"}
_SSH = {"ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "ansible.builtin.paramiko_ssh"}
# what stands in the arguments gives way to what has a variable of its own, as in Ansible's ssh plugin
_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
_TEXTS = {
    "address": ("ansible_host", "ansible_ssh_host"),
    "user": ("ansible_user", "ansible_ssh_user"),
    "identity_file": ("ansible_ssh_private_key_file", "ansible_private_key_file"),
}


@dataclass(frozen=True, slots=True)
class Value:
    """A variable's value as text, and where it was given; lists and mappings are not settings: they are empty."""

    text: str
    at: Place


@dataclass(frozen=True, slots=True)
class Connection:
    """A host, and what a person should know about settings of it that are not followed."""

    host: Host
    notes: tuple[str, ...]


def connection(name: str, place: Place, variables: Mapping[str, Value], problems: Problems) -> Connection:
    """How the host `name`, which the inventory names at `place`, is reached; problems are collected."""
    given = _Given(name, variables, problems)
    host = Host(name, name, where=str(place))
    way = given.first("ansible_connection") or Value("ssh", place)
    if way.text in _LOCAL:
        return Connection(replace(host, local=True), ())
    if way.text not in _SSH:
        problems.add(way.at, f"ansible_connection={way.text} of {name}: only ssh and local are possible here")
    options = [found for spelling in _ARGUMENTS for found in _ssh_options(given, spelling)]
    for option, value in options:
        host = _with_option(host, option, value, problems)
    host = _with_variables(host, given)
    notes = [note for option, value in options for note in _not_followed_option(option, value)]
    return Connection(host, (*notes, *_not_followed(variables)))


def _with_variables(host: Host, given: _Given) -> Host:
    """What has a variable of its own counts more than what stands in ssh's arguments."""
    for field, spellings in _TEXTS.items():
        if found := given.first(*spellings):
            host = with_text(host, field, found.text)
            if field == "address":
                given.check_address(found)
    port = given.first("ansible_port", "ansible_ssh_port")
    return _with_port(host, port, given.problems) if port else host


@dataclass(frozen=True, slots=True)
class _Given:
    """The variables of the host `name`."""

    name: str
    variables: Mapping[str, Value]
    problems: Problems

    def first(self, *spellings: str) -> Value | None:
        """The first of these variables that has a value; a problem, and None, where only a play knows it."""
        for variable in spellings:
            value = self.variables.get(variable)
            if value and value.text:
                return self._known(variable, value)
        return None

    def _known(self, variable: str, value: Value) -> Value | None:
        text = re.sub(r"\{\{\s*inventory_hostname\s*\}\}", lambda _: self.name, value.text)
        for mark, why in _UNKNOWN.items():
            if mark in text:
                self.problems.add(value.at, f"{variable} of {self.name} {why.format(text=text)}")
                return None
        return Value(text, value.at)

    def check_address(self, value: Value) -> None:
        """A problem where this is neither an address nor a host name."""
        try:
            split_address(f"[{value.text}]" if value.text.count(":") > 1 else value.text)
        except ValueError as error:
            self.problems.add(value.at, str(error))


_TEMPLATE = (
    "is a template that only Ansible can fill in: {text}; "
    "write the value itself there, or give it to the host in host_vars"
)
_UNKNOWN = {
    "{{": _TEMPLATE,
    "{%": _TEMPLATE,
    "$ANSIBLE_VAULT;": "is encrypted by ansible-vault, and only Ansible can open it; "
    "write it in the clear, or leave it out and say it in ssh_config",
}


# --- ssh's own arguments

_SHORT = {"-J": "proxyjump", "-i": "identityfile", "-l": "user", "-p": "port", "-F": "-F"}
_FIELDS = {
    "proxyjump": "proxy_jump",
    "proxycommand": "proxy_command",
    "identityfile": "identity_file",
    "userknownhostsfile": "known_hosts_file",
    "user": "user",
}
# ssh(1), as getopt has it: a colon after those that take a value
_GETOPT = "46AaCfGgKkMNnqsTtVvXxYyB:b:c:D:E:e:F:I:i:J:L:l:m:O:o:P:p:Q:R:S:W:w:"


def _ssh_options(given: _Given, variable: str) -> list[tuple[str, Value]]:
    """The options in that variable's arguments of ssh, each with its value, called as in ssh_config(5)."""
    arguments = given.first(variable)
    if arguments is None:
        return []
    said = f"ssh arguments of {given.name}: "
    found: list[tuple[str, str]] = []
    try:
        found, rest = getopt.getopt(shlex.split(arguments.text), _GETOPT)
        if rest:
            given.problems.add(arguments.at, f"{said}{rest[0]!r} is not an option")
    except ValueError as error:
        given.problems.add(arguments.at, f"{said}{str(error).lower()}")
    except getopt.GetoptError as error:
        wrong = "needs a value" if "argument" in error.msg else "is not an option of ssh"
        given.problems.add(arguments.at, f"{said}-{error.opt} {wrong}")
    pairs = (_config_line(value) if flag == "-o" else (_SHORT.get(flag, flag), value) for flag, value in found)
    return [(option, Value(value, arguments.at)) for option, value in pairs]


def _config_line(text: str) -> tuple[str, str]:
    """A line of ssh_config(5): `Name value`, `Name=value`, `Name "value"`."""
    name, _, value = re.sub(r"^\s*(\w+)\s*[\s=]", r"\1=", text, count=1).partition("=")
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return name.strip().lower(), value[1:-1] if quoted else value


def _with_option(host: Host, option: str, value: Value, problems: Problems) -> Host:
    """The first of two equal options wins, as in ssh; a jump and a command exclude each other."""
    if option == "port":
        return host if host.port else _with_port(host, value, problems)
    field = _FIELDS.get(option, "")
    if field == "proxy_jump" and value.text.lower() == "none":
        return replace(host, proxy_jump="", proxy_command="")
    rivals = ("proxy_jump", "proxy_command") if field.startswith("proxy_") else (field,)
    if not field or any(getattr(host, rival) for rival in rivals):
        return host
    return with_text(host, field, value.text)


def _with_port(host: Host, value: Value, problems: Problems) -> Host:
    try:
        return replace(host, port=port_number(value.text))
    except ValueError as error:
        problems.add(value.at, str(error))
        return host


# --- whoever wrote it expects it to count: what does not is said. Values are not shown, some are secret.

_PASSWORD = ("passwords are not read from files: --ask-become-pass asks for it", "")
_KEYS = ("passwords are not used for SSH, only keys and the agent are", "")
_HOST_KEYS = ("host keys are checked in any case", "")
_BECOME = "who is not root logs in and runs sudo to become root"
# variable: why it is not followed, and the values with which that makes no difference
_NOT_FOLLOWED = {
    "ansible_become_password": _PASSWORD,
    "ansible_become_pass": _PASSWORD,
    "ansible_sudo_pass": _PASSWORD,
    "ansible_password": _KEYS,
    "ansible_ssh_pass": _KEYS,
    "ansible_host_key_checking": _HOST_KEYS,
    "ansible_ssh_host_key_checking": _HOST_KEYS,
    "ansible_become_exe": ("it is `sudo` that is run", ""),
    "ansible_become_flags": ("it is `sudo -n` that is run, or `sudo -S` with --ask-become-pass", ""),
    "ansible_become_method": (_BECOME, r"(ansible\.builtin\.)?sudo"),
    "ansible_become_user": (_BECOME, "root"),
    "ansible_become": (
        "root is needed, so whoever is not root logs in and runs sudo",
        r"(?!(false|no|off|0|n|f)$).*",
    ),
}


def _not_followed(variables: Mapping[str, Value]) -> Iterator[str]:
    for variable, value in variables.items():
        why, followed = _NOT_FOLLOWED.get(variable, ("", ".*"))
        if not re.fullmatch(followed, value.text, re.IGNORECASE | re.DOTALL):
            yield f"{value.at}: {variable} is not followed: {why}"


def _not_followed_option(option: str, value: Value) -> Iterator[str]:
    if option == "stricthostkeychecking" and value.text.lower() not in {"yes", "ask"}:
        yield f"{value.at}: StrictHostKeyChecking={value.text} is not followed: host keys are checked"
    if option == "-F":
        yield f"{value.at}: -F {value.text} is not followed; give it as --ssh-config {value.text}"
