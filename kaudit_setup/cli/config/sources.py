"""Where values come from, the strongest first: the environment, the file of this folder, the user's own file.

In a file, keys are options without their dashes; `[profiles.NAME]` holds those of a profile, which are stronger than
the others of the same file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from kaudit_setup.errors import InputError

PREFIX: Final = "KAUDIT_"
HERE: Final = "kaudit-setup.toml"
ALLOWED_HERE: Final = frozenset(
    [
        "all-namespaces",
        "by",
        "canary",
        "cluster",
        "color",
        "diff",
        "every",
        "format",
        "forks",
        "group",
        "headers",
        "host",
        "keep",
        "kube-version",
        "last",
        "limit",
        "log-compress",
        "log-format",
        "log-maxage",
        "log-maxbackup",
        "log-maxsize",
        "log-mode",
        "name",
        "namespace",
        "no-headers",
        "output",
        "profile",
        "quiet",
        "since",
        "timeout",
        "until",
        "utc",
        "verbose",
    ]
)
"""What a file in the current folder may set: whoever wrote it may not be the user. It may not answer questions, trust
hosts, ask for passwords, run programs (inventories, ssh_config) or name files to read or write.
"""

Scalar = str | int | float | bool
Value = Scalar | list[Scalar]


class Setting(NamedTuple):
    """One value: `name` is the option without its dashes, `source` says where it was set. `refused`: why it does not
    count, empty if it does.
    """

    name: str
    values: tuple[str, ...]
    source: str
    refused: str = ""


def settings(profile: str, environment: Mapping[str, str] | None = None) -> list[Setting]:
    """Every value of every source, the strongest first. `profile`: the one that was asked for, empty for none.

    Raises InputError for a file that cannot be read, and for a profile that is in none.
    """
    env = os.environ if environment is None else environment
    files = [(Path(HERE), True), (own_file(env), False)]
    tables = [(path, here, _table(path)) for path, here in files]
    chosen = profile or env.get(f"{PREFIX}PROFILE") or next((_profile(table) for *_, table in tables if table), "")
    found = list(_of_environment(env))
    known = False
    for path, here, table in tables:
        of_profile = table.get("profiles", {}) if isinstance(table.get("profiles"), dict) else {}
        if chosen and isinstance(of_profile, dict) and isinstance(of_profile.get(chosen), dict):
            known = True
            found += _of_table(of_profile[chosen], f"{path} [profiles.{chosen}]", here)
        found += _of_table({k: v for k, v in table.items() if k != "profiles"}, str(path), here)
    if chosen and not known:
        raise InputError(f"unknown profile {chosen!r}", hint=f"write [profiles.{chosen}] in {own_file(env)}")
    return found


def own_file(env: Mapping[str, str]) -> Path:
    """The user's own file (XDG Base Directory Specification)."""
    home = env.get("XDG_CONFIG_HOME") or f"{env.get('HOME') or '~'}/.config"
    return Path(home).expanduser() / "kaudit-setup" / "config.toml"


def _table(path: Path) -> dict[str, object]:
    # in a home that this user may not enter there is no file of theirs
    if not os.access(path, os.F_OK):
        return {}
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not TOML: {error}", hint="for example: host = ['root@cp1']") from error


def _profile(table: Mapping[str, object]) -> str:
    found = table.get("profile", "")
    return found if isinstance(found, str) else ""


def _of_environment(env: Mapping[str, str]) -> Iterator[Setting]:
    for name, value in env.items():
        if name.startswith(PREFIX) and value:
            yield Setting(name.removeprefix(PREFIX).lower().replace("_", "-"), (value,), name)


def _of_table(table: Mapping[str, object], source: str, here: bool) -> Iterator[Setting]:
    for key, value in table.items():
        name = key.replace("_", "-")
        why = "" if not here or name in ALLOWED_HERE else "not taken from a file of the current folder"
        yield Setting(name, _texts(value, f"{source}: {key}"), source, why)


def _texts(value: object, where: str) -> tuple[str, ...]:
    values: Sequence[object] = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int | float | bool) for one in values):
        raise InputError(f"{where} is neither a value nor a list of values", hint="for example: host = ['root@cp1']")
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in values)
