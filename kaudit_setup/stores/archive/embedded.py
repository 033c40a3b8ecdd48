"""chdb: ClickHouse's engine inside this process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cached_property
from importlib.util import find_spec
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from kaudit_setup.errors import InputError, StoreError

if TYPE_CHECKING:
    from chdb.session import Session
    from chdb.state.sqlitelike import StreamingResult

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
_PIECE_BYTES: Final = 1 << 20
_CODE = re.compile(r"Code: (\d+)")


def require() -> None:
    """Raises InputError if what archives need is not installed. Nothing is loaded: few questions need all of it."""
    for library in ("chdb", "pyarrow"):
        if find_spec(library) is None:
            raise InputError(
                f"archives need {library}, which is not installed", hint="pip install 'kaudit-setup[archive]'"
            )


class _Answer:
    """The pieces of an answer, which come as they are asked for until the engine is needed for another question: what
    is left of it then waits in a file.
    """

    def __init__(self, stream: StreamingResult) -> None:
        self._stream = stream
        self._file: BinaryIO | None = None
        self._error: RuntimeError | None = None

    def pieces(self) -> Iterator[bytes]:
        """What was not given out yet. Raises RuntimeError, OSError."""
        while self._file is None and (piece := self._stream.fetch()) is not None:
            yield piece.bytes()
        while self._file is not None and (rest := self._file.read(_PIECE_BYTES)):
            yield rest
        if self._error is not None:
            raise self._error

    def set_aside(self) -> None:
        """Give the engine free. Raises OSError."""
        with ExitStack() as stack:
            file = stack.enter_context(TemporaryFile(prefix="kaudit-setup-"))
            try:
                while (piece := self._stream.fetch()) is not None:
                    file.write(piece.bytes())
            except RuntimeError as error:
                self._error = error
            file.seek(0)
            self._file = cast(BinaryIO, file)
            stack.pop_all()
        self._stream.close()

    def close(self) -> None:
        """Nobody asks for more."""
        if self._file is None:
            self._stream.close()
        else:
            self._file.close()


class Embedded:
    """See `port.Engine`. One process has one engine, which answers one question at a time; it keeps nothing on disk
    but what a large sort needs.
    """

    def __init__(self) -> None:
        """Started when it is first asked."""
        self._open: _Answer | None = None

    @cached_property
    def _session(self) -> Session:
        from chdb import session

        return session.Session()

    def query(self, sql: str) -> Iterator[bytes]:
        """See `Engine.query`."""
        settings = ", ".join(f"{name} = {value}" for name, value in _SETTINGS.items())
        try:
            if self._open is not None:
                self._open.set_aside()
            answer = self._open = _Answer(self._session.send_query(f"{sql} SETTINGS {settings}", "TabSeparated"))
            try:
                yield from answer.pieces()
            finally:
                answer.close()
                self._open = None if self._open is answer else self._open
        except RuntimeError as error:
            raise StoreError(f"the archive could not be read: {_reason(str(error))}") from error
        except OSError as error:
            raise StoreError(
                f"an answer of the archive could not be kept: {error.strerror or error}",
                hint="make room, or name another place for it with TMPDIR",
            ) from error


def _reason(text: str) -> str:
    """The first sentence of an error, without the query."""
    said = text.partition("DB::Exception: ")[2] or text
    return said.partition(": While executing")[0].partition(": while executing")[0][:300]
