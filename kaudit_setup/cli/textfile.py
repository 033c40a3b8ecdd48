"""A file for node_exporter's textfile collector, which may read it at any moment.

Source: https://github.com/prometheus/node_exporter, collector/textfile.go (reads every `*.prom` of its folder).
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from kaudit_setup.errors import InputError

# node_exporter runs as a user of its own
_MODE = 0o644


def check_name(path: Path) -> None:
    """Raises InputError for a name that the collector would not read, or that is not a file's."""
    if path.suffix != ".prom":
        raise InputError(
            f"--textfile {path}: node_exporter reads only files whose names end in .prom",
            hint="name it kaudit-setup.prom, in the folder of --collector.textfile.directory",
        )
    if path.is_dir():
        raise InputError(f"--textfile {path} is a folder", hint="name a file in it, e.g. kaudit-setup.prom")


def write_textfile(path: Path, text: str) -> None:
    """Complete a file beside `path` under a name that the collector does not read, then rename it.

    Raises InputError if it cannot be written; the old file then stays, and nothing else is left.
    """
    fresh: Path | None = None
    try:
        with NamedTemporaryFile(
            "w", encoding="utf-8", prefix=f".{path.stem}.", suffix=".tmp", dir=path.parent, delete=False
        ) as file:
            fresh = Path(file.name)
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), _MODE)
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise InputError(
            f"--textfile {path} cannot be written: {error.strerror}", hint="the folder must exist and be writable"
        ) from error
    finally:
        if fresh is not None:
            fresh.unlink(missing_ok=True)
