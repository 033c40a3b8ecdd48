"""Messages from a process to the one that forked it.

pickle copies what it packs, and again what it unpacks. So a large payload is wrapped into a `pickle.PickleBuffer`:
its bytes go into the pipe as they lie in memory, and arrive as a bytearray (PEP 574). Copied by pickle, text took six
times as much of the processors' time.
"""

from __future__ import annotations

import fcntl
import os
import pickle
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_ROOM_BYTES = 1 << 20


def widen(pipe: Connection) -> None:
    """Let more wait in `pipe`, where the system can: its processes take turns less often then."""
    if size := getattr(fcntl, "F_SETPIPE_SZ", 0):
        with suppress(OSError):  # there is a limit for all pipes of a user
            fcntl.fcntl(pipe.fileno(), size, _ROOM_BYTES)


def send(pipe: Connection, kind: str, payload: object) -> None:
    """Send a message; waits as long as the pipe is full. Raises BrokenPipeError if nobody listens any more."""
    large: list[pickle.PickleBuffer] = []
    data = pickle.dumps((kind, payload), 5, buffer_callback=large.append)
    views = [one.raw() for one in large]
    pipe.send_bytes(data)
    pipe.send_bytes(array("Q", map(len, views)))
    for view in views:
        while view:
            view = view[os.write(pipe.fileno(), view) :]


def receive(pipe: Connection) -> tuple[str, Any]:
    """The kind and the payload of the next message, once it is there. Raises EOFError if the sender is gone."""
    data = pipe.recv_bytes()
    large = [_read(pipe.fileno(), size) for size in array("Q", pipe.recv_bytes())]
    return cast(tuple[str, Any], pickle.loads(data, buffers=large))  # noqa: S301 - of a fork of this process


def _read(pipe: int, size: int) -> bytearray:
    data = bytearray(size)
    with memoryview(data) as rest:
        done = 0
        while done < size:
            got = os.readv(pipe, [rest[done:]])
            if not got:
                raise EOFError
            done += got
    return data
