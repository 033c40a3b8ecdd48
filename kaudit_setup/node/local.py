"""The local machine, or a folder that holds a machine's files, as a node."""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from kaudit_setup.errors import LostError, NodeError
from kaudit_setup.node.port import Ran
from kaudit_setup.node.shell import Become, Talk, no_greeting

_CHUNK = 65536


class LocalNode:
    """Runs scripts with `sh` on this machine; with `root` they see that folder as `/`."""

    def __init__(self, root: Path | None = None, *, become: Become | None = None) -> None:
        """`root` is a folder that exists; scripts then run as the user who asks, and nothing is proved."""
        self._root = root.resolve() if root else None
        self._become = become or Become(needed=root is None and os.geteuid() != 0)
        self._guard = threading.Lock()
        self._bells: set[int] = set()

    @property
    def name(self) -> str:
        """How people call it: `this machine`, or the folder."""
        return str(self._root) if self._root else "this machine"

    def sh(
        self,
        script: str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        sink: Callable[[bytes], None] | None = None,
        timeout: float | None = None,
    ) -> Ran:
        """See `Node.sh`. The script's process group is ended when the time is up, or at `close`."""
        talk = Talk(script, args, stdin, self._become, sink)
        try:
            process = subprocess.Popen(
                talk.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "KAUDIT_ROOT": str(self._root or "")},
                start_new_session=True,
            )
        except OSError as error:
            raise NodeError(f"{self.name}: cannot run {talk.argv[0]}: {error}") from error
        stdout, stderr = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stderr)
        helpers = [
            threading.Thread(target=_feed, args=(cast("IO[bytes]", process.stdin), talk), daemon=True),
            threading.Thread(target=_drain, args=(stderr, talk), daemon=True),
        ]
        timed_out = threading.Event()
        timer = threading.Timer(timeout, _end, (process, timed_out)) if timeout is not None else None
        for thread in (*helpers, *([timer] if timer else [])):
            thread.start()
        try:
            with self._bell() as bell:
                while chunk := _heard(stdout.fileno(), bell):
                    talk.hear(chunk)
            if chunk is None:
                _kill(process)
                raise LostError(f"{self.name}: it was closed while a script ran")
            code = process.wait()
        except LostError:
            # sudo's child may not be ours to end; it ends by itself when nobody listens
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
            raise
        except BaseException:
            _kill(process)
            process.wait()
            raise
        finally:
            talk.end()
            if timer:
                timer.cancel()
            for thread in helpers:
                # a daemon that a script left behind may hold standard error open; it is not waited for
                thread.join(timeout=1)
            stdout.close()
        if timed_out.is_set():
            raise LostError(f"{self.name}: no end within {timeout:g} s")
        if not talk.heard:
            raise no_greeting(self.name, code, talk.err, self._become)
        return Ran(code, talk.out, talk.err)

    def close(self) -> None:
        """End the scripts that run now, in whatever thread; there is no connection to drop."""
        with self._guard:
            for bell in self._bells:
                os.write(bell, b"x")

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


def _heard(stdout: int, bell: int) -> bytes | None:
    """The next bytes, empty at the end; None if the bell rang."""
    ready, _, _ = select.select([stdout, bell], [], [])
    return None if bell in ready else os.read(stdout, _CHUNK)


def _feed(pipe: IO[bytes], talk: Talk) -> None:
    # a script may end without reading all of its input, which is its right
    with contextlib.suppress(OSError):
        talk.feed(functools.partial(_write, pipe))
    with contextlib.suppress(OSError):
        pipe.close()


def _write(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(data)
    pipe.flush()


def _drain(pipe: IO[bytes], talk: Talk) -> None:
    with pipe:
        while chunk := os.read(pipe.fileno(), _CHUNK):
            talk.hear_error(chunk)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes], flag: threading.Event) -> None:
    flag.set()
    _kill(process)
