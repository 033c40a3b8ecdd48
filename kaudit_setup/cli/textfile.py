"""A file for node_exporter's textfile collector, which may read it at any moment.

Source: https://github.com/prometheus/node_exporter, collector/textfile.go (reads every `*.prom` of its folder).
"""

from __future__ import annotations

from pathlib import Path

from kaudit_setup.cli.files import replace_file
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
    """Under a name that the collector does not read until it is whole. Raises InputError if it cannot be written."""
    replace_file("--textfile", path, text, _MODE)
