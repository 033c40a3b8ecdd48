"""A static Ansible inventory, INI or YAML, for machines without Ansible: groups, ranges and plain variables. Pure.

What needs more (programs, plugins, vaults, folders of inventories or of variables) is refused with the word to
install ansible-core, whose `ansible-inventory` is then asked instead.

Source: ansible lib/ansible/plugins/inventory/ini.py and yaml.py, lib/ansible/inventory/helpers.py:sort_groups,
lib/ansible/vars/manager.py (VARIABLE_PRECEDENCE), checked against the answers of `ansible-inventory --list`.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from kaudit_setup.errors import InputError
from kaudit_setup.fleet.ansible import Listing, Variables
from kaudit_setup.fleet.ansible_connection import Value
from kaudit_setup.fleet.hosts import Place, Problems, Tree, as_text, expand, port_number
from kaudit_setup.yamltext import Fields, Items, Marked, Scalar, marked

INSTALL = "install ansible-core, with which it is read"


@dataclass(slots=True)
class _Group:
    """`at` is where it was first named, None for one that only has variables."""

    at: Place | None = None
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Place] = field(default_factory=dict)
    variables: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class Static:
    """What has been read so far: groups by name, each host's own variables and where it is first named."""

    problems: Problems
    groups: dict[str, _Group] = field(default_factory=lambda: {"all": _Group()})
    hosts: dict[str, dict[str, Value]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def group(self, name: str, line: int) -> _Group:
        """The group of that name, made if need be."""
        group = self.groups.setdefault(name, _Group())
        group.at = group.at or self.problems.at(line)
        return group

    def add_hosts(self, group: str, pattern: str, variables: dict[str, Value], line: int) -> None:
        """The hosts that a pattern with ranges names are members of `group` and have these variables."""
        try:
            names, port = _names(pattern)
        except ValueError as error:
            self.problems.add(line, str(error))
            return
        at = self.problems.at(line)
        members = self.group(group, line).hosts
        for name in names:
            members[name] = None
            self.places.setdefault(name, at)
            mine = self.hosts.setdefault(name, {})
            mine.update({"ansible_port": Value(port, at)} if port else {})
            mine.update(variables)

    def listing(self) -> Listing:
        """The groups with all their hosts; none, and a problem, where a group is below itself."""
        try:
            TopologicalSorter(self._parents()).prepare()
        except CycleError as error:
            self._add_loop(error.args[1])
            return Listing({}, {})
        members = {name: self._members(name) for name in self.groups} | {"all": tuple(self.hosts)}
        return Listing(members, self.places | {name: group.at for name, group in self.groups.items() if group.at})

    def variables(self, listing: Listing, hosts: Sequence[str], files: VarsFiles) -> dict[str, Variables]:
        """What counts for each of `hosts`: groups far from it first, then near ones, equals by name, its own last.

        What the inventory says of groups gives way to all of group_vars, what it says of the host to host_vars.
        """
        if not hosts:
            return {}
        above, depth = self._parents(), dict[str, int]()
        for name in TopologicalSorter(above).static_order():
            depth[name] = max((depth[parent] + 1 for parent in above[name]), default=0)
        found: dict[str, Variables] = {}
        for host in hosts:
            groups = sorted((g for g in self.groups if host in listing.groups[g]), key=lambda g: (depth[g], g))
            layers = [self.groups[name].variables for name in groups]
            layers += [files.read(f"group_vars/{name}") for name in groups]
            layers += [self.hosts[host], files.read(f"host_vars/{host}")]
            found[host] = {key: value for layer in layers for key, value in layer.items()}
        return found

    def _parents(self) -> dict[str, set[str]]:
        """Group → the groups that name it as a child; every group but `all` has `all` above it."""
        above: dict[str, set[str]] = {name: {"all"} - {name} for name in self.groups}
        for name, group in self.groups.items():
            for child in group.children:
                if child in above and child != "all":
                    above[child].add(name)
        return above

    def _members(self, name: str) -> tuple[str, ...]:
        group = self.groups.get(name, _Group())
        below = (host for child in group.children for host in self._members(child))
        return tuple(dict.fromkeys((*group.hosts, *below)))

    def _add_loop(self, loop: list[str]) -> None:
        entries = [(at, child) for name in loop for child, at in self.groups[name].children.items() if child in loop]
        at, child = max(entries, key=lambda entry: entry[0].line)
        self.problems.add(at, f"group {child!r} is a child of itself")


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


# --- INI

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:[#;].*)?$")
_RANGE = re.compile(r"\[\w+:\w+(:\w+)?\].*")
_GROUP_NAME = re.compile(r"([^:\]\s]+)\s*(?:[#;].*)?$")


def parse_ini(text: str, found: Static) -> None:
    """Add what an INI inventory says; problems are collected, each with its line."""
    _Ini(found).read(text)


class _Ini:
    def __init__(self, found: Static) -> None:
        self._found, self._problems = found, found.problems
        self._section = "ungrouped"
        self._entry: Callable[[int, str], None] = self._host
        # a [web:vars] or [web:children] section does not make the group: it must be named elsewhere
        self._claimed: dict[str, tuple[int, str]] = {}

    def read(self, text: str) -> None:
        for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
            line = line.strip()
            if line and line[0] not in "#;":
                self._line(number, line)
        for name, (number, where) in self._claimed.items():
            group = self._found.groups.get(name, _Group())
            if group.at is None and name not in {"all", "ungrouped"}:
                said = f"group {name!r} of this {where} entry is not defined; add a section [{name}]"
                self._problems.add(number, said)

    def _line(self, number: int, line: str) -> None:
        if header := _SECTION.match(line):
            self._header(number, header[1], header[2] or "hosts")
        elif line.startswith("[") and line.endswith("]") and not _RANGE.fullmatch(line):
            said = f"{line} is not a section; they are [group], [group:children] and [group:vars]"
            self._problems.add(number, said)
            self._entry = self._skip
        else:
            self._entry(number, line)

    def _header(self, number: int, name: str, kind: str) -> None:
        entries = {"hosts": self._host, "children": self._child, "vars": self._variable}
        self._section, self._entry = name, entries.get(kind, self._skip)
        if kind == "vars":
            self._claimed.setdefault(name, (number, "vars"))
        elif kind in entries:
            self._found.group(name, number)
        else:
            known = "[group], [group:children], [group:vars]"
            self._problems.add(number, f"section [{name}:{kind}] is none of {known}")

    def _host(self, number: int, line: str) -> None:
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            self._problems.add(number, f"unbalanced quotes: {error}".lower())
            return
        variables = {}
        for word in words[1:]:
            key, equals, value = word.partition("=")
            if equals and key:
                variables[key] = Value(_literal(value), self._problems.at(number))
            else:
                self._problems.add(number, f"expected name=value after the host, found {word!r}")
        if words:
            self._found.add_hosts(self._section, words[0], variables, number)

    def _child(self, number: int, line: str) -> None:
        if child := _GROUP_NAME.match(line):
            self._found.group(self._section, number).children.setdefault(child[1], self._problems.at(number))
            self._claimed.setdefault(child[1], (number, "children"))
        else:
            self._problems.add(number, f"{line!r} is not the name of a group")

    def _variable(self, number: int, line: str) -> None:
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            self._problems.add(number, f"{line!r} is not a variable; they are written name=value")
            return
        group = self._found.groups.setdefault(self._section, _Group())
        group.variables[key.strip()] = Value(_literal(value.strip()), self._problems.at(number))

    def _skip(self, _number: int, _line: str) -> None:
        """Below a section that is none."""


def _literal(value: str) -> str:
    """Ansible reads INI values as Python literals, so that a quoted text loses its quotes (`_parse_value`)."""
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return value
    return read if isinstance(read, str) else value


# --- YAML

_NOT_A_MAPPING = "the inventory must be a mapping: `all: {hosts: …, children: …}`, or this tool's own `clusters:`"


def parse_yaml(root: Marked | None, found: Static) -> None:
    """Add what a YAML inventory says; problems are collected, each with its line."""
    if not isinstance(root, Fields):
        found.problems.add(root.line if root else 0, _NOT_A_MAPPING if root else "the inventory is empty")
        return
    for name, body in root.fields:
        _yaml_group(found, name, body)


def _yaml_group(found: Static, name: Scalar, body: Marked) -> None:
    found.group(name.text, name.line)
    if isinstance(body, Scalar) and body.null:
        return
    if not isinstance(body, Fields):
        hint = f"; this is the answer of a program: {INSTALL}" if name.text == "_meta" else ""
        found.problems.add(body.line, f"group {name.text!r} must be a mapping of hosts, children and vars{hint}")
        return
    entries = {"hosts": _yaml_host, "children": _yaml_child, "vars": _yaml_variable}
    for key, part in body.fields:
        if key.text not in entries:
            said = f"group {name.text!r} has an unexpected key {key.text!r}; hosts, children or vars"
            found.problems.add(key.line, said)
        elif isinstance(part, Fields):
            for item, value in part.fields:
                entries[key.text](found, name.text, item, value)
        elif not (isinstance(part, Scalar) and part.null):
            kind = "list" if isinstance(part, Items) else "text"
            found.problems.add(part.line, f"{key.text} of group {name.text!r} must be a mapping, not a {kind}")


def _yaml_host(found: Static, group: str, name: Scalar, value: Marked) -> None:
    variables = _mapping(value, found.problems, f"the variables of host {name.text!r} must be a mapping")
    if variables is not None:
        found.add_hosts(group, name.text, variables, name.line)


def _yaml_child(found: Static, group: str, name: Scalar, value: Marked) -> None:
    found.groups[group].children.setdefault(name.text, found.problems.at(name.line))
    _yaml_group(found, name, value)


def _yaml_variable(found: Static, group: str, name: Scalar, value: Marked) -> None:
    text = value.text if isinstance(value, Scalar) else ""
    found.groups[group].variables[name.text] = Value(text, found.problems.at(value.line))


def _mapping(root: Marked | None, problems: Problems, otherwise: str) -> dict[str, Value] | None:
    """The variables of a mapping, none of nothing; lists and mappings among their values are empty. Or a problem."""
    if root is None or (isinstance(root, Scalar) and root.null):
        return {}
    if not isinstance(root, Fields):
        problems.add(root.line, otherwise)
        return None
    return {
        key.text: Value(part.text if isinstance(part, Scalar) else "", problems.at(part.line))
        for key, part in root.fields
    }


# --- group_vars and host_vars


class VarsFiles:
    """The files beside an inventory, each read once, when the first host needs it. `notes`: what was passed over."""

    def __init__(self, tree: Tree, problems: Problems) -> None:
        """Problems are collected."""
        self._tree, self._problems = tree, problems
        self._read: dict[str, dict[str, Value]] = {}
        self.notes: list[str] = []

    def read(self, path: str) -> dict[str, Value]:
        """The variables of `path`, as `group_vars/all`: of the file without an ending, else .yml, .yaml, .json."""
        if path not in self._read:
            self._read[path] = self._find(path)
        return self._read[path]

    def _find(self, path: str) -> dict[str, Value]:
        if any(name.startswith(f"{path}/") for name in self._tree.files):
            self._problems.add(Place(self._tree.name(path)), f"this is a folder of variables; {INSTALL}")
        names = (path, f"{path}.yml", f"{path}.yaml", f"{path}.json")
        found = next((name for name in names if name in self._tree.files), None)
        return self._file(found) if found else {}

    def _file(self, path: str) -> dict[str, Value]:
        problems = self._problems.within(self._tree.name(path))
        text = as_text(self._tree.files[path], problems)
        if text is None:
            return {}
        if text.startswith("$ANSIBLE_VAULT;"):
            said = "is encrypted by ansible-vault and was not read; if it says how hosts are reached,"
            self.notes.append(f"{problems.file} {said} {INSTALL}")
            return {}
        try:
            return _mapping(marked(text, problems.file), problems, "it must be a mapping of variables") or {}
        except InputError as error:
            problems.add_error(error)
            return {}
