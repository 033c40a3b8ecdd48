"""From the file or folder that the user names to an inventory: all that reads inventories from a disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kaudit_setup.errors import InputError
from kaudit_setup.fleet.ansible_program import listed
from kaudit_setup.fleet.hosts import Inventory, Tree
from kaudit_setup.fleet.inventory import is_own, read, read_answer

# Far more than any inventory has; a folder with more is another one than was meant.
_MOST_FILES, _MOST_BYTES = 10_000, 16 * 1024 * 1024


def read_from(path: Path, groups: Sequence[str]) -> Inventory:
    """The inventory in that file or folder: Ansible's by Ansible itself, where it is installed. Raises InputError.

    Without it, a static file is read, with the variables beside it.
    """
    try:
        path.stat()
        inventory = _by_ansible(path, groups)
        if inventory is None:
            inventory = read(path.read_text(encoding="utf-8"), str(path), groups, _beside(path.parent))
    except IsADirectoryError as error:
        raise _unreadable(path, "it is a folder, and ansible-inventory is not installed") from error
    except OSError as error:
        which = "" if error.filename in {None, str(path)} else f"{error.filename}: "
        raise _unreadable(path, f"{which}{error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is not UTF-8 text") from error
    return inventory


def _by_ansible(path: Path, groups: Sequence[str]) -> Inventory | None:
    """None for the project's own format, and where Ansible is not installed."""
    if path.is_file() and is_own(path.read_text(encoding="utf-8", errors="replace"), str(path)):
        return None
    answer = listed(path)
    return None if answer is None else read_answer(answer, str(path), groups)


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(f"the inventory {path} cannot be read: {why}", hint="name a text file, or install ansible-core")


def _beside(base: Path) -> Tree:
    """The files in `group_vars` and `host_vars` of that folder; of folders in them, only that they are there.

    Raises OSError, InputError where there are too many.
    """
    found: dict[str, bytes] = {}
    size = 0
    for entry in sorted((*base.glob("group_vars/*"), *base.glob("host_vars/*"))):
        name = entry.relative_to(base).as_posix()
        if entry.is_dir():
            found[f"{name}/"] = b""
        elif entry.is_file():
            # asked before it is read: somebody may keep whole disks there
            size += entry.stat().st_size
            if len(found) >= _MOST_FILES or size > _MOST_BYTES:
                limits = f"more than {_MOST_FILES} files or {_MOST_BYTES >> 20} MiB"
                raise InputError(f"{base} holds too much for an inventory ({limits})", hint="give it its own folder")
            found[name] = entry.read_bytes()
    return Tree(str(base), found)
