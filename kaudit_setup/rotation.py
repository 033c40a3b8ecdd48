"""Rotation of the audit log: what kube-apiserver's flags keep of it, for how long, on how much disk. Pure.

Source: gopkg.in/natefinch/lumberjack.v2/lumberjack.go, which kube-apiserver rotates its log with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kaudit_setup.model import NEWEST, KubeVersion
from kaudit_setup.units import natural

MEGABYTE = 1 << 20
"""Bytes; lumberjack.go:megabyte."""
BOUNDED_BY_DEFAULT = KubeVersion(1, 36)
"""Older versions keep every rotated log for ever unless told otherwise."""
_LUMBERJACK_MAXSIZE = 100  # megabytes; lumberjack.go:defaultMaxSize, which a size of 0 meant before 1.36
# gzip on JSON audit events makes them about a twentieth; a tenth is promised, so that nobody runs out of disk
_COMPRESSED = 0.1


@dataclass(frozen=True, slots=True)
class Rotation:
    """The rotation as it takes effect: days, files beside the current one, megabytes of each; 0: no limit.

    A log whose files may have any size is never rotated, and so nothing of it is ever removed.
    """

    maxage: int
    maxbackup: int
    maxsize: int
    compress: bool = False

    @property
    def most(self) -> int | None:
        """Bytes of events that the limits on files allow; None without such limits."""
        return self.maxsize * MEGABYTE * (1 + self.maxbackup) if self.maxsize and self.maxbackup else None

    @property
    def hours(self) -> float | None:
        """Hours after which the age of a file removes it; None without such a limit."""
        return self.maxage * 24.0 if self.maxage and self.maxsize else None

    def on_disk(self, logged: float) -> int:
        """Bytes that so many bytes of rotated events take on disk beside a full current file."""
        return int(self.maxsize * MEGABYTE + logged * (_COMPRESSED if self.compress else 1))


def default_rotation(version: KubeVersion | None) -> Rotation:
    """The flags' defaults in a version, as its --help shows them."""
    return Rotation(366, 100, 100) if (version or NEWEST) >= BOUNDED_BY_DEFAULT else Rotation(0, 0, 0)


def effective_maxsize(maxsize: int, version: KubeVersion | None) -> int:
    """What a server of that version makes of `--audit-log-maxsize`, in megabytes; 0 (since 1.36) is no rotation."""
    return maxsize or (0 if (version or NEWEST) >= BOUNDED_BY_DEFAULT else _LUMBERJACK_MAXSIZE)


CONTAINER_LOG_SIZE, CONTAINER_LOG_FILES = "10Mi", 5
"""What kubelet keeps of a container's log unless told otherwise (pkg/kubelet/apis/config/v1beta1/defaults.go)."""
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|k|M|G|)")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def container_log_rotation(size: str = "", files: str = "") -> Rotation:
    """What kubelet keeps of what a server writes to standard output: `containerLogMaxSize` and `containerLogMaxFiles`
    (the current file is one of them); empty for the default.
    """
    found = _QUANTITY.fullmatch(size) or _QUANTITY.fullmatch(CONTAINER_LOG_SIZE)
    number, unit = (found[1], found[2]) if found else ("10", "Mi")
    megabytes = max(1, round(float(number) * _UNITS[unit] / MEGABYTE))
    return Rotation(0, max(1, (natural(files) or CONTAINER_LOG_FILES) - 1), megabytes)


def rotation_of(flags: Mapping[str, str], version: KubeVersion | None) -> Rotation:
    """The rotation that a server of that version makes of these audit flags, its defaults included."""
    default = default_rotation(version)

    def number(name: str, otherwise: int) -> int:
        return natural(flags.get(name) or str(otherwise)) or 0

    return Rotation(
        number("audit-log-maxage", default.maxage),
        number("audit-log-maxbackup", default.maxbackup),
        effective_maxsize(number("audit-log-maxsize", default.maxsize), version),
        flags.get("audit-log-compress", "").lower() in {"true", "1", "t"},
    )


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
    Files are removed as soon as one limit is met, so the smaller one counts. A rate of 0 or less keeps for ever.
    """
    disk, hours, bound = _bounded(rotation, rate)
    if free is None:
        return Kept(disk, hours, bound, None)
    fits = disk is not None and disk - used <= free
    full = None if fits or rate <= 0 else free / rate / 3600
    return Kept(disk, hours, bound, fits if disk is not None or rate > 0 else True, full)


def _bounded(rotation: Rotation, rate: float) -> tuple[int | None, float | None, str]:
    """Bytes on disk, hours and the limit that is met first."""
    most, by_age = rotation.most, rotation.hours
    by_size = most / rate / 3600 if most is not None and rate > 0 else None
    if most is not None and (rate <= 0 or by_age is None or (by_size is not None and by_size <= by_age)):
        return rotation.on_disk(most - rotation.maxsize * MEGABYTE), by_size, "size"
    if by_age is not None:
        # the current file is not old yet, whatever its age
        return rotation.on_disk(max(0.0, rate) * by_age * 3600), by_age, "age"
    return None, None, "nothing"
