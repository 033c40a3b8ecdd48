"""What was found while a log was read: lines, time covered, gaps, damage. Damage is counted, never fatal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec

from kaudit_setup.auditlog.files import LogFile
from kaudit_setup.auditlog.shapes.names import (
    APART,
    FOREIGN,
    MOST_SAMPLES,
    OTHER_LOG,
    PLAIN,
    classify,
    describe_foreign,
    sample,
)
from kaudit_setup.auditlog.timestamps import ALWAYS, Span, Window, seconds, stamp_or_nothing, without
from kaudit_setup.values import replace

GAP_SECONDS = 600.0
"""A longer pause is a gap: the control plane renews its leases and watches more often than that."""
_UNUSUAL = 10  # times the usual pause
_BACK_SECONDS = -1.0  # seconds; lines of one moment are written in any order
_LOOKS = 4  # stretches of a block whose order is looked at
_LOCATED = 1000  # damaged lines that are located; all are counted
_OTHERS_KEPT = 50  # who wrote events that are left out
_OTHERS_SAID = 3
_LONGEST_NAME = 200
_MORE_OTHERS = "others"
_FILES_SAID = 3  # files with unreadable lines that are named in sentences
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
        if len(self.located) < _LOCATED:
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
        old = re.search(_OLD, data[at : at + _HEAD_BYTES])
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
            _gaps(data, (begin, first), (end, last), self.gaps, key)

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
            for d in later.located[: _LOCATED - len(self.located)]
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


class Unreadable(msgspec.Struct, frozen=True):
    """A file with lines that are not audit events: `unread` of `lines` (0: not all were looked at).

    `shape`: what they look like, empty if that is not known; `fix`: what to do. `what`: what is wrong with the first.
    """

    file: str
    unread: int
    lines: int = 0
    what: str = ""
    shape: str = ""
    fix: str = ""
    others: str = ""
    """Who wrote them, if they look like events and somebody else than kube-apiserver wrote them."""
    rest: bool = False
    """Whether a part was not read of which nobody knows how many lines it has; `unread` is 0 then."""
    nothing: bool = False
    """Whether nothing else of the file was read."""

    def __str__(self) -> str:
        """One sentence, without a full stop."""
        whole = f" of {self.lines}" if self.lines else ""
        noun = "line" if (self.lines or self.unread) == 1 else "lines"
        if self.others:
            said = f"{self.unread}{whole} {noun} of {self.file} {'is' if self.unread == 1 else 'are'} left out"
            return f"{said}: not kube-apiserver's own, but of {self.others}" + (f"; {self.fix}" if self.fix else "")
        it = "it looks" if self.unread == 1 else "they look"
        why = f"{it} like {self.shape}" if self.shape else self.what
        fix = f": {self.fix}" if self.fix else ""
        if self.rest:
            return f"{self.file} could {'not be read' if self.nothing else 'be read only in part'} ({self.what}){fix}"
        at_least = "" if self.lines else "at least "
        said = f"{at_least}{self.unread}{whole} {noun} of {self.file} could not be read as audit events"
        return f"{said} ({why}){fix}" if why else f"{said}{fix}"


def shape_of(tally: Tally) -> str:
    """What the lines of a file look like: the shape that it was read as, or what it is if it is no audit log."""
    if tally.events or tally.shapes not in ([], [PLAIN]):
        return " and ".join(tally.shapes) or PLAIN
    found = unreadable("", tally)
    return (found and found.shape) or ("not an audit log" if found else "empty")


def unreadable(file: str, tally: Tally) -> Unreadable | None:
    """What of a file is not audit events; None if there is nothing that is said of it first."""
    if not tally.unread:
        return None
    shape = classify(tally.samples)
    first = next((f"the first is line {d.line}: {d.what}" for d in tally.located if d.line), "")
    name = shape.name if shape else ""
    if not name and not tally.events and all(map(describe_foreign, tally.samples)):
        name = FOREIGN
    # what is read where it stands alone holds no event, if nothing but it is there
    fix = shape.advice if shape and (tally.events or shape.advice != APART) else "" if tally.events else OTHER_LOG
    lines = max(tally.lines, tally.unread) if tally.lines else 0
    return Unreadable(file, tally.unread, lines, first, name, fix)


def not_read(file: str, tally: Tally) -> Iterator[Unreadable]:
    """What of a file does not count as audit events, for whatever reason."""
    yield from filter(None, (unreadable(file, tally), of_others(file, tally)))
    for loss in tally.losses:
        nothing = not tally.events and not tally.unread
        yield Unreadable(file, 0, tally.lines, loss.what, fix=loss.fix, rest=True, nothing=nothing)


def of_others(file: str, tally: Tally) -> Unreadable | None:
    """What of a file looks like events, and somebody else than kube-apiserver wrote it; None if nothing does."""
    if not tally.others:
        return None
    from kaudit_setup.auditlog.shapes.origins import advice

    most = sorted(tally.others, key=lambda whose: -tally.others[whose])
    more = [f"{len(most) - _OTHERS_SAID} more"] if len(most) > _OTHERS_SAID else []
    count = sum(tally.others.values())
    named = "; ".join([*most[:_OTHERS_SAID], *more])
    return Unreadable(file, count, max(tally.lines, count), fix=advice(most), others=named)


def together(first: Iterable[Unreadable], more: Iterable[Unreadable]) -> tuple[Unreadable, ...]:
    """One for each file of both, with the larger count: where both speak of a file, the one that knows its shape, or
    else the first, who has looked at more of its lines.
    """
    found = {_part(one): one for one in first}
    for one in more:
        other = found.get(_part(one), one)
        best = other if other.shape or not one.shape else one
        unread, lines = max(one.unread, other.unread), max(one.lines, other.lines)
        found[_part(one)] = replace(best, unread=unread, lines=lines)
    return tuple(found.values())


def _part(one: Unreadable) -> tuple[str, str, str]:
    """What tells two statements about one file apart."""
    return one.file, one.others, one.what if one.rest else ""


class Coverage(msgspec.Struct, frozen=True):
    """What one node's log covers: `first`/`last` in the log's spelling (empty: no event), gaps, files, damage."""

    node: str
    first: str = ""
    last: str = ""
    gaps: tuple[tuple[str, str], ...] = ()
    files: int = 0
    lines: int = 0
    events: int = 0
    size: int = 0
    damaged: int = 0
    located: tuple[tuple[str, Damage], ...] = ()
    notes: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    cluster: str = ""
    shapes: tuple[tuple[str, str], ...] = ()
    """What each file that was read looks like."""
    lost: bool = False
    """Whether its machine's answer is missing, or a part of it."""

    @property
    def unknown(self) -> bool:
        """Whether it is not known what time the log covers: it holds nothing, or could not be read."""
        return self.lost or not self.first

    @property
    def name(self) -> str:
        """What people know the log by, also beside those of other clusters."""
        return f"{self.cluster}/{self.node}" if self.cluster else self.node

    @property
    def log(self) -> tuple[str, str]:
        """See `LogFile.log`."""
        return self.cluster, self.node


