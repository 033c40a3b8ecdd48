"""Ansible's INI and YAML inventories → groups and hosts with their variables, before anything is chosen from them.

Source: ansible lib/ansible/plugins/inventory/ini.py and yaml.py (`_parse`, `_parse_group`), checked against the
behaviour of `ansible-inventory --list`.
"""

from __future__ import annotations

import ast
import re
import shlex
from dataclasses import dataclass, field
from typing import TypeAlias

from kaudit_setup.fleet.hosts import Place, Problems, expand, port_number
from kaudit_setup.yamltext import Fields, Items, Marked, Scalar

Vars: TypeAlias = dict[str, tuple[str, Place]]
"""Variable → its value as text, and where it was given."""


@dataclass(slots=True)
class Group:
    """A group of an inventory; `at` is where it was first named, None for one that only has variables."""

    name: str
    at: Place | None
    hosts: list[str] = field(default_factory=list)
    children: dict[str, Place] = field(default_factory=dict)
    vars: Vars = field(default_factory=dict)


@dataclass(slots=True)
class Groups:
    """Everything an Ansible inventory says: its groups by name, and each host's own variables and first line."""

    groups: dict[str, Group] = field(default_factory=lambda: {"all": Group("all", None)})
    hosts: dict[str, Vars] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def group(self, name: str, at: Place) -> Group:
        """The group of that name, made if need be."""
        return self.groups.setdefault(name, Group(name, at))

    def host(self, name: str, at: Place, group: str) -> Vars:
        """The variables of that host, which is a member of `group` from now on."""
        members = self.group(group, at).hosts
        if name not in members:
            members.append(name)
        self.places.setdefault(name, at)
        return self.hosts.setdefault(name, {})

    def parents(self) -> dict[str, set[str]]:
        """Group → the groups that name it as a child; every group but `all` has `all` above it."""
        above: dict[str, set[str]] = {name: {"all"} for name in self.groups if name != "all"}
        above["all"] = set()
        for group in self.groups.values():
            for child in group.children:
                if child in above and child != "all":
                    above[child].add(group.name)
        return above


_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:[#;].*)?$")
_GROUP_NAME = re.compile(r"([^:\]\s]+)\s*(?:[#;].*)?$")


def parse_ini(text: str, problems: Problems, found: Groups) -> None:
    """Add what an INI inventory says; problems are collected, each with its line."""
    section, kind = "ungrouped", "hosts"
    # a [web:vars] or [web:children] section does not make the group: it must be named elsewhere
    claimed: dict[str, tuple[int, str]] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line, at = raw.strip(), problems.at(number)
        if number == 1:
            line = line.removeprefix("\ufeff")
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and (header := _SECTION.match(line)):
            section, kind = header[1], header[2] or "hosts"
            if kind not in {"hosts", "vars", "children"}:
                problems.add(number, f"section [{section}:{kind}] is none of [group], [group:children], [group:vars]")
                kind = "skip"
            elif kind == "vars":
                claimed.setdefault(section, (number, "vars"))
            else:
                found.group(section, at)
        elif line.startswith("[") and line.endswith("]") and not _is_range(line):
            problems.add(number, f"{line} is no section; they are [group], [group:children] and [group:vars]")
            kind = "skip"
        elif kind == "hosts":
            _ini_host(found, section, line, number, problems)
        elif kind == "children":
            if child := _GROUP_NAME.match(line):
                found.group(section, at).children.setdefault(child[1], at)
                claimed.setdefault(child[1], (number, "children"))
            else:
                problems.add(number, f"{line!r} is no name of a group")
        elif kind == "vars":
            key, equals, value = line.partition("=")
            if not equals or not key.strip():
                problems.add(number, f"{line!r} is no variable; they are written name=value")
            else:
                group = found.groups.setdefault(section, Group(section, None))
                group.vars[key.strip()] = (_plain(value.strip()), at)
    for name, (number, where) in claimed.items():
        if name not in found.groups or (found.groups[name].at is None and name not in {"all", "ungrouped"}):
            problems.add(number, f"group {name!r} of this {where} entry is not defined; add a section [{name}]")


def _is_range(line: str) -> bool:
    try:
        return len(expand(line)) > 1
    except ValueError:
        return False


def _ini_host(found: Groups, section: str, line: str, number: int, problems: Problems) -> None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        problems.add(number, f"unbalanced quotes: {error}".lower())
        return
    if not words:
        return
    given: Vars = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals or not key:
            problems.add(number, f"expected name=value after the host, found {word!r}")
        else:
            given[key] = (_plain(value), problems.at(number))
    _add_hosts(found, section, words[0], given, number, problems)


def _add_hosts(found: Groups, group: str, pattern: str, given: Vars, line: int, problems: Problems) -> None:
    try:
        names, port = _names(pattern)
    except ValueError as error:
        problems.add(line, str(error))
        return
    at = problems.at(line)
    for name in names:
        variables = found.host(name, at, group)
        if port:
            variables["ansible_port"] = (port, at)
        variables.update(given)


def _names(pattern: str) -> tuple[list[str], str]:
    """The hosts of `web[01:50].example.com:2222`, and the port; a bare IPv6 address has none."""
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\](?::(\d+))?", pattern)
    if bracketed:
        return [bracketed[1]], bracketed[2] or ""
    host, colon, port = pattern.rpartition(":")
    if colon and "[" not in port and "]" not in port and ":" not in re.sub(r"\[[^\]]*\]", "", host):
        port_number(port)
        return expand(host), port
    return expand(pattern), ""


