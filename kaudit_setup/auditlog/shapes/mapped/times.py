"""Whether times are as kube-apiserver spells them, which is seen in one look at many of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from kaudit_setup.auditlog.timestamps import stamp_or_nothing

_TIME: Final = b"0000-00-00T00:00:00.000000Z"
TIME_BYTES: Final = len(_TIME)
_MINUTE: Final = len("2026-11-23T16:06")
_TENS_AT: Final = len("2026-11-23T16:06:")
_DIGITS: Final = bytes.maketrans(b"123456789", b"0" * 9)


def are_times(joined: bytes) -> bool:
    """Whether it is times, one behind the other."""
    return (
        joined.translate(_DIGITS) == _TIME * (len(joined) // TIME_BYTES)
        and not joined[_TENS_AT::TIME_BYTES].strip(b"012345")
        and all(map(_is_minute, {joined[at : at + _MINUTE] for at in range(0, len(joined), TIME_BYTES)}))
    )


@lru_cache(maxsize=1 << 12)
def _is_minute(text: bytes) -> bool:
    """Whether there is that minute in a calendar."""
    return bool(stamp_or_nothing(text.decode("ascii", "replace") + ":00Z"))
