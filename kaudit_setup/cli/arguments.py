"""The words of the command line, before typer reads them."""

from __future__ import annotations

from pathlib import Path


def spread_logs(argv: list[str]) -> list[str]:
    """`--log a b c`, as a shell makes it of `--log *.log`, as `--log a --log b --log c`.

    What follows `--log PATH` belongs to it as long as it is the path of a file or folder that is no YAML.
    """
    out: list[str] = []
    taking = False
    for at, word in enumerate(argv):
        if at and argv[at - 1] == "--log" and not taking:
            out.append(word)
            taking = True
        elif taking and not word.startswith("-") and not word.endswith((".yaml", ".yml")) and Path(word).exists():
            out += ["--log", word]
        else:
            taking = False
            out.append(word)
    return out
