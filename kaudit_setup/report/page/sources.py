"""The files that were read, each with its SHA-256, so that what is shown can be checked against them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.scanning.meter import LOOK_S, Length, Meter, metered
from kaudit_setup.auditlog.scanning.workers import cores
from kaudit_setup.report.escape import safe
from kaudit_setup.report.page.content import Source

_PIECE_BYTES = 1 << 20


def hash_files(files: Sequence[LogFile]) -> tuple[Source, ...]:
    """Each file as it lies there now; a file that cannot be read any more has no sum.

    Not beside the counting: a process with threads cannot be forked into workers.
    """
    return tuple(
        Source(node=safe(file.node), file=safe(file.path), bytes=file.size, sha256=text)
        for file, text in zip(files, _sums(files), strict=True)
    )


def _sums(files: Sequence[LogFile]) -> list[str]:
    lengths = [Length(file.key, file.size) for file in files]
    with metered(lengths) as meter, ThreadPoolExecutor(cores()) as pool:
        asked = [pool.submit(_sum, file, number, meter) for number, file in enumerate(files)]
        while meter is not None and wait(asked, LOOK_S).not_done:
            meter.tick()
        return [one.result() for one in asked]


def _sum(file: LogFile, number: int, meter: Meter | None) -> str:
    digest, done = hashlib.sha256(), 0
    try:
        with Path(file.copy or file.path).open("rb", buffering=0) as opened:
            while piece := opened.read(_PIECE_BYTES):
                digest.update(piece)
                done += len(piece)
                if meter is not None:
                    meter.reached(number, done)
        return digest.hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
