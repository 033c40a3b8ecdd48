"""The options that every command has, and that may stand anywhere on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from kaudit_setup.errors import InputError
from kaudit_setup.report.presentation import Presentation, When

HELP: Final = """\b
Options of every command (anywhere on the line):
  -q, --quiet         Only the answer and errors, no notes and no progress.
  -v, -vv, --verbose  Show more: all evidence, explanations; -vv: each step.
  --color WHEN        auto, always or never. [default: auto; NO_COLOR counts]
  --utc               Show times in UTC, not in local time.
  --no-headers        Tables without the line of headings.
  --log-file FILE     Append notes, errors and progress to this file, too.
  --profile NAME      Profile of the configuration (see `config show`).
  --debug             Show the traceback of an error."""

_FLAGS: Final = {
    "-q": "quiet",
    "--quiet": "quiet",
    "-v": "verbose",
    "--verbose": "verbose",
    "-vv": "more",
    "--utc": "utc",
    "--no-headers": "no_headers",
    "--debug": "debug",
}
_VALUES: Final = {"--color": "color", "--log-file": "log_file", "--profile": "profile"}
NAMES: Final = (*_FLAGS, *_VALUES)
_WHEN: Final[tuple[When, ...]] = ("auto", "always", "never")


class Everywhere(NamedTuple):
    """What they say."""

    presentation: Presentation
    profile: str
    debug: bool

    @classmethod
    def of(cls, given: Mapping[str, str], times: int = 0) -> Everywhere:
        """From the options' values by name; a switch that is on is there. `times`: how often -v was given.

        Raises InputError.
        """
        color = next((when for when in _WHEN if when == given.get("color", "auto")), None)
        if color is None:
            raise InputError(f"--color {given['color']} is not one of {', '.join(_WHEN)}")
        return cls(
            Presentation(
                color=color,
                verbosity=_verbosity(given, times),
                utc="utc" in given,
                headers="no_headers" not in given,
                log_file=Path(given["log_file"]) if given.get("log_file") else None,
            ),
            given.get("profile", ""),
            "debug" in given,
        )


def take_out(
    argv: Sequence[str], defaults: Callable[[str], Mapping[str, str]] = lambda _profile: {}
) -> tuple[list[str], Everywhere]:
    """The words of the command itself, and these options. What follows `--` is left alone.

    `defaults`: asked with the profile for values by the options' names, where the command line has none. Raises
    InputError.
    """
    found: list[tuple[str, str]] = []
    words = list(_others(iter(argv), found))
    given = dict(found)
    usual = dict(defaults(given.get("profile", "")))
    if given.keys() & {"quiet", "verbose", "more"}:
        usual = {name: value for name, value in usual.items() if name not in {"quiet", "verbose"}}
    return words, Everywhere.of({**usual, **given}, [name for name, _ in found].count("verbose"))


def _verbosity(given: Mapping[str, str], times: int) -> int:
    loud = 2 if "more" in given else min(times or int("verbose" in given), 2)
    if "quiet" not in given:
        return loud
    if loud:
        raise InputError("--quiet excludes --verbose", hint="give one of them")
    return -1


def _others(words: Iterator[str], found: list[tuple[str, str]]) -> Iterator[str]:
    for word in words:
        if word == "--":
            yield word
            yield from words
        elif (option := _option(word, words)) is not None:
            found.append(option)
        else:
            yield word


def _option(word: str, words: Iterator[str]) -> tuple[str, str] | None:
    """Name and value of an option of these, None for any other word. Raises InputError."""
    if word in _FLAGS:
        return _FLAGS[word], "true"
    name, equals, value = word.partition("=")
    if name not in _VALUES:
        return None
    value = value if equals else next(words, "")
    if not value:
        raise InputError(f"{name} needs a value")
    return _VALUES[name], value
