"""Loki as a source of logs. A line has no number there: the moment that Loki has it from stands in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

from kaudit_setup.auditlog.coverage.node import Coverage, coverage
from kaudit_setup.auditlog.files import LogFile, latest_begin
from kaudit_setup.auditlog.filters import Filter
from kaudit_setup.auditlog.literals import Plain, plainly, says, spellings
from kaudit_setup.auditlog.prefilter import needles
from kaudit_setup.auditlog.raw_lines import inside, not_an_event
from kaudit_setup.auditlog.scan_statistics import Tally
from kaudit_setup.auditlog.search import Hit
from kaudit_setup.auditlog.timestamps import ALWAYS, Window, stamp
from kaudit_setup.errors import InputError, KauditError, StoreError
from kaudit_setup.stores.address import Address
from kaudit_setup.stores.loki.api import Entry, Loki
from kaudit_setup.values import replace

_NODE_LABELS = ("node", "node_name", "nodename", "hostname", "host", "instance")
_REACH = timedelta(days=30)
"""How far back is asked if no --since is given."""
_LATE = timedelta(minutes=10)
"""How much later than its event a line may be dated by a shipper."""


@dataclass(slots=True)
class LokiLogs:
    """See `several.Source`."""

    name: str
    loki: Loki
    query: str
    now: datetime
    files: dict[str, LogFile] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    looked: bool = False
    window: Window = ALWAYS

    @classmethod
    def at(cls, address: Address) -> LokiLogs:
        """Nothing is asked yet. Raises InputError."""
        asked = parse_qs(address.query).get("query", [""])[0].strip()
        if not asked.startswith("{"):
            raise InputError(
                f"{address.url}: the query does not select streams", hint='write ?query={app="kube-audit"}'
            )
        return cls(address.url, Loki.at(address), asked, datetime.now(UTC))

    def clusters(self) -> list[str]:
        """See `LogSource.clusters`; what a query finds is taken for the logs of one."""
        return [""]

    def candidates(
        self, literals: Sequence[bytes], window: Window = ALWAYS, patterns: Sequence[str] = ()
    ) -> Iterator[Hit]:
        """See `LogSource.candidates`. Raises StoreError."""
        self.window = window
        asked = list(dict.fromkeys(filter(None, literals)))
        plains = tuple(map(plainly, asked))
        wanted = [spelt for literal in asked for spelt in spellings(literal)]
        self._look_at_edges()
        for entry in self.loki.lines(f"{self.query}{line_filter(plains)}", *self._span()):
            hit = self._hit(entry)
            if wanted and not any(text in hit.text for text in wanted) and not says(hit.text, plains):
                continue
            if window.open or inside(hit.text, window):
                yield hit

    def numbered(self, hits: Sequence[Hit]) -> list[Hit]:
        """See `LogSource.numbered`."""
        return list(hits)

    def damaged(self, hit: Hit, what: str) -> None:
        """See `LogSource.damaged`."""
        self.tallies.setdefault(hit.file.key, Tally()).damage(0, what, hit.text)

    def coverage(self) -> tuple[Coverage, ...]:
        """See `LogSource.coverage`: from the first line that Loki has of the time that was asked for to the last."""
        return coverage(tuple(self.files.values()), self.tallies)

    def fetch(self, wanted: Filter, folder: Path) -> list[LogFile]:
        """See `several.Source.fetch`."""
        try:
            folder.mkdir(mode=0o700)
            return self._fetch(wanted, folder)
        except OSError as error:
            raise KauditError(
                f"the lines of {self.name} cannot be kept in {folder}: {error.strerror or error}",
                hint="make room there, or name another place for it with TMPDIR",
            ) from error

    def left_out(self) -> Sequence[str]:
        """See `several.Source.left_out`."""
        return ()

    def close(self) -> None:
        """Nothing is kept here."""

    def _fetch(self, wanted: Filter, folder: Path) -> list[LogFile]:
        copies: dict[str, Path] = {}
        for hit in self.candidates(needles(wanted), wanted.window):
            copy = copies.setdefault(hit.file.key, folder / str(len(copies)))
            with copy.open("ab") as out:
                out.write(hit.text.replace(b"\n", b" ") + b"\n")
        brought = []
        for key, copy in copies.items():
            info = copy.stat()
            inode = (info.st_dev, info.st_ino)
            brought.append(replace(self.files[key], size=info.st_size, inode=inode, copy=str(copy)))
        return brought

    def _hit(self, entry: Entry) -> Hit:
        text = entry.text.encode("utf-8", "surrogatepass").strip()
        file = self._file(entry)
        tally = self.tallies.setdefault(file.key, Tally())
        what = not_an_event(text)
        if what:
            tally.damage(0, what, text)
        tally.events += not what
        return Hit(file, entry.at, 0, text)

    def _file(self, entry: Entry) -> LogFile:
        labels = dict(entry.labels)
        shown = "{" + ", ".join(f"{name}={value}" for name, value in entry.labels) + "}"
        node = next((labels[name] for name in _NODE_LABELS if labels.get(name)), self.loki.server.host)
        return self.files.setdefault(shown, LogFile(node, shown))

    def _look_at_edges(self) -> None:
        """Learn from when to when Loki has lines, once."""
        if self.looked:
            return
        self.looked = True
        for last in (False, True):
            entry = self.loki.edge(self.query, *self._span(), last=last)
            if entry is not None:
                tally = self.tallies.setdefault(self._file(entry).key, Tally())
                moment = stamp(datetime.fromtimestamp(entry.at / 1e9, UTC))
                tally.first = min(tally.first, moment) if tally.first else moment
                tally.last = max(tally.last, moment)
                tally.note("Loki was asked for its first and its last line only; gaps were not looked for")

    def _span(self) -> tuple[int, int]:
        """What is asked for, in nanoseconds since 1970: a request is written, and sent, when it ends."""
        until = self.now + _LATE
        if self.window.until != ALWAYS.until:
            until = min(until, datetime.fromisoformat(latest_begin(self.window)) + _LATE)
        since = datetime.fromisoformat(self.window.since) if self.window.since else self.now - _REACH
        if since > until:
            raise StoreError(f"{self.name}: the time that is asked for lies in the future")
        return int(since.timestamp()) * 10**9, (int(until.timestamp()) + 1) * 10**9


def line_filter(plains: Sequence[Plain]) -> str:
    """LogQL that keeps the lines that may hold every value of one of `plains`; empty for all lines."""
    if not plains:
        return ""
    if len(plains) == 1:
        return "".join(_matching(spelt) for spelt in plains[0])
    return _matching([text for plain in plains for text in plain[0]])


def _matching(texts: Sequence[bytes]) -> str:
    found = [_regular(text) for text in texts]
    # what is not UTF-8 cannot be asked for
    return "" if None in found else f" |~ `{'|'.join(filter(None, found))}`"


def _regular(text: bytes) -> str | None:
    """`text` as a regular expression of RE2 that has nothing in it but letters, digits and hexadecimal escapes."""
    try:
        chars = text.decode()
    except UnicodeDecodeError:
        return None
    return "".join(one if one.isascii() and one.isalnum() else f"\\x{{{ord(one):x}}}" for one in chars)
