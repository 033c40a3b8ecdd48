"""From the file or folder that the user names to an inventory: all that reads inventories from a disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kaudit_setup.errors import InputError

if TYPE_CHECKING:
    from kaudit_setup.fleet.hosts import Inventory, Tree

# Far more than any inventory has; a folder with more is another one than was meant.
_MOST_FILES, _MOST_BYTES = 10_000, 16 * 1024 * 1024


def read_from(path: Path, groups: Sequence[str]) -> Inventory:
    """The inventory in that file or folder: Ansible's by Ansible itself, where it is installed. Raises InputError.

    Without it, a static file is read, with the variables beside it.
    """
    from kaudit_setup.fleet.ansible_program import PROGRAM, listed
    from kaudit_setup.fleet.inventory import is_own, read, read_answer

    try:
        content = None if path.is_dir() else path.read_bytes()
        if content is None or not is_own(content.decode(errors="replace"), str(path)):
            answer = listed(path)
            if answer is not None:
                return read_answer(answer, str(path), groups)
        if content is None:
            why = f"it is a folder, and {PROGRAM} is not installed"
            raise InputError(
                f"the inventory {path} cannot be read: {why}", hint="name a file, or install ansible-core"
            )
        beside = _tree(path.parent, path.parent / "group_vars", path.parent / "host_vars")
        return read(content.decode("utf-8"), str(path), groups, beside)
    except OSError as error:
        which = "" if error.filename in {None, str(path)} else f"{error.filename}: "
        raise _unreadable(path, f"{which}{error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is not UTF-8 text") from error


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(f"the inventory {path} cannot be read: {why}", hint="name a text file")


def _tree(base: Path, *folders: Path) -> Tree:
    """Every file below these folders, named from `base`. Raises OSError, InputError where there are too many."""
    from kaudit_setup.fleet.hosts import Tree

    found: dict[str, bytes] = {}
    size = 0
    for file in (f for folder in folders for f in _files(folder)):
        # asked before it is read: somebody may have named a folder with whole disks in it
        size += file.stat().st_size
        if len(found) >= _MOST_FILES or size > _MOST_BYTES:
            raise InputError(
                f"{base} holds too much for an inventory (more than {_MOST_FILES} files or {_MOST_BYTES >> 20} MiB)",
                hint="name the inventory's own folder, or its file",
            )
        found[file.relative_to(base).as_posix()] = file.read_bytes()
    return Tree(str(base), found)


def _files(folder: Path) -> Iterator[Path]:
    """Links to folders are followed, as Ansible does; one that leads back up is not."""
    seen: set[str] = set()
    for here, below, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = [name for name in below if not name.startswith(".")]
        yield from (Path(here, name) for name in names if not name.startswith(".") and Path(here, name).is_file())
