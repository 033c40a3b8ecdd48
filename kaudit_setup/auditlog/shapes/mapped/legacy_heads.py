"""How lines of the format `legacy` begin: a time, and an Audit-ID.

Nearly all begin alike but for the digits, which is seen in one look at many lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from kaudit_setup.auditlog.timestamps import stamp_or_nothing

_HEAD: Final = b'2026-11-23T16:06:07.695005Z AUDIT: id="0f6ac87e-6a0e-4f24-b8ce-5e2a0a6ac1c4'
HEAD_BYTES: Final = len(_HEAD)
"""Bytes of a time and of an Audit-ID as kube-apiserver makes them, and what stands between them."""
TIME_BYTES: Final = _HEAD.index(b" ")
ID_AT: Final = _HEAD.index(b'"') + 1
_END: Final = b'" '
_SECOND: Final = len("2026-11-23T16:06:07")
_DIGITS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_HEX: Final = bytes.maketrans(b"0123456789abcdef", b"0" * 16)
_TIME: Final = _HEAD[:TIME_BYTES].translate(_DIGITS)
_MIDDLE: Final = _HEAD[TIME_BYTES:ID_AT]
_ID: Final = _HEAD[ID_AT:].translate(_HEX)


class Heads(NamedTuple):
    """Of each line the bytes at which the time and the Audit-ID are expected. `odd`: in which lines they are not."""

    times: list[bytes]
    ids: list[bytes]
    odd: frozenset[int]


def heads_of(texts: Sequence[bytes]) -> Heads:
    """A time is as kube-apiserver spells it, an Audit-ID is a UUID, or the line is odd."""
    found = _heads(texts)
    if _usual(texts, found):
        return found
    return found._replace(odd=frozenset(at for at, text in enumerate(texts) if not _usual([text], _heads([text]))))


def _heads(texts: Sequence[bytes]) -> Heads:
    times = [text[:TIME_BYTES] for text in texts]
    return Heads(times, [text[ID_AT:HEAD_BYTES] for text in texts], frozenset())


def _usual(texts: Sequence[bytes], heads: Heads) -> bool:
    """Whether all lines begin so."""
    return (
        b"".join(heads.times).translate(_DIGITS) == _TIME * len(texts)
        and b"".join(heads.ids).translate(_HEX) == _ID * len(texts)
        and {text[TIME_BYTES:ID_AT] for text in texts} <= {_MIDDLE}
        and {text[HEAD_BYTES : HEAD_BYTES + len(_END)] for text in texts} <= {_END}
        and all(map(_is_moment, {time[:_SECOND] for time in heads.times}))
    )


@lru_cache(maxsize=1 << 12)
def _is_moment(second: bytes) -> bool:
    """Whether there is that second in a calendar."""
    return bool(stamp_or_nothing(second.decode("ascii", "replace") + "Z"))
