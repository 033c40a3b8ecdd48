"""chdb: ClickHouse's engine inside this process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING

from kaudit_setup.errors import InputError, StoreError

if TYPE_CHECKING:
    from chdb.session import Session

_SETTINGS = {
    "max_threads": "2",
    "max_block_size": "4096",
    "input_format_parquet_max_block_size": "4096",
    "max_bytes_before_external_sort": "67108864",
    "max_bytes_before_external_group_by": "134217728",
    "max_query_size": "67108864",
    "max_ast_elements": "1000000",
    "max_expanded_ast_elements": "1000000",
    "use_hive_partitioning": "0",
    "input_format_parquet_filter_push_down": "1",
}
_CODE = re.compile(r"Code: (\d+)")


def require() -> None:
    """Raises InputError if what archives need is not installed. Nothing is loaded: few questions need all of it."""
    for library in ("chdb", "pyarrow"):
        if find_spec(library) is None:
            raise InputError(
                f"archives need {library}, which is not installed", hint="pip install 'kaudit-setup[archive]'"
            )


class Embedded:
    """See `port.Engine`. One process has one engine; it keeps nothing on disk but what a large sort needs."""

    @cached_property
    def _session(self) -> Session:
        """Started when it is first asked."""
        from chdb import session

        return session.Session()

    def query(self, sql: str) -> Iterator[bytes]:
        """See `Engine.query`."""
        settings = ", ".join(f"{name} = {value}" for name, value in _SETTINGS.items())
        try:
            answer = self._session.send_query(f"{sql} SETTINGS {settings}", "TabSeparated")
            try:
                for piece in answer:
                    yield piece.bytes()
            finally:
                answer.close()
        except RuntimeError as error:
            raise StoreError(f"the archive could not be read: {_reason(str(error))}") from error


def _reason(text: str) -> str:
    """The first sentence of an error, without the query."""
    said = text.partition("DB::Exception: ")[2] or text
    return said.partition(": While executing")[0].partition(": while executing")[0][:300]
