"""What the log's rotation keeps, and whether the volume can hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kaudit_setup.manifest.flagtable import table
from kaudit_setup.model import NEWEST, KubeVersion

MEGABYTE = 1024 * 1024  # lumberjack's (natefinch/lumberjack.v2 lumberjack.go:megabyte)
# gzip on JSON audit events makes them about a twentieth; a tenth is promised, so that nobody runs out of disk
COMPRESSED = 0.1


@dataclass(frozen=True, slots=True)
class Rotation:
    """The server's rotation as it takes effect: days, files beside the current one, megabytes of each; 0: no bound.

    The flags' own meaning: `maxsize` 0 is 100 MB up to 1.35 (lumberjack's default) and "never rotate" since 1.36; the
    caller has already put the version's defaults in.
    """

    maxage: int
    maxbackup: int
    maxsize: int
    compress: bool = False


def rotation_of(flags: Mapping[str, str], version: KubeVersion | None) -> Rotation:
    """The rotation that a server of that version makes of these audit flags, its defaults included."""
    known = table(version or NEWEST)

    def number(name: str) -> int:
        text = flags.get(name) or known[name].default
        return int(text) if text.isdecimal() else 0

    size = number("audit-log-maxsize")
    if not size and int(known["audit-log-maxsize"].default) == 0:
        # before maxsize had a default of its own, 0 was lumberjack's (lumberjack.go:defaultMaxSize)
        size = 100
    compress = flags.get("audit-log-compress", "").lower() in {"true", "1", "t"}
    return Rotation(number("audit-log-maxage"), number("audit-log-maxbackup"), size, compress)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the rotation keeps at a rate: `bytes` on disk, None without bound; `hours`, None where that is unknown.

    `bound`: what limits it: `size` (number and size of files), `age`, or `nothing`. `fits`: whether it fits the
    volume, counting what the log takes already, None where the free space is unknown.
    """

    bytes: int | None
    hours: float | None
    bound: str
    fits: bool | None
    full_in_hours: float | None = None


def kept(rotation: Rotation, rate: float, *, used: int = 0, free: int | None = None) -> Kept:
    """What `rotation` keeps of a log that grows by `rate` bytes per second.

    `used`: bytes that the log and its rotated files take now; `free`: bytes free on the volume, None if unknown.
    Files are removed as soon as one bound is met, so the smaller one counts. A rate of 0 or less keeps for ever.
    """
    by_size = _by_size(rotation)
    hours_by_size = by_size[0] / rate / 3600 if by_size and rate > 0 else None
    hours_by_age = rotation.maxage * 24.0 if rotation.maxage and rotation.maxsize else None
    bounds = [(hours, name) for hours, name in ((hours_by_size, "size"), (hours_by_age, "age")) if hours is not None]
    hours, bound = min(bounds, default=(None, "nothing"))
    if rate <= 0 and by_size:
        hours, bound = None, "size"
    disk = _on_disk(rotation, rate, hours, bound, by_size)
    if free is None:
        return Kept(disk, hours, bound, None)
    fits = disk is not None and disk - used <= free
    full = None if fits or rate <= 0 else free / rate / 3600
    return Kept(disk, hours, bound, fits if disk is not None or rate > 0 else True, full)


def _by_size(rotation: Rotation) -> tuple[int, int] | None:
    """Bytes of events that the file bounds allow, and what they take on disk; None without such a bound."""
    if not rotation.maxsize or not rotation.maxbackup:
        return None
    one = rotation.maxsize * MEGABYTE
    old = one * rotation.maxbackup
    return one + old, one + (int(old * COMPRESSED) if rotation.compress else old)


def _on_disk(
    rotation: Rotation, rate: float, hours: float | None, bound: str, by_size: tuple[int, int] | None
) -> int | None:
    if bound == "size" and by_size:
        return by_size[1]
    if bound != "age" or hours is None:
        return None
    current = rotation.maxsize * MEGABYTE
    old = max(0.0, rate) * hours * 3600
    # the current file is not old yet, whatever its age
    return int(current + (old * COMPRESSED if rotation.compress else old))
