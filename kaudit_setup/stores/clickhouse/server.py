"""ClickHouse over HTTPS (https://clickhouse.com/docs/interfaces/http), as old as 18.16."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from kaudit_setup.errors import StoreError
from kaudit_setup.stores.address import Address
from kaudit_setup.stores.http import Server, header, secret

_PORTS = {True: 8443, False: 8123}
_OVERFLOWS = ("read", "group_by", "sort", "result", "timeout", "set", "join", "transfer", "distinct")
_SETTINGS = {
    # a profile may say that a limit ends an answer as if it were whole
    **{f"{what}_overflow_mode": "throw" for what in _OVERFLOWS},
    "skip_unavailable_shards": "0",
    "extremes": "0",
    # an error in the middle of an answer would look like an answer otherwise
    "wait_end_of_query": "1",
    "buffer_size": "1048576",
    "max_query_size": "67108864",
    "max_ast_elements": "1000000",
    "max_expanded_ast_elements": "1000000",
    "max_bytes_before_external_sort": "268435456",
    "max_bytes_before_external_group_by": "268435456",
}
_SAID = re.compile(r"DB::Exception: (.*?)(?:, e\.what\(\)|\(version|\Z)", re.DOTALL)
_DENIED = frozenset({401, 403})
_LOGIN = "set CLICKHOUSE_USER and CLICKHOUSE_PASSWORD"
_READ_ONLY = "give the user a profile with readonly = 2, which lets a question say that no limit may make it half"
_HINTS = (
    (r"Wrong password|Unknown user|Authentication failed|^Code: 516", _LOGIN),
    (r"readonly", _READ_ONLY),
    (
        r"Table .* doesn't exist|UNKNOWN_TABLE|does not exist.*_batches",
        "nothing was packed there: kaudit-setup pack --log PATH --to ADDRESS",
    ),
    (
        r"Database .* doesn't exist|UNKNOWN_DATABASE|Database .* does not exist",
        "create it on the server: CREATE DATABASE NAME",
    ),
    (
        r"No such column|NO_SUCH_COLUMN|Missing columns|UNKNOWN_IDENTIFIER",
        "is that a table that pack made, and not another one?",
    ),
    (
        r"ACCESS_DENIED|Not enough privileges",
        "the user needs SELECT on both tables (CREATE TABLE and INSERT for pack)",
    ),
    (r"[Ll]imit|[Tt]imeout|TOO_MANY|TOO_SLOW", "narrow the question with --since and --until, or raise the limit"),
)
"""By what ClickHouse says."""


@dataclass(frozen=True, slots=True)
class ClickHouse:
    """See `port.Engine`."""

    server: Server

    @classmethod
    def at(cls, address: Address) -> ClickHouse:
        """With CLICKHOUSE_USER and CLICKHOUSE_PASSWORD, or CLICKHOUSE_PASSWORD_FILE. Raises InputError."""
        headers = header("X-ClickHouse-User", secret("CLICKHOUSE_USER"))
        headers |= header("X-ClickHouse-Key", secret("CLICKHOUSE_PASSWORD"))
        return cls(Server(address.host, address.port or _PORTS[address.tls], address.tls, headers))

    def query(self, sql: str) -> Iterator[bytes]:
        """See `Engine.query`."""
        # the server answers in TabSeparated if nothing else is asked for
        yield from self._ask(_SETTINGS, sql.encode())

    def run(self, sql: str, settings: Mapping[str, str] | None = None) -> None:
        """Run what has no answer. Raises StoreError."""
        for _ in self._ask(settings or {}, sql.encode()):
            pass

    def insert(self, into: str, data: bytes, settings: Mapping[str, str] | None = None) -> None:
        """Insert rows in TabSeparated into the columns `into` names: `table (column, ...)`. Raises StoreError."""
        asked = {"query": f"INSERT INTO {into} FORMAT TabSeparated", **(settings or {})}
        for _ in self._ask(asked, data):
            pass

    def _ask(self, parameters: Mapping[str, str], body: bytes) -> Iterator[bytes]:
        with self.server.ask("POST", f"/?{urlencode(parameters)}", body) as answer:
            if answer.status == 200 and "x-clickhouse-exception-code" not in answer.headers:
                yield from answer.pieces
                return
            said = answer.said()
            found = _SAID.search(said)
            why = (found[1] if found else said).strip()[:300] or f"status {answer.status}"
            raise StoreError(f"ClickHouse at {self.server.name}: {why}", hint=_hint(answer.status, said))


def _hint(status: int, said: str) -> str:
    if status in _DENIED:
        return _LOGIN
    if status in range(300, 400):
        return "is that the address of ClickHouse, and not of a login page before it?"
    return next((hint for sign, hint in _HINTS if re.search(sign, said)), "")
