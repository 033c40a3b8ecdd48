"""Modes and owners of files: whether a process may use one, and which group may read the log. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ROOT = "0:0"
READ, WRITE, SEARCH = 4, 2, 1


def allows(mode: str, owner: str, who: str, wanted: int) -> bool:
    """`mode`: octal digits; `owner`, `who`: `uid:gid`; `wanted`: bits of READ, WRITE and SEARCH."""
    uid, _, gid = who.partition(":")
    owner_uid, _, owner_gid = owner.partition(":")
    if uid == "0":
        return True
    shift = 6 if uid == owner_uid else 3 if gid == owner_gid else 0
    return (int(mode or "0", 8) >> shift) & wanted == wanted


@dataclass(frozen=True, slots=True)
class Rights:
    """`mode`: octal digits; `owner`: `uid:gid`."""

    mode: str
    owner: str

    def let_in(self, gid: str, wanted: int) -> Rights:
        """The same for its owner, and `wanted` (bits of READ, WRITE and SEARCH) for that group."""
        return Rights(f"{int(self.mode, 8) | wanted << 3:o}", f"{self.owner.partition(':')[0]}:{gid}")

    def admit(self, gid: str, wanted: int) -> bool:
        """Whether a member of that group, who is nobody else, may do so."""
        return allows(self.mode, self.owner, f"nobody:{gid}", wanted)

    def __str__(self) -> str:
        return f"mode 0{self.mode}, owner {self.owner}"


@dataclass(frozen=True, slots=True)
class LogGroup:
    """The group that may read the log (`--log-group`); falsy if there is none.

    `name` as it was given. `before`: what was given to it, path → rights before that.
    """

    name: str = ""
    gid: str = ""
    before: Mapping[str, Rights] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.name)

    @classmethod
    def parse(cls, data: object) -> LogGroup:
        """From `as_data`; what is missing or damaged is no group."""
        if not isinstance(data, dict):
            return cls()
        before = parse_rights(data.get("before"))
        return cls(str(data.get("name", "")), str(data.get("gid", "")), before)

    def as_data(self) -> dict[str, Any]:
        """For the node's journal and its backups."""
        return {"name": self.name, "gid": self.gid, "before": rights_as_data(self.before)} if self else {}


def rights_as_data(rights: Mapping[str, Rights]) -> dict[str, list[str]]:
    """Path → mode and owner."""
    return {path: [each.mode, each.owner] for path, each in rights.items()}


def parse_rights(data: object) -> dict[str, Rights]:
    """From `rights_as_data`; what is damaged is left out."""
    found: dict[str, Rights] = {}
    for path, pair in data.items() if isinstance(data, dict) else ():
        mode, owner = (str(part) for part in pair) if isinstance(pair, list) and len(pair) == 2 else ("", "")
        if re.fullmatch("[0-7]{3,4}", mode) and re.fullmatch("[0-9]+:[0-9]+", owner):
            found[str(path)] = Rights(mode, owner)
    return found
