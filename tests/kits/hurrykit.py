"""`python hurrykit.py SECONDS enable …`: kaudit-setup with less patience where a change goes wrong.

For tests in which a node stays silent: so many seconds where the tool gives a node a minute.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from kaudit_setup.change.run import attempt, undo


@contextmanager
def hurried(seconds: int) -> Iterator[None]:
    """What waits for a node that does not do what it should, waits so long; fails if one of these has gone."""
    steps = mock.patch.multiple(attempt, _WATCHDOG_SLACK_S=seconds, _KILL_MARGIN_S=seconds)
    with steps, mock.patch.multiple(undo, _PATIENCE_S=seconds):
        yield


if __name__ == "__main__":
    from kaudit_setup.cli import main

    with hurried(int(sys.argv[1])):
        sys.exit(main(sys.argv[2:]))
