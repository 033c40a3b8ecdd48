"""Whether a process may use a file, from its mode and owner. Pure."""

from __future__ import annotations

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
