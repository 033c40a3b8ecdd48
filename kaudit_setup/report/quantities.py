"""Bytes, lengths of time and shares as people read them."""

from __future__ import annotations


def size(count: float) -> str:
    """Bytes as `831 B`, `1.2 kB`, `35 MB`: three digits at most, powers of a thousand."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def hours(count: float) -> str:
    """Hours as `29 s`, `12 min`, `3.5 h` or `12 days`."""
    if count < 1 / 60:
        return f"{count * 3600:.0f} s"
    if count < 1:
        return f"{count * 60:.0f} min"
    return f"{count:.1f} h" if count < 72 else f"{count / 24:.1f} days"


def share(part: float, whole: float) -> str:
    """A percentage of `whole`, `-` of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "-"
