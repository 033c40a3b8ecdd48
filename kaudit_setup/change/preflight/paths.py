"""Findings about files and folders: the log, and what is written. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kaudit_setup.change.folders import STATE
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.plan import Plan
from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.change.preflight.replaced_files import replaced
from kaudit_setup.change.preflight.stray_manifests import strays
from kaudit_setup.node.observe import Observed
from kaudit_setup.rotation import Rotation
from kaudit_setup.units import natural

_LEAST_FREE = 16 * 1024 * 1024


def paths(state: NodeState, plan: Plan) -> Iterator[Finding]:
    """What is wrong with the places of the files, on a living node as in a folder."""
    observed = state.observed
    yield from _log(observed, plan)
    yield from _volumes(observed, plan)
    yield from replaced(observed, plan)
    yield from strays(state)


def _log(observed: Observed, plan: Plan) -> Iterator[Finding]:
    log, volume = observed.log, observed.volumes["log"]
    if plan.settings is None or plan.settings.log_path in {"", "-"}:
        return
    if log.kind == "directory":
        yield Finding(
            "log-path-directory",
            True,
            f"{log.path} is a directory; kube-apiserver 1.20 would rename it away, newer ones refuse to start",
            "name a file: --log-path DIR/audit.log",
        )
    if volume.blocked:
        yield Finding("log-path-blocked", True, f"{volume.blocked} is not a folder, so {log.path} cannot be created")
    if volume.unwritable:
        yield Finding("read-only", True, f"{volume.folder} cannot be written to; the audit log would be {log.path}")
    else:
        yield from _space(observed, plan.settings.flags)


def _space(observed: Observed, flags: Mapping[str, str]) -> Iterator[Finding]:
    volume = observed.volumes["log"]
    size, count = (natural(flags.get(f"audit-log-{name}", "0")) for name in ("maxsize", "maxbackup"))
    if size is None or count is None or volume.free < 0:
        return
    most = Rotation(0, count, size).most
    used = observed.log.size + observed.log.rotated_bytes
    if volume.free < _LEAST_FREE:
        yield Finding("disk-full", True, f"{volume.folder} has {volume.free >> 20} MiB left for the audit log")
    elif most and most - used > volume.free:
        yield Finding(
            "disk-small",
            False,
            f"the log may grow to {most >> 20} MiB, {volume.folder} has {volume.free >> 20} MiB left",
            "lower --log-maxsize or --log-maxbackup",
        )


def _volumes(observed: Observed, plan: Plan) -> Iterator[Finding]:
    if not plan:
        return
    for name, what in (("state", STATE), ("manifest", observed.static_dir), ("policy", "the policy")):
        volume = observed.volumes[name]
        if volume.unwritable:
            yield Finding("read-only", True, f"{volume.folder} cannot be written to; it would hold {what}")
        elif 0 <= volume.free < _LEAST_FREE:
            yield Finding(
                "disk-full",
                True,
                f"{volume.folder} has {volume.free // 1024} KiB left; it would hold {what}",
                "free some space on that filesystem first",
            )
