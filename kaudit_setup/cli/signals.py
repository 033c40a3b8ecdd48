"""What a process leaves when it is told to end: nothing that it meant to remove."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class _Ended(BaseException):
    """A signal, on its way up through everything that has to be removed."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextmanager
def clean_up_when_ended() -> Iterator[None]:
    """SIGTERM and SIGHUP let what stands inside clean up first, and then end the process as they always do.

    For the main thread. A signal that is ignored, as nohup has it, stays so.
    """
    owner = os.getpid()

    def heard(number: int, _frame: FrameType | None) -> None:
        if os.getpid() != owner:
            # a fork that works for us has nothing of its own to remove
            _die(number)
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise _Ended(number)

    wanted = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    before = {number: signal.signal(number, heard) for number in wanted}
    try:
        yield
    except _Ended as ended:
        _die(ended.number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _die(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
