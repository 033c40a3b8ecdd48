"""Loki's query_range, page by page: limits, retries, and how half an answer is noticed."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from urllib.parse import urlencode

import msgspec

from kaudit_setup.errors import StoreError
from kaudit_setup.stores.address import Address
from kaudit_setup.stores.http import Server, header, secret

_PAGE = 1000
"""Lines of a page; max_entries_limit_per_query is 5000 unless it was changed."""
_MOST_AT_ONCE = 5000
_SLICE = 24 * 3600 * 10**9
"""Nanoseconds that one request asks for: max_query_length is 30 days unless it was changed."""
_MOST_BYTES = 256 << 20
_TRIES = 5
_LONGEST_WAIT = 30.0
_AGAIN = frozenset({429, 500, 502, 503, 504})
_PORTS = {True: 443, False: 3100}


class _Stream(msgspec.Struct):
    stream: dict[str, str]
    values: list[tuple[str, str]]


class _Data(msgspec.Struct):
    result_type: str = msgspec.field(name="resultType")
    result: list[_Stream]


class _Page(msgspec.Struct):
    status: str
    data: _Data
    warnings: list[str] = []


_DECODER = msgspec.json.Decoder(_Page, strict=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line: when Loki has it from, in nanoseconds since 1970, the labels of its stream, and its text."""

    at: int
    labels: tuple[tuple[str, str], ...]
    text: str


@dataclass(frozen=True, slots=True)
class Loki:
    """One Loki and one tenant of it. `sleep` waits for so many seconds."""

    server: Server
    path: str
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def at(cls, address: Address) -> Loki:
        """With what logcli reads: LOKI_ORG_ID, LOKI_BEARER_TOKEN or LOKI_USERNAME and LOKI_PASSWORD, each also from a
        file that <NAME>_FILE names. Raises InputError.
        """
        headers = header("X-Scope-OrgID", secret("LOKI_ORG_ID"))
        token, user = secret("LOKI_BEARER_TOKEN"), secret("LOKI_USERNAME")
        if token:
            headers |= header("Authorization", f"Bearer {token}")
        elif user:
            login = f"{user}:{secret('LOKI_PASSWORD')}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        return cls(Server(address.host, address.port or _PORTS[address.tls], address.tls, headers), address.path)

    def lines(self, query: str, start: int, end: int) -> Iterator[Entry]:
        """The lines in [start, end), oldest first. Raises StoreError; what came before it is right."""
        for begin in range(start, end, _SLICE):
            yield from self._slice(query, begin, min(end, begin + _SLICE))

    def edge(self, query: str, start: int, end: int, *, last: bool) -> Entry | None:
        """The first or the last line in [start, end). Raises StoreError."""
        slices = range(start, end, _SLICE)
        for begin in reversed(slices) if last else slices:
            found = self._page(query, begin, min(end, begin + _SLICE), 1, "backward" if last else "forward")
            if found:
                return found[0]
        return None

    def _slice(self, query: str, start: int, end: int) -> Iterator[Entry]:
        """Page by page: the next one begins at the moment of the last line, some lines of which were given."""
        limit, given = _PAGE, set[Entry]()
        while start < end:
            page = self._page(query, start, end, limit, "forward")
            fresh = [entry for entry in page if entry not in given]
            yield from fresh
            if len(page) < limit:
                return
            last = page[-1].at
            if last == start and not fresh:
                if limit >= _MOST_AT_ONCE:
                    raise StoreError(
                        f"Loki at {self.server.name} has more than {limit} lines of one moment, and gives no more",
                        hint="make the query narrower, with another label",
                    )
                limit = _MOST_AT_ONCE
            given = {entry for entry in chain(given, page) if entry.at == last}
            start = last

    def _page(self, query: str, start: int, end: int, limit: int, direction: str) -> list[Entry]:
        asked = {"query": query, "start": start, "end": end, "limit": limit, "direction": direction}
        body = self._get(f"{self.path}/loki/api/v1/query_range?{urlencode(asked)}")
        try:
            page = _DECODER.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StoreError(f"Loki at {self.server.name} gave an answer that is not one: {error}") from None
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
                if answer.status not in _AGAIN or attempt == _TRIES - 1:
                    hint = "set LOKI_BEARER_TOKEN, or LOKI_USERNAME and LOKI_PASSWORD, and LOKI_ORG_ID"
                    raise StoreError(
                        f"Loki at {self.server.name} answers {answer.status}: {said[:300] or 'nothing more'}",
                        hint=hint if answer.status in {401, 403} else "",
                    )
            self.sleep(wait)
        raise StoreError(f"Loki at {self.server.name} does not answer")

    def _whole(self, pieces: Iterator[bytes]) -> bytes:
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > _MOST_BYTES:
                raise StoreError(f"Loki at {self.server.name}: an answer of more than {_MOST_BYTES >> 20} MiB")
        return bytes(body)


def _wait(headers: Mapping[str, str], attempt: int) -> float:
    """Seconds until the next try: what the server says, or more each time."""
    said = headers.get("retry-after", "")
    return min(float(said) if said.isdigit() else 2.0**attempt, _LONGEST_WAIT)


def _in_order(streams: list[_Stream], *, reverse: bool) -> list[Entry]:
    entries = [
        Entry(int(at), tuple(sorted(stream.stream.items())), text)
        for stream in streams
        for at, text in stream.values
        if at.isascii() and at.isdigit()
    ]
    return sorted(entries, key=lambda entry: entry.at, reverse=reverse)
