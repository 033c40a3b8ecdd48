"""What an Ansible inventory says, whoever has read it, and which of its hosts are control-plane nodes. Pure.

Ansible is the only exact reader: what `ansible-inventory --list` prints is read by `from_json`. Where it is not
installed, `ansible_static` reads a plain INI or YAML file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from kaudit_setup.errors import InputError
from kaudit_setup.fleet.ansible_connection import Value, connection
from kaudit_setup.fleet.hosts import CONTROL_PLANE_GROUPS, Inventory, Place, Problems, unique

Variables: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Listing:
    """Group → its hosts in their order, those of its children included; where a host or a group is first named."""

    groups: Mapping[str, tuple[str, ...]]
    places: Mapping[str, Place]


class _Group(msgspec.Struct):
    """A group of the answer; `hostvars` is there in the entry `_meta` only."""

    hosts: list[str] = []
    children: list[str] = []
    hostvars: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What `ansible-inventory --list` has answered; host → the variables that count for it."""

    listing: Listing
    variables: Mapping[str, Variables]


def from_json(answer: bytes, file: str) -> Answer:
    """The answer as it was printed; `file` is the inventory's name for messages. Raises InputError."""
    try:
        tree = msgspec.json.decode(answer, type=dict[str, _Group])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"{file}: ansible-inventory has not answered as expected: {error}",
            hint="look at what `ansible-inventory --list` prints for it",
        ) from error
    place = Place(file)
    given = tree.pop("_meta", _Group()).hostvars
    groups = {name: tuple(dict.fromkeys(_members(tree, name))) for name in tree}
    hosts = {host for members in groups.values() for host in members}
    variables = {host: {k: Value(_text(v), place) for k, v in given.get(host, {}).items()} for host in hosts}
    return Answer(Listing(groups, dict.fromkeys((*hosts, *groups), place)), variables)


def _members(tree: Mapping[str, _Group], name: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    group = tree.get(name, _Group())
    yield from group.hosts
    for child in group.children:
        if child not in above:
            yield from _members(tree, child, (*above, name))


def _text(value: object) -> str:
    """A variable as text; lists and mappings are not connection settings, and are empty here."""
    if isinstance(value, dict):
        # a value that Ansible could not decrypt
        return str(value.get("__ansible_vault", ""))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else ""


def choose(listing: Listing, wanted: Sequence[str], problems: Problems) -> tuple[str, ...]:
    """The hosts of the `wanted` groups, or of the first of CONTROL_PLANE_GROUPS that there is, in its order."""
    known = ", ".join(sorted(set(listing.groups) - {"all"})) or "none"
    for name in wanted:
        if name not in listing.groups:
            problems.add(0, f"no group {name!r} in this inventory (groups: {known})")
    groups = [name for name in wanted or CONTROL_PLANE_GROUPS if name in listing.groups]
    groups = groups if wanted else groups[:1]
    names = tuple(dict.fromkeys(host for group in groups for host in listing.groups[group]))
    if not names and not problems.found:
        if groups:
            problems.add(listing.places.get(groups[0], 0), f"group {groups[0]!r} has no hosts")
        else:
            usual = ", ".join(CONTROL_PLANE_GROUPS[:-1]) + " or " + CONTROL_PLANE_GROUPS[-1]
            problems.add(0, f"none of its groups is {usual}; name one by --group: {known}")
    return names


def connect(
    names: Sequence[str], variables: Mapping[str, Variables], places: Mapping[str, Place], problems: Problems
) -> Inventory:
    """These hosts as their variables say that they are reached; problems are collected."""
    found = [connection(name, places[name], variables[name], problems) for name in names]
    notes = dict.fromkeys(note for each in found for note in each.notes)
    return Inventory(unique(each.host for each in found), tuple(notes))
