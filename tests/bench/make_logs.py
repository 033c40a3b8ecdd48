"""Makes a folder of rotated audit logs out of the recorded scenario: real lines, new moments, IDs and names.

    python tests/bench/make_logs.py DIR [GIGABYTES]

Each pass over the recording is a later stretch of time with namespaces, people, Pod names and IDs of its own, so
that a name of one pass stands in a few lines only, as it does in a real log, while controllers, nodes and the
namespaces of the system are the same all the time.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

RECORDED = Path(__file__).parents[1] / "data/logs/scenario-1.36.2-metadata/audit.log.gz"
FILE = 100 * 1000 * 1000
STAMP = re.compile(rb'(?<=Timestamp":")[^"]+')
EPOCH = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = timedelta(seconds=162)
PEOPLE = 200
"""How many people use the cluster; each pass is the work of one of them."""
# what another pass has otherwise; the first group says which
_CHANGES = re.compile(
    rb'(?<=Timestamp":")(?P<stamp>[^"]+)'
    rb'|(?<="auditID":")(?P<id>[0-9a-f]{8})'
    rb"|(?P<pod>(?<=my-suspicious-pod)(?![0-9a-z-]))"
    rb'|(?<=[":/])(?P<namespace>shop|lab)(?=["/:])'
    rb"|(?P<person>kubernetes-admin)"
    rb"|(?<=-)(?P<made>[bcdf0-9][bcdfghjklmnpqrstvwxz2-9]{4})(?=[\"?/.])"
)
_SECOND = timedelta(seconds=1)
_MICRO = timedelta(microseconds=1)
_LETTERS = b"bcdfghjklmnpqrstvwxz2456789"


class _Recording:
    """The recording cut at what each pass has otherwise."""

    def __init__(self, recorded: bytes) -> None:
        # sorted by when they were written, so that time goes forward in the log as it does in a real one
        lines = sorted(recorded.splitlines(keepends=True), key=lambda text: STAMP.findall(text)[-1])
        whole = b"".join(lines)
        self._begin = datetime.fromisoformat(STAMP.findall(lines[0])[-1].decode())
        self._pieces: list[bytes] = []
        self._changed: list[tuple[int, str, bytes]] = []
        done = 0
        for found in _CHANGES.finditer(whole):
            self._pieces += [whole[done : found.start()], b""]
            self._changed.append((len(self._pieces) - 1, str(found.lastgroup), found[0]))
            done = found.end()
        self._pieces.append(whole[done:])
        self._since = {text: self._moment(text) for _, kind, text in self._changed if kind == "stamp"}

    def _moment(self, text: bytes) -> timedelta:
        return datetime.fromisoformat(text.decode()) - self._begin

    def again(self, number: int) -> bytes:
        """The pass of that number."""
        tag = b"%04x" % number
        stamp = self._stamps(EPOCH + number * SPAN)
        as_now: dict[str, Callable[[bytes], bytes]] = {
            "stamp": stamp,
            "id": lambda text: b"%08x" % ((int(text, 16) + number * 2654435761) & 0xFFFFFFFF),
            "pod": lambda _: b"-" + tag,
            "namespace": lambda text: text + b"-" + tag,
            "person": lambda _: b"person-%03d" % (number * 7 % PEOPLE),
            "made": lambda text: _shifted(text, number),
        }
        pieces = self._pieces
        for at, kind, text in self._changed:
            pieces[at] = as_now[kind](text)
        return b"".join(pieces)

    def _stamps(self, begin: datetime) -> Callable[[bytes], bytes]:
        seconds = [f"{begin + n * _SECOND:%Y-%m-%dT%H:%M:%S}.".encode() for n in range(-2, SPAN.seconds + 120)]
        micro = begin.microsecond
        known = {
            text: seconds[2 + (micro + since // _MICRO) // 10**6] + b"%06dZ" % ((micro + since // _MICRO) % 10**6)
            for text, since in self._since.items()
        }
        return known.__getitem__


def _shifted(name: bytes, number: int) -> bytes:
    """The five letters that a controller chose, another time."""
    rest = number + int.from_bytes(name, "big")
    letters = []
    for _ in name:
        rest, at = divmod(rest, len(_LETTERS))
        letters.append(_LETTERS[at])
    return bytes(letters)


def passes(recorded: bytes, size: int) -> Iterator[tuple[bytes, datetime]]:
    """The recording again and again, until `size` bytes were given out; with the moment at which each ends."""
    recording = _Recording(recorded)
    done, number = 0, 0
    while done < size:
        text = recording.again(number)
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
