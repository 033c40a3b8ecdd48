"""Which files are archives, by their bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.unpacking.compression import Unpacked

ZIP_MAGICS: Final = (b"PK\x03\x04", b"PK\x05\x06")
"""How a zip archive begins; the other is an empty one."""
_TAR_BYTES: Final = 512  # bytes of a header


def is_archive(path: str) -> bool:
    """Whether a file is a tar or a zip archive, by its bytes."""
    try:
        with Path(path).open("rb") as stream:
            head = Unpacked(stream, Tally()).peek(_TAR_BYTES)
    except OSError:
        return False
    if head.startswith(ZIP_MAGICS):
        return True
    if len(head) < _TAR_BYTES or b"\0" not in head:
        return False
    from kaudit_setup.auditlog.archives.tarred import is_tar

    return is_tar(head)
