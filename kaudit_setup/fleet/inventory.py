"""Inventories: texts → hosts. The project's own small YAML, and Ansible's INI and YAML with their variables' folders.

Nothing here reads a file or opens a connection. Every error of a file is found in one pass and said with its line:
whoever mends an inventory wants the whole list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath, PurePosixPath

from kaudit_setup.errors import InputError
from kaudit_setup.fleet import ansible, ansiblehosts, ownformat
from kaudit_setup.fleet.ansible import Groups
from kaudit_setup.fleet.hosts import Inventory, Problems, Tree, as_text
from kaudit_setup.yamltext import marked


def read(text: str, file: str, groups: Iterable[str] = (), beside: Tree | None = None) -> Inventory:
    """The control-plane hosts of the inventory `text`; `file` is its name for messages and for guessing its format.

    `groups`: the Ansible groups that hold control planes, instead of CONTROL_PLANE_GROUPS. `beside`: the folder of
    the file, of which `group_vars` and `host_vars` are looked at.
    Raises InputError with every problem and its line.
    """
    wanted = tuple(groups)
    problems = Problems(file)
    root = None if looks_like_ini(text, file) else marked(text, file)
    if ownformat.is_own(root):
        inventory = ownformat.parse(root, wanted, problems)
    else:
        found = ansible.Groups()
        _into(found, text, problems)
        inventory = ansiblehosts.select(found, wanted, problems, beside)
    problems.finish()
    return inventory


def _into(found: Groups, text: str, problems: Problems) -> None:
    """Add what one Ansible inventory file says."""
    if looks_like_ini(text, problems.file):
        ansible.parse_ini(text, problems, found)
        return
    try:
        root = marked(text, problems.file)
    except InputError as error:
        problems.add_error(error)
        return
    ansible.parse_yaml(root, problems, found)


# What Ansible passes over in a folder (lib/ansible/inventory/manager.py, INVENTORY_IGNORE_EXTS of its configuration).
_NO_INVENTORY = re.compile(
    r"(^|/)(\..*|group_vars|host_vars|vars_plugins)(/|$)"
    r"|(\.pyc|\.pyo|\.swp|\.bak|~|\.rpm|\.md|\.txt|\.rst|\.orig|\.cfg|\.retry)$"
)


def read_folder(tree: Tree, groups: Iterable[str] = ()) -> Inventory:
    """The control-plane hosts of a folder of Ansible inventories, which count as one; in the order of their names.

    Raises InputError with every problem, its file and its line.
    """
    problems = Problems(tree.base)
    found = ansible.Groups()
    names = sorted((p for p in tree.files if not _NO_INVENTORY.search(p)), key=lambda p: PurePosixPath(p).parts)
    for name in names:
        within = problems.within(tree.name(name))
        text = as_text(tree.files[name], within)
        if text is not None:
            _into(found, text, within)
    if not names:
        problems.add(0, "the folder holds no inventory")
    inventory = ansiblehosts.select(found, tuple(groups), problems, tree)
    problems.finish()
    return inventory


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
