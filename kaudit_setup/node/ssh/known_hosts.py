"""Whether a host key may be trusted, by known_hosts files. Pure but for `read_files`.

Source: sshd(8) "SSH_KNOWN_HOSTS FILE FORMAT"; hostfile.c:hostkeys_foreach_file (a line that cannot be read is
skipped), match.c:match_hostname (a negated pattern that matches refuses the whole line).
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from kaudit_setup.errors import InputError

_MARKERS: Final = frozenset({"@cert-authority", "@revoked"})
_LARGEST: Final = 64 << 20  # bytes of one known_hosts file


class Trust(Enum):
    """What known_hosts says of a host and the key that it offers."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    """Another key of the same type is known."""
    OTHER_TYPE = "other type"
    """Only keys of other types are known."""
    REVOKED = "revoked"
    AUTHORITY = "authority"
    """No key is known, but an authority whose certificates would be: a plain key proves nothing then."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line that could be read. `blob`: the key as it crosses the wire."""

    patterns: str
    kind: str
    blob: bytes
    marker: str = ""

    def matches(self, name: str) -> bool:
        """Whether the line is about the host that is known as `name`."""
        if self.patterns.startswith("|1|"):
            return _hashed(self.patterns, name)
        found = False
        for pattern in self.patterns.lower().split(","):
            negated = pattern.startswith("!")
            # fnmatch would read [host]:port as a set of characters
            if fnmatch.fnmatchcase(name.lower(), pattern.removeprefix("!").replace("[", "[[]")):
                if negated:
                    return False
                found = True
        return found


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """All entries of all files, and a sentence for each line that could not be read."""

    entries: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()

    def types(self, name: str) -> list[str]:
        """The types of the keys known for a host, to be asked for first."""
        return list(dict.fromkeys(e.kind for e in self.entries if not e.marker and e.matches(name)))

    def expected(self, name: str) -> list[Entry]:
        """The keys known for a host."""
        return [e for e in self.entries if not e.marker and e.matches(name)]

    def judge(self, name: str, kind: str, blob: bytes) -> Trust:
        """What is known of the host `name`, which offers the key `blob` of type `kind`."""
        about = [e for e in self.entries if e.matches(name)]
        if any(e.marker == "@revoked" and e.blob == blob for e in about):
            return Trust.REVOKED
        plain = [e for e in about if not e.marker]
        if any(e.blob == blob for e in plain):
            return Trust.KNOWN
        if any(e.kind == kind for e in plain):
            return Trust.CHANGED
        if plain:
            return Trust.OTHER_TYPE
        return Trust.AUTHORITY if any(e.marker == "@cert-authority" for e in about) else Trust.UNKNOWN


def parse(text: str, where: str = "known_hosts") -> KnownHosts:
    """Every line that can be read; the others become notes, since ssh skips them, too."""
    entries, notes = [], []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0] in _MARKERS else ""
        blob = decode(words[2]) if len(words) > 2 else None
        if blob is None or words[0].startswith("@") or _kind_in(blob) != words[1]:
            notes.append(f"{where} line {number} cannot be read and is skipped, as ssh does")
            continue
        entries.append(Entry(words[0], words[1], blob, marker))
    return KnownHosts(tuple(entries), tuple(notes))


def read_files(paths: Iterable[Path]) -> KnownHosts:
    """The entries of all files that are there. Raises InputError where one cannot be read."""
    found: list[KnownHosts] = []
    for path in paths:
        try:
            with path.open("rb") as file:
                found.append(parse(file.read(_LARGEST).decode("utf-8", "replace"), str(path)))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InputError(f"known_hosts file {path} cannot be read: {error.strerror}") from error
    return KnownHosts(tuple(e for k in found for e in k.entries), tuple(n for k in found for n in k.notes))


def line_for(name: str, kind: str, blob: bytes) -> str:
    """The line that makes a key known, without its newline."""
    return f"{name} {kind} {base64.b64encode(blob).decode()}"


def fingerprint(blob: bytes) -> str:
    """As `ssh-keygen -l` shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def fingerprints(entries: Sequence[Entry]) -> str:
    """Several keys in one phrase."""
    return ", ".join(f"{e.kind} {fingerprint(e.blob)}" for e in entries)


def decode(text: str) -> bytes | None:
    """Base64 that is whole, or None."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _kind_in(blob: bytes) -> str:
    """The key type that the blob itself says (RFC 4253 section 6.6)."""
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length].decode("ascii", "replace") if length < 100 else ""


def _hashed(pattern: str, name: str) -> bool:
    """Hashed names: `|1|SALT|HMAC-SHA1(SALT, NAME)` (hostfile.c:host_hash)."""
    parts = pattern.split("|")
    salt, digest = (decode(part) for part in (parts[2], parts[3])) if len(parts) == 4 else (None, None)
    if salt is None or digest is None:
        return False
    return hmac.compare_digest(hmac.new(salt, name.lower().encode(), "sha1").digest(), digest)
