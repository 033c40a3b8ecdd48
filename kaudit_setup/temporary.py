"""A folder that is made when it is first needed, and has a place for each thing that is kept for a while."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory


class LazyFolder:
    """A temporary folder that only its owner can enter; there is none until something is to be kept in it."""

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._places = 0

    @property
    def path(self) -> Path:
        """The folder. Raises OSError if it cannot be made."""
        if self._folder is None:
            # few questions keep anything, and the module takes its time to load
            from tempfile import TemporaryDirectory

            self._folder = TemporaryDirectory(prefix="kaudit-setup-", ignore_cleanup_errors=True)
        return Path(self._folder.name)

    def new_place(self) -> Path:
        """A path in it at which nothing is yet. Raises OSError."""
        self._places += 1
        return self.path / str(self._places)

    def close(self) -> None:
        """Remove it with what is in it."""
        if self._folder is not None:
            self._folder.cleanup()
