"""From settings to the defaults of one command's options, as click takes them (`default_map`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from kaudit_setup.cli.config.sources import PREFIX, Setting

_YES: Final = frozenset({"true", "1", "yes", "on"})


class Option(Protocol):
    """An option or argument of click."""

    @property
    def name(self) -> str | None:
        """Of the function's parameter."""

    @property
    def opts(self) -> Sequence[str]:
        """As it is typed."""


class Command(Protocol):
    """A command or group of click."""

    @property
    def params(self) -> Sequence[Option]:
        """Its options and arguments."""


EVERYWHERE: Final = ("color", "debug", "log-file", "no-headers", "profile", "quiet", "utc", "verbose")
"""Options of every command."""


def defaults_of(command: Command, settings: Sequence[Setting]) -> dict[str, Any]:
    """The defaults of a command, and of all below it, by their names."""
    below = {name: defaults_of(sub, settings) for name, sub in getattr(command, "commands", {}).items()}
    strongest = first(settings)
    own = {
        str(param.name): _value(param, found)
        for param in command.params
        if not getattr(param, "hidden", False) and (found := _setting(param, strongest)) is not None
    }
    return {**own, **below}


def first(settings: Iterable[Setting]) -> dict[str, Setting]:
    """The strongest setting of each name that counts."""
    found: dict[str, Setting] = {}
    for setting in settings:
        if not setting.refused:
            found.setdefault(setting.name, setting)
    return found


def everywhere(settings: Sequence[Setting]) -> dict[str, str]:
    """The defaults of the options of every command; a switch that is off is not there."""
    strongest = first(settings)
    found = {name: strongest[name].values[-1] for name in EVERYWHERE if name in strongest and strongest[name].values}
    switches = {"debug", "no-headers", "quiet", "utc", "verbose"}
    return {n.replace("-", "_"): v for n, v in found.items() if n not in switches or v.lower() in _YES}


def names_of(param: Option) -> list[str]:
    """The long names of an option without dashes; none for an argument."""
    return [word.removeprefix("--") for word in param.opts if word.startswith("--")]


def _setting(param: Option, strongest: dict[str, Setting]) -> Setting | None:
    return next((strongest[name] for name in names_of(param) if name in strongest), None)


def _value(param: Option, setting: Setting) -> str | bool | list[str] | None:
    if getattr(param, "is_flag", False):
        return bool(setting.values) and setting.values[-1].lower() in _YES
    if not getattr(param, "multiple", False):
        return setting.values[-1] if setting.values else None
    if setting.source.startswith(PREFIX):
        return [part.strip() for part in setting.values[0].split(",") if part.strip()]
    return list(setting.values)
