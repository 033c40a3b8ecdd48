"""Log files whose clusters the user names: `NAME=PATH`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kaudit_setup.auditlog.files import STDIN, LogFile
from kaudit_setup.auditlog.find import FoundLogs, find_logs
from kaudit_setup.errors import InputError
from kaudit_setup.values import replace

if TYPE_CHECKING:
    from kaudit_setup.auditlog.archives.extraction import ExtractionFolder

_FORM = "write NAME=PATH, for example --cluster prod=/logs/prod --cluster test=/logs/test"


def find_logs_of_clusters(given: Sequence[str], room: ExtractionFolder | None = None) -> FoundLogs:
    """The log files of each `NAME=PATH`, cluster by cluster, in the order in which the names come first.

    A name that is given again adds a path to that cluster. Raises InputError as `find_logs` does, for what is not
    NAME=PATH, and for a file that is in two clusters.
    """
    files: list[LogFile] = []
    left_out: list[str] = []
    for name, of_cluster in paths_of_clusters(given).items():
        found = find_logs(of_cluster, room=room)
        files += [replace(file, cluster=name) for file in found.files]
        left_out += found.left_out
    _check_apart(files)
    return FoundLogs(tuple(files), tuple(left_out))


def paths_of_clusters(given: Sequence[str]) -> dict[str, list[str]]:
    """The paths of each cluster, in the order in which the names come first. Raises InputError for what is not
    NAME=PATH.
    """
    paths: dict[str, list[str]] = {}
    for name, path in map(_parsed, given):
        paths.setdefault(name, []).append(path)
    return paths


def _parsed(text: str) -> tuple[str, str]:
    """The name and the path of `NAME=PATH`. Raises InputError."""
    name, equals, path = text.partition("=")
    if not equals or not name.strip() or not path:
        raise InputError(f"--cluster {text!r} is not NAME=PATH", hint=_FORM)
    return name.strip(), path


def _check_apart(files: Sequence[LogFile]) -> None:
    """Raises InputError if a file is in two clusters."""
    known: dict[object, LogFile] = {}
    for file in files:
        other = known.setdefault(file.path if file.path == STDIN else file.inode, file)
        if other.cluster != file.cluster:
            raise InputError(f"{file.path} is in cluster {other.cluster} and in cluster {file.cluster}", hint=_FORM)
