"""The program's door: `kaudit-setup`, and `python -m kaudit_setup`, which is the same."""

import gc
from typing import Final

_MADE_BY_STARTING: Final = 50_000
"""More objects than a command makes of modules, classes and options before it reads anything."""


def main() -> int:
    """Run the command line; returns the exit code.

    What the start of a program makes lives until its end. To look for garbage in it 60 times, and once more before
    the interpreter ends, takes a question 25 ms, so Python looks when there is more, and not at the end.
    """
    gc.set_threshold(_MADE_BY_STARTING)
    from kaudit_setup.cli import main as run

    code = run()
    gc.freeze()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
