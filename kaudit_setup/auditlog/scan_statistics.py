"""What is counted while a log is read: lines, events, time, gaps, damage. Damage is counted, never fatal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from kaudit_setup.auditlog.literals import OWN_ORDER
from kaudit_setup.auditlog.shapes.recognition.names import MOST_SAMPLES, sample
from kaudit_setup.auditlog.timestamps import seconds, stamp_or_nothing

GAP_SECONDS = 600.0
"""A longer pause is a gap: the control plane renews its leases and watches more often than that."""
_BACK_SECONDS = -1.0  # seconds; lines of one moment are written in any order
_LOOKS = 4  # stretches of a block whose order is looked at
MOST_LOCATED = 1000  # damaged lines that are located; all are counted
_OTHERS_KEPT = 50  # who wrote events that are left out
_LONGEST_NAME = 200
_MORE_OTHERS = "others"
_NEW = OWN_ORDER + b'v1"'
_OLD = rb'"apiVersion": ?"(audit\.k8s\.io/v1(?:alpha|beta)[0-9]+)"'
_HEAD_BYTES = 4096  # bytes of a line within which its apiVersion is, whatever wrote the line
# as kube-apiserver writes it, and as log shippers may
_STAMPS = (b'"stageTimestamp":"', b'"stageTimestamp": "')


class Damage(msgspec.Struct, frozen=True):
    """What could not be read, and where: `line` is 1-based, 0 where the lines were not counted."""

    line: int
    what: str


class Loss(msgspec.Struct, frozen=True):
    """Why a part of a file, of unknown size, was not read, and what helps."""

    what: str
    fix: str = ""


class Tally(msgspec.Struct):
    """What was found in a unit, a file or a node's log.

    `damaged` counts all damage, `located` has the first thousand. `first`/`last`: the earliest and latest
    stageTimestamp, empty if there is none. `gaps`: (from, to) pairs longer than GAP_SECONDS.
    `lines` is 0 where lines were not counted. `events`: lines that are events, or look like one where they were not
    decoded. `unread`: lines that are not events at all, `samples` their first ones. `back`: how often the clock went
    back by more than a second. `notes`: sentences about the file itself.
    """

    lines: int = 0
    events: int = 0
    size: int = 0
    damaged: int = 0
    located: list[Damage] = msgspec.field(default_factory=list)
    unread: int = 0
    samples: list[bytes] = msgspec.field(default_factory=list)
    first: str = ""
    last: str = ""
    gaps: list[tuple[str, str]] = msgspec.field(default_factory=list)
    back: int = 0
    notes: list[str] = msgspec.field(default_factory=list)
    shapes: list[str] = msgspec.field(default_factory=list)
    """What its lines look like, as far as they were read as events."""
    others: dict[str, int] = msgspec.field(default_factory=dict)
    """Events that are not kube-apiserver's own, as their records say, by who wrote them."""
    overran: bool = False
    """Whether a part of a file was read to the end of the file, because its own end is not one."""
    losses: list[Loss] = msgspec.field(default_factory=list)
    """Why parts of it were not read, however many events they held."""

    def lose(self, what: str, fix: str = "") -> None:
        """Count damage behind which more may be gone than a line, or all of the file."""
        self.damage(0, what)
        loss = Loss(what, fix)
        if loss not in self.losses:
            self.losses.append(loss)

    def damage(self, line: int, what: str, text: bytes = b"") -> None:
        """Count one damaged line; `text`: the line, if it is not an event at all."""
        self.damaged += 1
        if len(self.located) < MOST_LOCATED:
            self.located.append(Damage(line, what))
        if text:
            self.unread += 1
            # what a comment says tells nothing
            if len(self.samples) < MOST_SAMPLES and not (self.samples and text.startswith(b"#")):
                self.samples.append(sample(text))

    def of_another(self, whose: str, count: int = 1) -> None:
        """Count events in records that somebody else wrote."""
        whose = whose[:_LONGEST_NAME]
        known = whose if whose in self.others or len(self.others) < _OTHERS_KEPT else _MORE_OTHERS
        self.others[known] = self.others.get(known, 0) + count

    def looks_like(self, shape: str) -> None:
        """Some of its lines are in this shape."""
        if shape not in self.shapes:
            self.shapes.append(shape)

    def note(self, sentence: str) -> None:
        """Say something about the file, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def version(self, data: bytes | bytearray, at: int = 0) -> None:
        """Say it if the line that begins at `data[at]` is of an API older than v1, whose fields are the same."""
        old = None if data.startswith(_NEW, at) else re.search(_OLD, data[at : at + _HEAD_BYTES])
        if old:
            self.note(f"it holds events of {old[1].decode()}, which are read as those of audit.k8s.io/v1")

    def span(self, first: str, last: str) -> None:
        """Take in a stretch of log from `first` to `last` that follows what was read before."""
        if self.last:
            pause = _apart(self.last, first)
            if pause > GAP_SECONDS:
                self.gaps.append((self.last, first))
            elif pause < _BACK_SECONDS:
                self.back += 1
        self.first = min(self.first, first) if self.first else first
        self.last = max(self.last, last)

    def watch(self, data: bytes | bytearray, size: int, keys: Sequence[bytes] = _STAMPS) -> None:
        """Take in the time that the lines of `data[:size]` cover, and the gaps between them. `keys`: what may stand
        before each time.

        Looks at a few timestamps only: a stretch shorter than a gap cannot hold one. If those are not in the order of
        time, all are looked at.
        """
        for key in keys:
            begin = data.find(key, 0, size)
            while begin >= 0 and not _moment(data, begin, key):
                begin = data.find(key, begin + 1, size)
            if begin >= 0:
                break
        else:
            return
        end = data.rfind(key, begin, size)
        while not _moment(data, end, key):
            end = data.rfind(key, begin, end)
        for at in (0, data.rfind(b"\n", 0, end) + 1):
            self.version(data, at)
        first, last = _moment(data, begin, key), _moment(data, end, key)
        between = [data.find(key, begin + (end - begin) * part // _LOOKS, end) for part in range(1, _LOOKS)]
        looks = [first, *(time for at in between if at >= 0 and (time := _moment(data, at, key))), last]
        if any(_went_back(earlier, later) for earlier, later in pairwise(looks)):
            self._sort(data, size, key)
            return
        self.span(min(first, last), max(first, last))
        if _apart(first, last) > GAP_SECONDS:
            self.gaps += _gaps(data, (begin, first), (end, last), key)

    def watch_few(self, lines: Sequence[bytes]) -> bool:
        """As `watch`, of a few lines of a stretch, its first and its last among them, each as kube-apiserver writes
        it. False if they do not tell enough: then nothing is taken in.
        """
        key = _STAMPS[0]
        times = [_moment(line, line.rfind(key), key) for line in lines]
        calm = all(times) and not any(_went_back(earlier, later) for earlier, later in pairwise(times))
        if not calm or _apart(times[0], times[-1]) > GAP_SECONDS:
            return False
        self.version(lines[0])
        self.version(lines[-1])
        self.span(min(times[0], times[-1]), max(times[0], times[-1]))
        return True

    def _sort(self, data: bytes | bytearray, size: int, key: bytes) -> None:
        """As `watch`, for lines that are not in the order of time: parts of a log that were put together, say."""
        texts = re.findall(re.escape(key) + rb'([^"\\]*)', memoryview(data)[:size])
        times = [time for text in texts if (time := stamp_or_nothing(text.decode("ascii", "replace")))]
        self.back += sum(_went_back(earlier, later) for earlier, later in pairwise(times))
        times.sort()
        self.span(times[0], times[-1])
        self.gaps += [(begin, end) for begin, end in pairwise(times) if _apart(begin, end) > GAP_SECONDS]

    def add(self, later: Tally) -> None:
        """Take in the tally of what follows."""
        if later.first:
            self.span(later.first, later.last)
        self.gaps += later.gaps
        self.damaged += later.damaged
        self.located += [
            Damage(d.line + self.lines if d.line else 0, d.what)
            for d in later.located[: MOST_LOCATED - len(self.located)]
        ]
        self.lines += later.lines
        self.events += later.events
        self.unread += later.unread
        self.samples += later.samples[: MOST_SAMPLES - len(self.samples)]
        self.size += later.size
        self.back += later.back
        for name in later.shapes:
            self.looks_like(name)
        for whose, count in later.others.items():
            self.of_another(whose, count)
        self.losses += [loss for loss in later.losses if loss not in self.losses]
        for sentence in later.notes:
            self.note(sentence)


def _went_back(earlier: str, later: str) -> bool:
    return later < earlier and _apart(earlier, later) < _BACK_SECONDS


def _apart(earlier: str, later: str) -> float:
    try:
        return seconds(later) - seconds(earlier)
    except ValueError:
        return 0.0


def _moment(data: bytes | bytearray, at: int, key: bytes) -> str:
    """The timestamp whose `key` begins at `at`; empty if it is not one."""
    text = data[at + len(key) : at + len(key) + 40].partition(b'"')[0].rstrip(b"\\").decode("ascii", "replace")
    return stamp_or_nothing(text)


def _gaps(
    data: bytes | bytearray, low: tuple[int, str], high: tuple[int, str], key: bytes
) -> Iterator[tuple[str, str]]:
    """Halve the stretch between two timestamps until no half is long enough for a gap."""
    middle = (low[0] + high[0]) // 2
    at = data.find(key, middle, high[0])
    if at <= low[0]:
        at = data.rfind(key, low[0] + 1, middle + len(key) - 1)
    if at < 0:
        yield low[1], high[1]
        return
    here = (at, _moment(data, at, key) or low[1])
    if _apart(low[1], here[1]) > GAP_SECONDS:
        yield from _gaps(data, low, here, key)
    if _apart(here[1], high[1]) > GAP_SECONDS:
        yield from _gaps(data, here, high, key)
