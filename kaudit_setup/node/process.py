"""A script's process on this machine: the shell itself, or a program that carries it to another one."""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, cast

from kaudit_setup.errors import LostError, NodeError
from kaudit_setup.node.shell import Exchange, hung

_CHUNK = 65536


class Processes:
    """The processes of one node that run now, in whatever thread; `close` ends them all."""

    def __init__(self, name: str, idle_s: float) -> None:
        """`name`: the node's, for errors. `idle_s`: how long one without a time limit may say nothing."""
        self._name = name
        self._idle_s = idle_s
        self._guard = threading.Lock()
        self._bells: set[int] = set()

    def run(
        self,
        exchange: Exchange,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        timeout: float | None = None,
    ) -> int:
        """Run `argv`, feed it and listen to it as `exchange` says; gives the exit status.

        Raises NodeError where it cannot be started, LostError when `timeout` seconds are up, when it hangs or at
        `close`; the whole process group has been killed then.
        """
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=env,
                pass_fds=pass_fds,
                start_new_session=True,
            )
        except OSError as error:
            raise NodeError(f"{self._name}: cannot run {argv[0]}: {error}") from error
        stdout, stderr = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stderr)
        helpers = [
            threading.Thread(target=_feed, args=(cast("IO[bytes]", process.stdin), exchange), daemon=True),
            threading.Thread(target=_drain, args=(stderr, exchange), daemon=True),
        ]
        timed_out = threading.Event()
        timer = threading.Timer(timeout, _end, (process, timed_out)) if timeout is not None else None
        for thread in (*helpers, *([timer] if timer else [])):
            thread.start()
        try:
            code = self._listen(process, stdout, exchange, None if timeout is not None else self._idle_s)
        finally:
            exchange.end()
            if timer:
                timer.cancel()
            for thread in helpers:
                # a daemon that a script left behind may hold standard error open; it is not waited for
                thread.join(timeout=1)
            stdout.close()
        if timed_out.is_set():
            raise LostError(f"{self._name}: no end within {timeout:g} s")
        return code

    def close(self) -> None:
        """End the processes that run now."""
        with self._guard:
            for bell in self._bells:
                os.write(bell, b"x")

    def _listen(
        self, process: subprocess.Popen[bytes], stdout: IO[bytes], exchange: Exchange, idle_s: float | None
    ) -> int:
        try:
            with self._bell() as bell:
                while chunk := self._next(stdout.fileno(), bell, exchange, idle_s):
                    exchange.take_output(chunk)
            return process.wait()
        except LostError:
            _kill(process)
            # sudo's child may not be ours to end; it ends by itself when nobody listens
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
            raise
        except BaseException:
            _kill(process)
            process.wait()
            raise

    def _next(self, stdout: int, bell: int, exchange: Exchange, idle_s: float | None) -> bytes:
        """The next bytes, empty at the end. Raises LostError if the bell rang, or if nothing came for `idle_s`."""
        while True:
            left = None if idle_s is None else max(0.0, idle_s - exchange.silent_s)
            ready, _, _ = select.select([stdout, bell], [], [], left)
            if bell in ready:
                raise LostError(f"{self._name}: it was closed while a script ran")
            if ready:
                return os.read(stdout, _CHUNK)
            if idle_s is not None and exchange.silent_s >= idle_s:
                raise hung(self._name, idle_s)

    @contextlib.contextmanager
    def _bell(self) -> Iterator[int]:
        """The reading end of a pipe in which something stands once `close` was called."""
        read_end, write_end = os.pipe()
        with self._guard:
            self._bells.add(write_end)
        try:
            yield read_end
        finally:
            with self._guard:
                self._bells.discard(write_end)
            os.close(read_end)
            os.close(write_end)


def _feed(pipe: IO[bytes], exchange: Exchange) -> None:
    # a script may end without reading all of its input, which is its right
    with contextlib.suppress(OSError):
        exchange.feed(functools.partial(_write, pipe))
    with contextlib.suppress(OSError):
        pipe.close()


def _write(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(data)
    pipe.flush()


def _drain(pipe: IO[bytes], exchange: Exchange) -> None:
    with pipe:
        while chunk := os.read(pipe.fileno(), _CHUNK):
            exchange.take_error(chunk)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes], flag: threading.Event) -> None:
    flag.set()
    _kill(process)
