"""Files of which not every line is an audit event of kube-apiserver: how many lines, why, and what helps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.shapes.recognition.names import (
    APART,
    FOREIGN,
    OTHER_LOG,
    PLAIN,
    classify,
    describe_foreign,
)
from kaudit_setup.values import replace

_OTHERS_SAID = 3


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
        if self.others:
            fix = f"; {self.fix}" if self.fix else ""
            be = "is" if self.unread == 1 else "are"
            return f"{self._lines} {be} left out: not kube-apiserver's own, but of {self.others}{fix}"
        fix = f": {self.fix}" if self.fix else ""
        if self.rest:
            return f"{self.file} could {'not be read' if self.nothing else 'be read only in part'} ({self.what}){fix}"
        why = f" ({self._why})" if self._why else ""
        return f"{'' if self.lines else 'at least '}{self._lines} could not be read as audit events{why}{fix}"

    @property
    def _lines(self) -> str:
        """How many of how many lines, and of which file."""
        noun = "line" if (self.lines or self.unread) == 1 else "lines"
        return f"{self.unread}{f' of {self.lines}' if self.lines else ''} {noun} of {self.file}"

    @property
    def _why(self) -> str:
        if not self.shape:
            return self.what
        return f"{'it looks' if self.unread == 1 else 'they look'} like {self.shape}"


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
    first = next((f"the first is line {d.line}: {d.what}" for d in tally.located if d.line), "")
    lines = max(tally.lines, tally.unread) if tally.lines else 0
    return Unreadable(file, tally.unread, lines, first, *_likeness(tally))


def _likeness(tally: Tally) -> tuple[str, str]:
    """What lines that are not events look like, empty where that is not known, and what to do."""
    shape = classify(tally.samples)
    if shape is None:
        foreign = not tally.events and all(map(describe_foreign, tally.samples))
        return FOREIGN if foreign else "", "" if tally.events else OTHER_LOG
    # what is read where it stands alone holds no event, if nothing but it is there
    return shape.name, shape.advice if tally.events or shape.advice != APART else OTHER_LOG


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
