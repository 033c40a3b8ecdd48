"""Loki's query_range, page by page: limits, retries, and how half an answer is noticed."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from urllib.parse import urlencode

import msgspec

from kaudit_setup.errors import StoreError
from kaudit_setup.stores.address import Address
from kaudit_setup.stores.http import Server, header, secret

_PAGE = 1000
"""Lines of a page; max_entries_limit_per_query is 5000 unless it was changed."""
_MOST_AT_ONCE = 5000
_SPAN = 24 * 3600 * 10**9
"""Nanoseconds that one request asks for: max_query_length is 30 days unless it was changed."""
_SHORTEST_SPAN = 60 * 10**9
_MOST_BYTES = 256 << 20
_TRIES = 5
_LONGEST_WAIT = 30.0
_AGAIN = frozenset({429, 500, 502, 503, 504})
_PORTS = {True: 443, False: 3100}
_FORM = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}
"""Since Loki 3 a line may have labels of its own (structured metadata). With this they come beside the line; without,
each of them looks like another stream.
"""
_MOST_LINES = re.compile(r"max entries limit.*> (\d+)\)")
_TOO_LARGE = "received message larger than max"
_TOO_LONG = "query time range exceeds the limit"
_HINTS = {
    400: "is the query right? logcli and Grafana take the same",
    401: "set LOKI_BEARER_TOKEN, or LOKI_USERNAME and LOKI_PASSWORD, and LOKI_ORG_ID",
    403: "set LOKI_BEARER_TOKEN, or LOKI_USERNAME and LOKI_PASSWORD, and LOKI_ORG_ID",
    404: "is that the address of Loki? Its path is what stands before /loki/api/v1 in its URLs",
    **dict.fromkeys((301, 302, 303, 307, 308), "is that the address of Loki, and not of a login page before it?"),
    **dict.fromkeys((429, 500, 502, 503, 504), "run the same command again, or narrow it with --since and --until"),
}


class _Own(msgspec.Struct, frozen=True, rename="camel"):
    structured_metadata: dict[str, str] = {}


class _Line(msgspec.Struct, array_like=True):
    at: str
    text: str
    own: _Own = _Own()


class _Stream(msgspec.Struct):
    stream: dict[str, str]
    values: list[_Line]


class _Data(msgspec.Struct):
    result_type: str = msgspec.field(name="resultType")
    result: list[_Stream]


class _Page(msgspec.Struct):
    status: str
    data: _Data
    warnings: list[str] = []


class _Series(msgspec.Struct):
    data: list[dict[str, str]] = []


_DECODER = msgspec.json.Decoder(_Page, strict=True)


class _TooManyLinesError(StoreError):
    """A page is larger than this Loki allows. `most`: lines that it would give; 0 if it does not say."""

    def __init__(self, message: str, most: int = 0) -> None:
        super().__init__(
            message, hint="one line alone is larger than this Loki sends: leave it out, or raise its limit"
        )
        self.most = most


class _TooLongError(StoreError):
    """The time of one request is longer than this Loki allows."""


@dataclass(slots=True)
class _Allowed:
    """What one request may ask for: lines, and nanoseconds; less than usual once this Loki has said so."""

    lines: int = _MOST_AT_ONCE
    span: int = _SPAN

    def shorten(self, error: _TooLongError) -> None:
        """Ask for half of the time. Raises `error` if that would be hardly any."""
        if self.span <= _SHORTEST_SPAN:
            raise error
        self.span //= 2

    def fewer(self, error: _TooManyLinesError, asked: int) -> int:
        """How many lines to ask for instead of `asked`. Raises `error` if a single one was too much."""
        if asked <= 1:
            raise error
        fewer = min(error.most or asked // 2, asked - 1)
        if error.most:
            self.lines = fewer
        return fewer


@dataclass(frozen=True, slots=True)
class Entry:
    """A line: when Loki has it from, in nanoseconds since 1970, the labels of its stream, its text, and labels of its
    own.
    """

    at: int
    labels: tuple[tuple[str, str], ...]
    text: str
    own: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Loki:
    """One Loki and one tenant of it. `sleep` waits for so many seconds."""

    server: Server
    path: str
    sleep: Callable[[float], None] = time.sleep
    allowed: _Allowed = field(default_factory=_Allowed)

    @classmethod
    def at(cls, address: Address) -> Loki:
        """With what logcli reads: LOKI_ORG_ID, LOKI_BEARER_TOKEN or LOKI_USERNAME and LOKI_PASSWORD, each also from a
        file that <NAME>_FILE names. Raises InputError.
        """
        headers = _FORM | header("X-Scope-OrgID", secret("LOKI_ORG_ID"))
        token, user = secret("LOKI_BEARER_TOKEN"), secret("LOKI_USERNAME")
        if token:
            headers |= header("Authorization", f"Bearer {token}")
        elif user:
            login = f"{user}:{secret('LOKI_PASSWORD')}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        return cls(Server(address.host, address.port or _PORTS[address.tls], address.tls, headers), address.path)

    def lines(self, query: str, start: int, end: int) -> Iterator[Entry]:
        """The lines in [start, end), oldest first. Raises StoreError; what came before it is right."""
        while start < end:
            stop = min(end, start + self.allowed.span)
            try:
                yield from self._slice(query, start, stop)
            except _TooLongError as error:  # which comes before any line
                self.allowed.shorten(error)
            else:
                start = stop

    def edge(self, query: str, start: int, end: int, *, last: bool) -> Entry | None:
        """The first or the last line in [start, end). Raises StoreError."""
        while start < end:
            span = self.allowed.span
            begin, stop = (max(start, end - span), end) if last else (start, min(end, start + span))
            try:
                found = self._page(query, begin, stop, 1, "backward" if last else "forward")
            except _TooLongError as error:
                self.allowed.shorten(error)
                continue
            if found:
                return found[0]
            start, end = (start, begin) if last else (stop, end)
        return None

    def streams(self, selector: str, start: int, end: int) -> list[dict[str, str]]:
        """The labels of the streams that have lines in [start, end); empty if this Loki does not tell. Raises
        StoreError if it cannot be reached.
        """
        asked = {"match[]": selector, "start": start, "end": end}
        with self.server.ask("GET", f"{self.path}/loki/api/v1/series?{urlencode(asked)}") as answer:
            if answer.status != 200:
                return []
            body = self._whole(answer.pieces)
        try:
            return msgspec.json.decode(body, type=_Series).data
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return []

    def _slice(self, query: str, start: int, end: int) -> Iterator[Entry]:
        """Page by page: the next one begins at the moment of the last line, some lines of which were given."""
        most, given = self.allowed.lines, set[Entry]()
        too_large: StoreError | None = None
        limit = min(_PAGE, most)
        while start < end:
            try:
                page = self._page(query, start, end, limit, "forward")
            except _TooManyLinesError as error:
                limit = most = self.allowed.fewer(error, limit)
                too_large = None if error.most else error
                continue
            fresh = [entry for entry in page if entry not in given]
            yield from fresh
            if len(page) < limit:
                return
            last = page[-1].at
            if fresh:
                most = self.allowed.lines
            elif last == start:
                if limit >= most:
                    raise too_large or StoreError(
                        f"Loki at {self.server.name} has more than {limit} lines of one moment, and gives no more",
                        hint="make the query narrower, with another label, or raise max_entries_limit_per_query",
                    )
                limit = most
            given = {entry for entry in chain(given, page) if entry.at == last}
            start = last

    def _page(self, query: str, start: int, end: int, limit: int, direction: str) -> list[Entry]:
        asked = {"query": query, "start": start, "end": end, "limit": limit, "direction": direction}
        body = self._get(f"{self.path}/loki/api/v1/query_range?{urlencode(asked)}")
        try:
            page = _DECODER.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StoreError(
                f"Loki at {self.server.name} gave an answer that is not one: {error}", hint=_HINTS[302]
            ) from None
        if page.status != "success" or page.data.result_type != "streams":
            raise StoreError(
                f"Loki at {self.server.name} gave no lines, but {page.data.result_type}",
                hint="the query must select lines, not count them",
            )
        if page.warnings:
            raise StoreError(f"Loki at {self.server.name} gave half an answer: {page.warnings[0]}")
        return _in_order(page.data.result, reverse=direction == "backward")

    def _get(self, path: str) -> bytes:
        for attempt in range(_TRIES):
            with self.server.ask("GET", path) as answer:
                if answer.status == 200:
                    return self._whole(answer.pieces)
                said, wait = answer.said(), _wait(answer.headers, attempt)
                if error := self._too_much(said):
                    raise error
                if answer.status not in _AGAIN or attempt == _TRIES - 1:
                    raise StoreError(
                        f"Loki at {self.server.name} answers {answer.status}: {said[:300] or 'nothing more'}",
                        hint=_HINTS.get(answer.status, ""),
                    )
            self.sleep(wait)
        raise StoreError(f"Loki at {self.server.name} does not answer")

    def _too_much(self, said: str) -> StoreError | None:
        """That less has to be asked for, if Loki says so."""
        why = f"Loki at {self.server.name}: {said[:300]}"
        if _TOO_LONG in said:
            return _TooLongError(why)
        most = _MOST_LINES.search(said)
        if most or _TOO_LARGE in said:
            return _TooManyLinesError(why, int(most[1]) if most else 0)
        return None

    def _whole(self, pieces: Iterator[bytes]) -> bytes:
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > _MOST_BYTES:
                raise _TooManyLinesError(
                    f"Loki at {self.server.name}: an answer of more than {_MOST_BYTES >> 20} MiB"
                )
        return bytes(body)


def _wait(headers: Mapping[str, str], attempt: int) -> float:
    """Seconds until the next try: what the server says, or more each time."""
    said = headers.get("retry-after", "")
    return min(float(said) if said.isdigit() else 2.0**attempt, _LONGEST_WAIT)


def _in_order(streams: list[_Stream], *, reverse: bool) -> list[Entry]:
    entries = [
        Entry(int(line.at), labels, line.text, tuple(sorted(line.own.structured_metadata.items())))
        for stream in streams
        for labels in [tuple(sorted(stream.stream.items()))]
        for line in stream.values
        if line.at.isascii() and line.at.isdigit()
    ]
    return sorted(entries, key=lambda entry: entry.at, reverse=reverse)
