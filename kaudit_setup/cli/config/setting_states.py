"""What becomes of each setting: used, hidden by a stronger one, refused, or the name of no option."""

from __future__ import annotations

from collections.abc import Container, Iterator
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
    # the environment has variables of others, too: of the tests, of the scripts on nodes
    ours = [one for one in found if one.name in known or not one.source.startswith(PREFIX)]
    return [(one, *_judge(one, known, strongest.get(one.name))) for one in ours]


def _judge(one: Setting, known: Container[str], strongest: Setting | None) -> tuple[State, str]:
    if one.name not in known:
        return "unknown", "no option has this name"
    if one.refused:
        return "refused", one.refused
    if strongest is not None and strongest is not one:
        return "hidden", f"{strongest.source} is stronger"
    return "used", ""


def _commands(command: Command) -> Iterator[Command]:
    yield command
    for sub in getattr(command, "commands", {}).values():
        yield from _commands(sub)
