"""The folders `group_vars` and `host_vars` beside an Ansible inventory. Pure: what they hold is given as a Tree.

Source: ansible lib/ansible/plugins/vars/host_group_vars.py, lib/ansible/parsing/dataloader.py (find_vars_files),
checked against the behaviour of `ansible-inventory --list`.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from kaudit_setup.errors import InputError
from kaudit_setup.fleet.ansible import Vars, value_of
from kaudit_setup.fleet.hosts import Problems, Tree, as_text
from kaudit_setup.yamltext import Fields, Scalar, marked

_ENDINGS = ("", ".yml", ".yaml", ".json")
_VAULT = "$ANSIBLE_VAULT;"


def is_vaulted(value: str) -> bool:
    """Whether a value, or a whole file, is encrypted by ansible-vault."""
    return value.lstrip().startswith(_VAULT)


class Folders:
    """Reads each file once, when the first host needs it; problems and notes are collected."""

    def __init__(self, tree: Tree | None, problems: Problems, notes: dict[str, None]) -> None:
        """`tree` None: there are none."""
        self._tree, self._problems, self._notes = tree or Tree("", {}), problems, notes
        self._read: dict[str, Vars] = {}

    def of_group(self, name: str) -> Vars:
        """What group_vars says of that group."""
        return self._of(f"group_vars/{name}")

    def of_host(self, name: str) -> Vars:
        """What host_vars says of that host."""
        return self._of(f"host_vars/{name}")

    def _of(self, path: str) -> Vars:
        if path not in self._read:
            found: Vars = {}
            for file in vars_files(self._tree, path):
                found.update(self._file(file))
            self._read[path] = found
        return self._read[path]

    def _file(self, path: str) -> Vars:
        problems = self._problems.within(self._tree.name(path))
        text = as_text(self._tree.files[path], problems)
        if text is None:
            return {}
        if is_vaulted(text):
            said = "is encrypted by ansible-vault and was not read; what it says of the connection does not count"
            self._notes[f"{problems.file} {said}"] = None
            return {}
        try:
            root = marked(text, problems.file)
        except InputError as error:
            problems.add_error(error)
            return {}
        if root is None or (isinstance(root, Scalar) and root.null):
            return {}
        if not isinstance(root, Fields):
            problems.add(root.line, "it must be a mapping of variables to values")
            return {}
        return {key.text: value_of(part, problems) for key, part in root.fields}


def vars_files(tree: Tree, path: str) -> list[str]:
    """The files that hold the variables of `path` (as `group_vars/all`), in the order in which they count.

    One name is enough: the folder, else the file without an ending, else .yml, .yaml, .json.
    """
    for ending in _ENDINGS:
        name = path + ending
        if name in tree.files:
            return [name]
        if any(file.startswith(f"{name}/") for file in tree.files):
            return _below(tree, name)
    return []


def _below(tree: Tree, folder: str) -> list[str]:
    """Every file of a folder and of those in it, by name; hidden ones, copies and other endings are passed over."""
    found: list[str] = []
    for name in sorted(
        {file[len(folder) + 1 :].partition("/")[0] for file in tree.files if file.startswith(f"{folder}/")}
    ):
        path, ending = f"{folder}/{name}", PurePosixPath(name).suffix
        if name.startswith(".") or name.endswith("~"):
            continue
        if path in tree.files:
            found += [path] if ending in _ENDINGS else []
        elif not ending:
            found += _below(tree, path)
    return found
