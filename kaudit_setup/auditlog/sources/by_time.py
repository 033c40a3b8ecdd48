"""What a source gives log by log, one after the other, merged by time: kept on disk until the last log has come."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import IO, Protocol, TypeVar

from kaudit_setup.errors import KauditError

_IN_MEMORY_BYTES = 1 << 20  # of each log
_LENGTH_BYTES = 8


class Dated(Protocol):
    """What is ordered by `time`."""

    @property
    def time(self) -> str:
        """As logs spell it."""
        ...


T = TypeVar("T", bound=Dated)


def by_time(
    found: Iterable[T], log: Callable[[T], Hashable], encode: Callable[[T], bytes], decode: Callable[[bytes], T]
) -> Iterator[T]:
    """`found`, in which those of each `log` are ordered by time, merged by time; of two of one time the one whose
    log came first. Raises KauditError if there is no room for them.
    """
    with ExitStack() as stack:
        kept: dict[Hashable, IO[bytes]] = {}
        try:
            for one in found:
                file = kept.get(log(one))
                if file is None:
                    file = kept[log(one)] = stack.enter_context(SpooledTemporaryFile(_IN_MEMORY_BYTES))
                data = encode(one)
                file.write(len(data).to_bytes(_LENGTH_BYTES, "little") + data)
            yield from heapq.merge(*(_read(file, decode) for file in kept.values()), key=lambda one: one.time)
        except OSError as error:
            raise KauditError(
                f"the events of several nodes cannot be kept here, to be ordered: {error.strerror or error}",
                hint="make room there, or name another place for it with TMPDIR",
            ) from error


def _read(file: IO[bytes], decode: Callable[[bytes], T]) -> Iterator[T]:
    file.seek(0)
    while size := file.read(_LENGTH_BYTES):
        yield decode(file.read(int.from_bytes(size, "little")))
