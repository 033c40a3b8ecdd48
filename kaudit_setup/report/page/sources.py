"""The files that were read, each with its SHA-256, so that what is shown can be checked against them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.scanning.workers import cores
from kaudit_setup.report.escape import safe
from kaudit_setup.report.page.content import Source


def hash_files(files: Sequence[LogFile]) -> tuple[Source, ...]:
    """Each file as it lies there now; a file that cannot be read any more has no sum.

    Not beside the counting: a process with threads cannot be forked into workers.
    """
    with ThreadPoolExecutor(cores()) as pool:
        sums = tuple(pool.map(_sum, files))
    return tuple(
        Source(node=safe(file.node), file=safe(file.path), bytes=file.size, sha256=text)
        for file, text in zip(files, sums, strict=True)
    )


def _sum(file: LogFile) -> str:
    try:
        with Path(file.copy or file.path).open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
