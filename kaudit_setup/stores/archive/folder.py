"""An archive in a folder of this machine."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from kaudit_setup.errors import InputError, StoreError
from kaudit_setup.stores.sql import literal

_GLOB = frozenset("*?{}[],'\\\n")

_FULL = "make room there and run it again: what was not packed to its end counts for nothing"
_HINTS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: "the archive lies on a file system that cannot be written to: name another folder",
    errno.ENOTDIR: "an archive is a folder: name another place",
}


class Folder:
    """See `port.Place`."""

    def __init__(self, path: Path) -> None:
        """Raises InputError for a path that the engine cannot be told."""
        self._path = path.absolute()
        if _GLOB & set(str(self._path)):
            raise InputError(
                f"an archive cannot lie at {path}: its path has one of the characters * ? {{ }} [ ] , ' \\",
                hint="rename the folder, or lead a symbolic link to it",
            )

    @property
    def name(self) -> str:
        """The folder."""
        return str(self._path)

    def names(self, below: str) -> list[str]:
        """See `Place.names`."""
        root = self._path / below
        try:
            found = [str(file.relative_to(self._path)) for file in root.rglob("*") if file.is_file()]
        except OSError as error:
            raise _failed(self.name, error) from error
        return sorted(name for name in found if not name.rpartition("/")[2].startswith("."))

    def read(self, name: str) -> bytes:
        """See `Place.read`."""
        try:
            return (self._path / name).read_bytes()
        except OSError as error:
            raise _failed(f"{self.name}/{name}", error) from error

    def open(self, name: str) -> BinaryIO:
        """See `Place.open`."""
        try:
            return (self._path / name).open("rb")
        except FileNotFoundError:
            raise self._lacks(name) from None
        except OSError as error:
            raise _failed(f"{self.name}/{name}", error) from error

    def put(self, name: str, file: Path) -> None:
        """See `Place.put`: written beside it under a name that is not read, then renamed."""
        target = self._path / name
        fresh = target.with_name(f".{target.name}.new")
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with file.open("rb") as source, open(fresh, "wb", opener=_private) as out:
                shutil.copyfileobj(source, out, 1 << 20)
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(target)
            _sync(target.parent)
        except OSError as error:
            raise _failed(str(target), error) from error
        finally:
            with suppress(OSError):  # what kept it from being written keeps it from being removed, too
                fresh.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """See `Place.remove`."""
        try:
            (self._path / name).unlink(missing_ok=True)
        except OSError as error:
            raise _failed(f"{self.name}/{name}", error) from error

    def table(self, names: Sequence[str], structure: str) -> str:
        """See `Place.table`."""
        missing = next((name for name in names if not (self._path / name).is_file()), None)
        if missing is not None:
            raise self._lacks(missing)
        paths = ",".join(names)
        whole = f"{self._path}/{{{paths}}}" if len(names) > 1 else f"{self._path}/{paths}"
        return f"file({literal(whole)}, 'Parquet', {literal(structure)})"

    def _lacks(self, name: str) -> StoreError:
        return StoreError(
            f"the archive {self.name} lacks {name}", hint="put it back, or pack the logs of that day again"
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _failed(what: str, error: OSError) -> StoreError:
    hint = _HINTS.get(error.errno or 0, "is the archive's folder there, and may you use it?")
    return StoreError(f"{what}: {error.strerror or error}", hint=hint)
