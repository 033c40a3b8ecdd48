"""Files on this machine that an option names: written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from kaudit_setup.errors import InputError


def replace_file(option: str, path: Path, text: str, mode: int = 0o600) -> None:
    """Complete a file beside `path` under a hidden name, then rename it. `option` is what named it, for the message.

    Raises InputError if it cannot be written; an old file then stays, and nothing else is left.
    """
    fresh: Path | None = None
    try:
        with NamedTemporaryFile(
            "w", encoding="utf-8", prefix=f".{path.stem}.", suffix=".tmp", dir=path.parent, delete=False
        ) as file:
            fresh = Path(file.name)
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise InputError(
            f"{option} {path} cannot be written: {error.strerror}", hint="the folder must exist and be writable"
        ) from error
    finally:
        if fresh is not None:
            fresh.unlink(missing_ok=True)
