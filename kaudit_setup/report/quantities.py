"""Bytes, lengths of time and shares as people read them."""

from __future__ import annotations


def size(count: float) -> str:
    """Bytes as `831 B`, `1.2 KiB`, `350 MiB`. Powers of 1024, as --audit-log-maxsize counts."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1023.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def hours(count: float) -> str:
    """A length of time, given in hours, as `29 s`, `12 min`, `3.5 h`, `11 h` or `30 days`."""
    if count < 1 / 60:
        return f"{count * 3600:.0f} s"
    if count < 1:
        return f"{count * 60:.0f} min"
    number, unit = (count, "h") if count < 72 else (count / 24, "days")
    return f"{f'{number:.1f}'.removesuffix('.0')} {unit}"


def share(part: float, whole: float) -> str:
    """A percentage of `whole`, `-` of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def per_second(count: float, seconds: float) -> float | None:
    """A rate for programs, None where no time passed."""
    return round(count / seconds, 4) if seconds else None