def _plain(value: str) -> str:
    """Ansible reads INI values as Python literals, so that a quoted text loses its quotes (`_parse_value`)."""
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return value
    return read if isinstance(read, str) else value


def parse_yaml(root: Marked | None, problems: Problems, found: Groups) -> None:
    """Add what a YAML inventory says; problems are collected, each with its line."""
    if not isinstance(root, Fields):
        problems.add(root.line if root else 0, "the inventory is empty" if root is None else _NO_MAPPING)
        return
    for name, body in root.fields:
        _yaml_group(found, name, body, problems)


_NO_MAPPING = "the inventory must be a mapping: `all: {hosts: …, children: …}`, or this tool's own `clusters:`"


def _yaml_group(found: Groups, name: Scalar, body: Marked, problems: Problems) -> None:
    group = found.group(name.text, problems.at(name.line))
    if isinstance(body, Scalar) and body.null:
        return
    if not isinstance(body, Fields):
        hint = "; `ansible-inventory --list --yaml` writes the form that is read here" if name.text == "_meta" else ""
        problems.add(body.line, f"group {name.text!r} must be a mapping of hosts, children and vars{hint}")
        return
    for key, part in body.fields:
        if key.text not in {"hosts", "children", "vars"}:
            problems.add(key.line, f"group {name.text!r} has an unexpected key {key.text!r}; hosts, children or vars")
            continue
        fields = _named(part)
        if fields is None:
            kind = "list" if isinstance(part, Items) else "text"
            problems.add(part.line, f"{key.text} of group {name.text!r} must be a mapping, not a {kind}")
            continue
        for item, value in fields:
            if key.text == "children":
                group.children.setdefault(item.text, problems.at(item.line))
                _yaml_group(found, item, value, problems)
            elif key.text == "vars":
                group.vars[item.text] = value_of(value, problems)
            else:
                _yaml_host(found, name.text, item, value, problems)


def _yaml_host(found: Groups, group: str, name: Scalar, value: Marked, problems: Problems) -> None:
    if isinstance(value, Fields):
        given = {key.text: value_of(part, problems) for key, part in value.fields}
    elif isinstance(value, Scalar) and value.null:
        given = {}
    else:
        problems.add(value.line, f"the variables of host {name.text!r} must be a mapping")
        return
    _add_hosts(found, group, name.text, given, name.line, problems)


def _named(part: Marked) -> tuple[tuple[Scalar, Marked], ...] | None:
    """The entries of a `hosts`, `children` or `vars`; Ansible lets one name stand for a mapping with that key."""
    if isinstance(part, Fields):
        return part.fields
    if isinstance(part, Scalar):
        return () if part.null else ((part, Scalar("", part.line, null=True)),)
    return None


def value_of(part: Marked, problems: Problems) -> tuple[str, Place]:
    """A variable's value; lists and mappings are no connection settings, and are empty here."""
    return (part.text if isinstance(part, Scalar) else "", problems.at(part.line))
