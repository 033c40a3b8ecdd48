"""What becomes of each setting: used, hidden by a stronger one, refused, or the name of no option."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from kaudit_setup.cli.config.defaults import EVERYWHERE, Command, first, names_of
from kaudit_setup.cli.config.sources import PREFIX, Setting, settings

State = Literal["used", "hidden", "refused", "unknown"]


def judged(profile: str, root: Command) -> list[tuple[Setting, State, str]]:
    """Every setting with its state and why; `root`: the whole command line. Raises InputError."""
    known = {name for command in _commands(root) for param in command.params for name in names_of(param)}
    known |= set(EVERYWHERE)
    found = settings(profile)
    strongest = first(found)
    rows: list[tuple[Setting, State, str]] = []
    for one in found:
        if one.name not in known:
            # the environment has variables of others, too: of the tests, of the scripts on nodes
            if not one.source.startswith(PREFIX):
                rows.append((one, "unknown", "no option has this name"))
        elif one.refused:
            rows.append((one, "refused", one.refused))
        elif strongest[one.name] is not one:
            rows.append((one, "hidden", f"{strongest[one.name].source} is stronger"))
        else:
            rows.append((one, "used", ""))
    return rows


def _commands(command: Command) -> Iterator[Command]:
    yield command
    for sub in getattr(command, "commands", {}).values():
        yield from _commands(sub)
