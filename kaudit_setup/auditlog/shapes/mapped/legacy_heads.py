"""How lines of the format `legacy` begin: a time, and an Audit-ID.

Nearly all begin alike but for the digits, which is seen in one look at many lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from kaudit_setup.auditlog.shapes.mapped.times import TIME_BYTES, are_times

_HEAD: Final = b'2026-11-23T16:06:07.695005Z AUDIT: id="0f6ac87e-6a0e-4f24-b8ce-5e2a0a6ac1c4'
HEAD_BYTES: Final = len(_HEAD)
"""Bytes of a time and of an Audit-ID as kube-apiserver makes them, and what stands between them."""
ID_AT: Final = _HEAD.index(b'"') + 1
_HEX: Final = bytes.maketrans(b"0123456789abcdef", b"0" * 16)
ID_BYTES: Final = HEAD_BYTES - ID_AT
_MIDDLE: Final = _HEAD[TIME_BYTES:ID_AT]
_WHOLE: Final = _HEAD + b'" '
_ALIKE: Final = _WHOLE.translate(_HEX)


class Heads(NamedTuple):
    """How lines begin. Of each the bytes at which the time and the Audit-ID are expected. `odd`: in which lines they
    are not.
    """

    wholes: list[bytes]
    times: list[bytes]
    odd: frozenset[int] = frozenset()

    @property
    def ids(self) -> list[bytes]:
        return [one[ID_AT:HEAD_BYTES] for one in self.wholes]


def heads_of(texts: Sequence[bytes]) -> Heads:
    """A time is as kube-apiserver spells it, an Audit-ID is a UUID, or the line is odd."""
    wholes = [text[: len(_WHOLE)] for text in texts]
    found = Heads(wholes, [one[:TIME_BYTES] for one in wholes])
    if _usual(wholes, found.times):
        return found
    odd = (
        at for at, (whole, time) in enumerate(zip(wholes, found.times, strict=True)) if not _usual([whole], [time])
    )
    return found._replace(odd=frozenset(odd))


def _usual(wholes: Sequence[bytes], times: Sequence[bytes]) -> bool:
    """Whether lines begin as usual, all with these bytes."""
    joined = b"".join(wholes)
    return (
        joined.translate(_HEX) == _ALIKE * len(wholes)
        and joined.count(_MIDDLE) == len(wholes)
        and are_times(b"".join(times))
    )
