"""Where the executable without Python starts: the command line, or what the demo starts of its own.

The simulated node of `kaudit-setup demo` runs parts of itself as `sys.executable -m MODULE` and
`sys.executable -SEs FILE`. In a frozen program `sys.executable` is the program, so that it answers both.
"""

import runpy
import sys


def main() -> None:
    """Run what the arguments ask for."""
    match sys.argv[1:]:
        case ["-m", module, *_]:
            sys.argv = sys.argv[2:]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-SEs", file, *_]:
            sys.argv = sys.argv[2:]
            runpy.run_path(file, run_name="__main__")
        case _:
            from kaudit_setup.__main__ import main as kaudit_setup

            kaudit_setup()


main()