def unreadable_notes(cover: Iterable[Coverage]) -> list[str]:
    """A sentence for each of the first files with lines that are not audit events, and how many more there are."""
    found = [one for each in cover for one in each.unreadable]
    more = len(found) - _FILES_SAID
    said = [f"{one}." for one in found[:_FILES_SAID]]
    return [*said, f"{more} more {'file has' if more == 1 else 'files have'} such lines."] if more > 0 else said


def nothing_readable(cover: Sequence[Coverage]) -> bool:
    """Whether the logs hold lines, and none of them is an audit event."""
    return any(one.unreadable for one in cover) and not any(one.events for one in cover)


def coverage(files: Sequence[LogFile], tallies: Mapping[str, Tally]) -> tuple[Coverage, ...]:
    """One Coverage for each node of `files`; `tallies` by `LogFile.key`, for those that were read."""
    nodes: dict[tuple[str, str], Tally] = {}
    located: dict[tuple[str, str], list[tuple[str, Damage]]] = {}
    unread: dict[tuple[str, str], list[Unreadable]] = {}
    counts: dict[tuple[str, str], int] = {}
    for file in files:
        whole = nodes.setdefault(file.log, Tally())
        counts[file.log] = counts.get(file.log, 0) + 1
        tally = tallies.get(file.key)
        if tally is None:
            continue
        located.setdefault(file.log, []).extend((file.path, d) for d in tally.located[:_LOCATED])
        unread.setdefault(file.log, []).extend(not_read(file.path, tally))
        whole.add(tally)
    return tuple(
        Coverage(
            log[1],
            tally.first,
            tally.last,
            tuple(sorted(tally.gaps)),
            counts[log],
            tally.lines,
            tally.events,
            tally.size,
            tally.damaged,
            tuple(located.get(log, ())[:_LOCATED]),
            (*tally.notes, *_clock_note(tally)),
            tuple(unread.get(log, ())),
            log[0],
            tuple((f.path, shape_of(tallies[f.key])) for f in files if f.log == log and f.key in tallies),
        )
        for log, tally in nodes.items()
    )


