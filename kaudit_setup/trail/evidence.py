"""Candidate lines of the logs → events with the place where they stand; the one door from searching to answering."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec

from kaudit_setup.trail.deeds import Deed, Seen, Source
from kaudit_setup.trail.event import Event
from kaudit_setup.trail.logs import Logs
from kaudit_setup.trail.search import Hit
from kaudit_setup.trail.tally import Coverage

_BEGUN = b'"stage":"RequestReceived"'
_READS = (b'"verb":"get"', b'"verb":"list"', b'"verb":"watch"')
_EVENT = msgspec.json.Decoder(Event)


class EventLog:
    """Logs, asked for events. `unreadable` counts the lines that hold a literal and are no events."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._unreadable: set[tuple[str, int]] = set()

    @property
    def unreadable(self) -> int:
        """How many lines that were looked at could not be decoded; each counts once."""
        return len(self._unreadable)

    def find(self, literals: Sequence[bytes]) -> Iterator[Seen]:
        """The events on lines that hold any of `literals`."""
        for hit in self._logs.candidates(literals):
            if _BEGUN in hit.text and any(read in hit.text for read in _READS):
                continue  # a read that was only asked for; its end is a line of its own
            try:
                event = _EVENT.decode(hit.text)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                self._unreadable.add((hit.file.path, hit.offset or hit.line))
                continue
            place = Hit(hit.file, hit.line, hit.offset, b"")
            yield Seen(event, Source(hit.file.node, hit.file.path, hit.line, place))

    def coverage(self) -> tuple[Coverage, ...]:
        """What the searches so far found out about each node's log."""
        return self._logs.coverage()

    def numbered(self, deeds: Sequence[Deed]) -> dict[Deed, Deed]:
        """The deeds whose lines were not counted while searching, with the same deeds and their line numbers."""
        waiting: list[tuple[Deed, Hit]] = [
            (deed, deed.source.hit) for deed in dict.fromkeys(deeds) if not deed.source.line and deed.source.hit
        ]
        if not waiting:
            return {}
        hits = self._logs.numbered([hit for _, hit in waiting])
        return {
            deed: replace(deed, source=replace(deed.source, line=hit.line))
            for (deed, _), hit in zip(waiting, hits, strict=True)
        }
