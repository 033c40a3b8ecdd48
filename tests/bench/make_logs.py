"""Makes a folder of rotated audit logs out of the recorded scenario: real lines, new moments, IDs and names.

    python tests/bench/make_logs.py DIR [GIGABYTES]

Each pass over the recording is a later stretch of time with namespaces and Pod names of its own, so that a name of
one pass stands in a few lines only, as it does in a real log.
"""

from __future__ import annotations

import gzip
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

RECORDED = Path(__file__).parents[1] / "data/logs/scenario-1.36.2-metadata/audit.log.gz"
FILE = 100 * 1000 * 1000
STAMP = re.compile(rb'(?<=Timestamp":")[^"]+')
AUDIT_ID = re.compile(rb'(?<="auditID":"[0-9a-f]{8})-[0-9a-f]{4}')
EPOCH = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = timedelta(seconds=162)


def passes(recorded: bytes, size: int):
    """The recording again and again, until `size` bytes were given out; with the moment at which each ends."""
    # sorted by when they were written, so that time goes forward in the log as it does in a real one
    lines = sorted(recorded.splitlines(keepends=True), key=lambda text: STAMP.findall(text)[-1])
    whole = b"".join(lines)
    begin = datetime.fromisoformat(STAMP.findall(lines[0])[-1].decode())
    done, number = 0, 0
    while done < size:
        shift = EPOCH + number * SPAN - begin

        def later(found: re.Match[bytes], shift: timedelta = shift) -> bytes:
            moment = datetime.fromisoformat(found[0].decode()) + shift
            return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()

        tag = b"%04x" % number
        text = STAMP.sub(later, whole)
        text = AUDIT_ID.sub(b"-" + tag, text)
        text = text.replace(b"my-suspicious-pod", b"my-suspicious-pod-" + tag)
        text = re.sub(rb'(?<=["/])(shop|lab)(?=["/])', rb"\1-" + tag, text)
        yield text, EPOCH + (number + 1) * SPAN
        done += len(text)
        number += 1


def make(folder: Path, size: int) -> int:
    """Fill `folder` with about `size` bytes of log; the number of passes."""
    folder.mkdir(parents=True, exist_ok=True)
    recorded = gzip.decompress(RECORDED.read_bytes())
    path = folder / "audit.log"
    written, count, stamp = 0, 0, EPOCH
    out = path.open("wb")
    for text, stamp in passes(recorded, size):
        if written + len(text) > FILE:
            out.close()
            path.rename(folder / f"audit-{stamp:%Y-%m-%dT%H-%M-%S}.000.log")
            out, written = path.open("wb"), 0
        out.write(text)
        written += len(text)
        count += 1
    out.close()
    return count


if __name__ == "__main__":
    made = make(Path(sys.argv[1]), int(float(sys.argv[2] if len(sys.argv) > 2 else 1) * 1e9))
    print(f"{made} passes over the recording in {sys.argv[1]}")
