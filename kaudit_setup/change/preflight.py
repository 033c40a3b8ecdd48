"""What stands in the way of a change, found before anything is touched. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kaudit_setup.change.folders import STATE
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.plan import Plan, WriteFile
from kaudit_setup.change.probe import identity
from kaudit_setup.change.verify import audit_lines
from kaudit_setup.errors import ManifestError, RefusedError
from kaudit_setup.manifest.pod import read
from kaudit_setup.node.observe import FileSeen, Observed
from kaudit_setup.rotation import Rotation

_TOOLS = ("sha256sum", "flock")
_LEAST_FREE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. `blocks`: the change is refused unless `--force <name>` is given."""

    name: str
    blocks: bool
    message: str
    hint: str = ""


def inspect(state: NodeState, plan: Plan, *, prove: bool) -> tuple[Finding, ...]:
    """Every finding; `prove` False (a folder that holds a node's files) leaves out what needs a living node."""
    observed = state.observed
    found = [*_log(observed, plan), *_volumes(observed, plan), *_links(plan), *_strays(observed)]
    if prove:
        found += [
            *_living(observed),
            *_loose(observed),
            *_server(state),
            *(_peers(observed) if plan else ()),
            *_selinux(observed),
            *_no_systemd(observed),
            *_pending(observed),
            *_tools(observed),
        ]
    return tuple(found)


def refuse(host: str, findings: Sequence[Finding], forced: Collection[str]) -> None:
    """Raises RefusedError for the first finding that blocks and was not overridden; all are in its details."""
    blocking = [f for f in findings if f.blocks and f.name not in forced]
    if blocking:
        first = blocking[0]
        raise RefusedError(
            f"{host}: {first.message} ({first.name}); nothing was changed",
            hint=f"{first.hint + '; ' if first.hint else ''}--force {first.name} proceeds despite this",
            details="\n".join(f"{f.name}: {f.message}" for f in blocking[1:]),
        )


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
    size, count = flags.get("audit-log-maxsize", "0"), flags.get("audit-log-maxbackup", "0")
    if not (size.isdigit() and count.isdigit()) or volume.free < 0:
        return
    most = Rotation(0, int(count), int(size)).most
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


def _links(plan: Plan) -> Iterator[Finding]:
    for change in plan.changes:
        if isinstance(change, WriteFile) and change.before.real:
            yield Finding(
                "symlink",
                False,
                f"{change.before.path} is a link to {change.before.real}; the file behind it is changed, and kubelet "
                "may take up to 20 s to notice",
            )


def _strays(observed: Observed) -> Iterator[Finding]:
    for stray in observed.strays:
        if holds_api_server(stray):
            yield Finding(
                "stray-manifest",
                True,
                f"{stray.path} also holds a kube-apiserver Pod; kubelet reads every file there, whatever its name, "
                "and the last one in sort order wins",
                "move it out of the static Pod directory",
            )


def holds_api_server(file: FileSeen) -> bool:
    """Whether kubelet would take this file for a kube-apiserver Pod."""
    try:
        read(file.text)
    except ManifestError:
        return False
    return True


def _living(observed: Observed) -> Iterator[Finding]:
    if observed.uid != 0:
        yield Finding("not-root", True, "the scripts do not run as root on the node")
    if not observed.kubelet_pid:
        yield Finding(
            "kubelet-down",
            True,
            "kubelet is not running, so nothing would act on a changed manifest",
            "systemctl start kubelet",
        )
    configured = observed.static_configured.rstrip("/")
    if configured and configured != observed.static_dir:
        yield Finding(
            "not-the-static-dir",
            True,
            f"kubelet reads static Pods from {configured}, not from {observed.static_dir}",
        )


def _loose(observed: Observed) -> Iterator[Finding]:
    for folder in observed.loose:
        yield Finding(
            "loose-folder",
            True,
            f"others than root can write to {folder}, so they could exchange what is written or run there",
            f"chown root {folder} && chmod go-w {folder}",
        )


def _server(state: NodeState) -> Iterator[Finding]:
    server = state.observed.server
    if server is None:
        yield Finding(
            "server-down",
            True,
            "kube-apiserver is not running now, so a change could not be told from what is wrong already",
            "fix the API server first, or --force server-down if this change is the fix",
        )
    elif audit_lines(server.argv) != audit_lines(state.pod.argv):
        yield Finding(
            "restart-pending",
            False,
            "the running kube-apiserver does not have the audit flags that the manifest has",
        )
    if identity(state.observed) is None:
        yield Finding(
            "no-client",
            True,
            "the node has neither curl with kubeadm's client certificate nor kubectl with admin.conf, so that no "
            "event could be proved",
            "install curl or kubectl on the node",
        )


def _peers(observed: Observed) -> Iterator[Finding]:
    """Nobody may be restarted while it is not known whether another API server of the cluster answers."""
    seen = observed.cluster
    if observed.servers and not (seen and seen.servers):
        why = seen.servers_why if seen else "its API server could not be asked about the cluster"
        yield Finding(
            "peers-unknown",
            True,
            f"the other API servers of the cluster are not known, so they cannot be waited for: {why}",
            "make sure that they answer",
        )


def _selinux(observed: Observed) -> Iterator[Finding]:
    if observed.selinux == "1":
        yield Finding(
            "selinux",
            False,
            "SELinux is enforcing; new files get the labels of the node's policy (restorecon)",
        )


def _no_systemd(observed: Observed) -> Iterator[Finding]:
    if "systemd" not in observed.tools:
        yield Finding(
            "no-systemd",
            False,
            "this node has no systemd: after a reboot an unproved change is not undone automatically; "
            "`kaudit-setup recover` does",
        )


def _pending(observed: Observed) -> Iterator[Finding]:
    for run in observed.runs:
        if run.unfinished:
            yield Finding(
                "unfinished",
                True,
                f"a change, begun by {run.about.get('by', 'somebody')}, was never confirmed and has no "
                "watchdog any more",
                "`kaudit-setup recover` restores the old state",
            )
        if run.waits:
            left = int(run.about.get("deadline", 0)) - observed.uptime
            yield Finding(
                "pending",
                True,
                f"another change, begun by {run.about.get('by', 'somebody')}, waits to be confirmed; "
                f"it is undone automatically in {max(left, 0)} s",
            )


def _tools(observed: Observed) -> Iterator[Finding]:
    for tool in _TOOLS:
        if tool not in observed.tools:
            yield Finding("no-tool", True, f"{tool} is missing on the node (coreutils and util-linux have it)")
