"""What the SSH adapter needs of the operating system: sockets that notice silence, helpers that end for good."""

from __future__ import annotations

import contextlib
import socket
import subprocess


def notice_silence(sock: object, seconds: float) -> None:
    """Let the kernel break a connection whose other end has acknowledged nothing for so long.

    A host that loses its power says no farewell, and TCP by itself would try for a quarter of an hour (tcp(7)).
    Something must be sent now and then. Only where the system can do it; anything but a socket is left alone.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None and isinstance(sock, socket.socket):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and close its pipes, so that no zombie and no descriptor is left."""
    process.terminate()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