class Extent(msgspec.Struct, frozen=True):
    """How much time logs cover. `hours`: without gaps that are unusual for them; `gaps`: the hours in between that no
    log covers.
    """

    hours: float
    gaps: float


def extent(cover: Iterable[Coverage], window: Window = ALWAYS) -> Extent:
    """The time in `window` that any of these logs covers; an hour that two of them cover is one hour.

    Rates are computed from it. A gap that is not a usual pause does not count: what happened in it is unknown.
    """
    wholes: list[Span] = []
    parts: list[Span] = []
    for one in cover:
        if one.first:
            whole = window.clip(one.first, one.last)
            wholes.append(whole)
            parts += without([whole], _missing(one))
    seen, covered = without(wholes), without(parts)
    between = without([(seen[0][0], seen[-1][1])], covered) if seen else []
    return Extent(_hours(covered), _hours(between))


def _missing(cover: Coverage) -> list[Span]:
    """The gaps that are ten times as long as the log's usual pause.

    A policy that logs little makes a log of bursts; the pauses between them count as covered time.
    """
    gaps = [(seconds(begin), seconds(end)) for begin, end in cover.gaps]
    whole = seconds(cover.last) - seconds(cover.first)
    # where there is no gap, the pauses are at most GAP_SECONDS long
    pauses = (whole - sum(end - begin for begin, end in gaps)) / GAP_SECONDS + len(gaps)
    return [
        (begin, end)
        for begin, end in gaps
        if end - begin > _UNUSUAL * max(GAP_SECONDS, (whole - (end - begin)) / pauses)
    ]


def _hours(spans: Iterable[Span]) -> float:
    return sum(end - begin for begin, end in spans) / 3600


def _clock_note(tally: Tally) -> list[str]:
    times = "once" if tally.back == 1 else f"{tally.back} times"
    return [f"the clock went back {times}"] if tally.back else []


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
    data: bytes | bytearray, low: tuple[int, str], high: tuple[int, str], into: list[tuple[str, str]], key: bytes
) -> None:
    """Halve the stretch between two timestamps until no half is long enough for a gap."""
    middle = (low[0] + high[0]) // 2
    at = data.find(key, middle, high[0])
    if at <= low[0]:
        at = data.rfind(key, low[0] + 1, middle + len(key) - 1)
    if at < 0:
        into.append((low[1], high[1]))
        return
    here = (at, _moment(data, at, key) or low[1])
    if _apart(low[1], here[1]) > GAP_SECONDS:
        _gaps(data, low, here, into, key)
    if _apart(here[1], high[1]) > GAP_SECONDS:
        _gaps(data, here, high, into, key)
