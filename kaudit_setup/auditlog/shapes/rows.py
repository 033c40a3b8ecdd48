"""Tables: CSV and what is like it, as web pages of log stores export what they show (Kibana, Splunk, Grafana,
Datadog, CloudWatch Logs Insights, Azure's Log Analytics). A row becomes a JSON object with the names of its columns,
and is a record like that of any log shipper from there on.

Source: RFC 4180: a cell in quotes may hold delimiters and line breaks; a quote in it is written twice.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from kaudit_setup.auditlog.block import Block
from kaudit_setup.auditlog.literals import Find
from kaudit_setup.auditlog.shapes.events import SIGNS
from kaudit_setup.auditlog.shapes.reading import Texts

_LONGEST_BYTES: Final = 16 << 20
_LOOK_ROWS: Final = 50
_DELIMITERS: Final = (",", "\t", ";", "|")
_QUOTE: Final = b'"'
csv.field_size_limit(_LONGEST_BYTES)


class Table(msgspec.Struct, frozen=True):
    """How the rows of a table are read: what parts its cells, and what its columns are called."""

    delimiter: str
    columns: tuple[str, ...]

    def cells(self, row: bytes) -> list[str]:
        """Of one row; none if it is not one of this table."""
        try:
            read = next(csv.reader([row.decode("utf-8", "replace")], delimiter=self.delimiter, strict=True), [])
        except csv.Error:
            return []
        return read if len(read) == len(self.columns) else []

    def is_header(self, row: bytes) -> bool:
        """Whether a row names the columns; exports that were put together have several."""
        return row.startswith((b"\xef\xbb\xbf", self.columns[0].encode(), b'"')) and (
            [cell.strip() for cell in self.cells(row.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r"))]
            == list(self.columns)
        )

    def record(self, row: bytes) -> bytes:
        """A row as a JSON object; empty if it is not one of this table."""
        cells = self.cells(row.rstrip(b"\r"))
        return msgspec.json.encode(dict(zip(self.columns, cells, strict=True))) if cells else b""


def find_table(lines: Sequence[bytes]) -> tuple[Table, bytes] | None:
    """The table that these lines begin, and its first row with an event as a record; None if they begin none."""
    rows = [row for row in _rows(lines) if row.strip()]
    if rows and rows[0].startswith((b"{", b"[")):
        return None  # JSON, which has two quotes in a row where a text is empty
    if not rows or any(sign in rows[0] for sign in SIGNS if b"{" in rows[0]):
        # without names of columns; a row of one column is a line like any other
        return _first(rows, _unnamed(rows[0])) if rows else None
    return _first(rows[1:], _named(rows[0]))


def _named(header: bytes) -> Iterator[Table]:
    for delimiter in _DELIMITERS:
        text = header.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r").decode("utf-8", "replace")
        try:
            names = next(csv.reader([text], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        if names and len(set(names)) == len(names) and not any(set(name) & set('{}"') for name in names):
            yield Table(delimiter, tuple(name.strip() for name in names))


def _unnamed(row: bytes) -> Iterator[Table]:
    if _QUOTE * 2 not in row:
        return
    for delimiter in _DELIMITERS:
        try:
            count = len(next(csv.reader([row.decode("utf-8", "replace")], delimiter=delimiter, strict=True), []))
        except csv.Error:
            continue
        if count > 1:
            yield Table(delimiter, tuple(f"column {number}" for number in range(1, count + 1)))


def _first(rows: Sequence[bytes], tables: Iterator[Table]) -> tuple[Table, bytes] | None:
    for table in tables:
        named = any(sign.decode() in column for sign in SIGNS for column in table.columns)
        for row in rows[:_LOOK_ROWS]:
            if not named and not any(sign in row for sign in SIGNS):
                continue
            # quotes are doubled in a cell; where nothing is quoted, the row is a line with something before its event
            if (record := table.record(row)) and (named or _QUOTE * 2 in row):
                return table, record
    return None


def _rows(lines: Sequence[bytes]) -> Iterator[bytes]:
    pieces: list[bytes] = []
    quotes = 0
    for line in lines:
        pieces.append(line)
        quotes += line.count(_QUOTE)
        if quotes % 2 == 0:
            yield b"\n".join(pieces)
            pieces, quotes = [], 0


class Rows:
    """The rows of a table, as records; what is no row of it as it is."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._open: list[bytes] = []  # lines of a row that goes on
        self._bytes = 0

    @property
    def busy(self) -> bool:
        """Whether a row goes on in what comes."""
        return bool(self._open)

    def separate(self, block: Block) -> bool:
        """A quoted cell may go on in the next line."""
        del block
        return False

    def cut(self, block: Block, wanted: Sequence[Find] | None) -> Texts:
        del wanted
        found = Texts([], [])
        lines = bytes(block.view).split(b"\n")
        lines.pop()
        begun = -len(self._open)
        for number, line in enumerate(lines):
            if self._open and self._whole(line):
                # a quote is missing somewhere before
                self._end(found, begun)
            if not self._open:
                begun = number
            self._open.append(line)
            self._bytes += len(line)
            if sum(piece.count(_QUOTE) for piece in self._open[-1:]) % 2 == (len(self._open) > 1) or (
                self._bytes > _LONGEST_BYTES
            ):
                self._end(found, begun)
        return found

    def rest(self) -> Texts:
        """A row that never came to its end."""
        found, begun = Texts([], []), -len(self._open)
        if self._open:
            self._end(found, begun)
        return found

    def _whole(self, line: bytes) -> bool:
        return b"stageTimestamp" in line and bool(self._table.record(line))

    def _end(self, found: Texts, begun: int) -> None:
        text = b"\n".join(self._open)
        if not self._table.is_header(text):
            found.add(self._table.record(text) or text.replace(b"\n", b" "), begun)
        self._open, self._bytes = [], 0
