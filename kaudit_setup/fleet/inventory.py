"""Inventories: texts → hosts. The project's own small YAML, and Ansible's.

Nothing here reads a file or opens a connection. Every error of a file is found in one pass and said with its line:
whoever corrects an inventory wants the whole list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from kaudit_setup.errors import InputError
from kaudit_setup.fleet import ansible, ansible_static, own_inventory
from kaudit_setup.fleet.ansible_static import VarsFiles
from kaudit_setup.fleet.hosts import Inventory, Problems, Tree
from kaudit_setup.values import replace
from kaudit_setup.yamltext import marked


def read(text: str, file: str, groups: Iterable[str] = (), beside: Tree | None = None) -> Inventory:
    """The control-plane hosts of the inventory `text`; `file` is its name for messages and for guessing its format.

    `groups`: the Ansible groups that hold control planes, instead of CONTROL_PLANE_GROUPS. `beside`: the files of
    `group_vars` and `host_vars` beside it. Raises InputError with every problem and its line.
    """
    wanted = tuple(groups)
    problems = Problems(file)
    ini = looks_like_ini(text, file)
    root = None if ini else marked(text, file)
    if own_inventory.is_own(root):
        inventory = own_inventory.parse(root, wanted, problems)
    else:
        found = ansible_static.Static(problems)
        if ini:
            ansible_static.parse_ini(text, found)
        else:
            ansible_static.parse_yaml(root, found)
        listing, files = found.listing(), VarsFiles(beside or Tree("", {}), problems)
        names = ansible.choose(listing, wanted, problems)
        variables = found.variables(listing, names, files)
        inventory = ansible.connect(names, variables, listing.places, problems)
        inventory = replace(inventory, notes=(*inventory.notes, *files.notes))
    problems.finish()
    return inventory


def read_answer(answer: bytes, file: str, groups: Iterable[str] = ()) -> Inventory:
    """The control-plane hosts of what `ansible-inventory --list` printed for `file`. Raises InputError."""
    problems = Problems(file)
    found = ansible.from_json(answer, file)
    names = ansible.choose(found.listing, tuple(groups), problems)
    inventory = ansible.connect(names, found.variables, found.listing.places, problems)
    problems.finish()
    return inventory


def is_own(text: str, file: str) -> bool:
    """Whether this is the project's own format, which Ansible cannot read."""
    try:
        return not looks_like_ini(text, file) and own_inventory.is_own(marked(text, file))
    except InputError:
        return False


_INI_SECTION = re.compile(r"\[[^\[\]]+\]\s*([#;].*)?$")


def looks_like_ini(text: str, file: str) -> bool:
    """Ansible's two formats are told apart by the name, and by the first line that says something."""
    suffix = PurePath(file).suffix.lower()
    if suffix in {".yaml", ".yml", ".json"}:
        return False
    if suffix in {".ini", ".cfg"}:
        return True
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith(("#", ";")):
            return bool(_INI_SECTION.match(line)) or not (
                line.startswith(("---", "%YAML", "{")) or re.match(r"[^\s=]+:(\s|$)", line)
            )
    return True
