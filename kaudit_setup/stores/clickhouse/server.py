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
_SETTINGS = {
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

    def insert(self, into: str, data: bytes) -> None:
        """Insert rows in TabSeparated into the columns `into` names: `table (column, ...)`. Raises StoreError."""
        for _ in self._ask({"query": f"INSERT INTO {into} FORMAT TabSeparated"}, data):
            pass

    def _ask(self, parameters: Mapping[str, str], body: bytes) -> Iterator[bytes]:
        with self.server.ask("POST", f"/?{urlencode(parameters)}", body) as answer:
            if answer.status == 200:
                yield from answer.pieces
                return
            said = answer.said()
            found = _SAID.search(said)
            why = (found[1] if found else said).strip()[:300] or f"status {answer.status}"
            hint = (
                "set CLICKHOUSE_USER and CLICKHOUSE_PASSWORD"
                if answer.status in _DENIED or "516" in said[:12]
                else ""
            )
            raise StoreError(f"ClickHouse at {self.server.name}: {why}", hint=hint)
