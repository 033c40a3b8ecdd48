"""The settings of this run, read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from kaudit_setup.cli.config.defaults import Command, defaults_of, everywhere, first
from kaudit_setup.cli.config.sources import HERE, Setting, settings

_SAID = frozenset({"host", "group", "profile", "cluster"})

_PROFILE: ContextVar[str] = ContextVar("profile", default="")


class Loaded:
    """Reads them when they are first asked for; what is refused is said when a command has such an option."""

    def __init__(self) -> None:
        self.found: list[Setting] = []
        self.profile = ""

    def everywhere(self, profile: str) -> Mapping[str, str]:
        """See defaults.everywhere. Raises InputError."""
        self.profile = profile
        self.found = settings(profile)
        return everywhere(self.found)

    def of(self, command: Command) -> dict[str, Any]:
        """See defaults.defaults_of."""
        return defaults_of(command, self.found)

    def remarks(self) -> Iterator[str]:
        """What does not count, and which nodes a file of the current folder has chosen, in sentences."""
        for one in self.found:
            if one.refused:
                yield f"{one.source}: {one.name} is {one.refused}"
            elif one.source.startswith(HERE) and one.name in _SAID and first(self.found)[one.name] is one:
                yield f"{one.source} sets --{one.name} {', '.join(one.values)}"

    @contextmanager
    def current(self) -> Iterator[None]:
        """For `config show`, which needs the profile that was asked for."""
        token = _PROFILE.set(self.profile)
        try:
            yield
        finally:
            _PROFILE.reset(token)


def profile_now() -> str:
    """The profile that the command line names, empty if it names none."""
    return _PROFILE.get()
