"""Findings about a living node: its processes, its API servers, changes that wait. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.plan import Plan
from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.change.probe import identity
from kaudit_setup.change.verify import audit_lines
from kaudit_setup.node.cluster import ClusterSeen
from kaudit_setup.node.observe import Observed

_TOOLS = ("sha256sum", "flock")


def living_node(state: NodeState, plan: Plan) -> Iterator[Finding]:
    """What keeps a change from being made, proved or undone there."""
    observed = state.observed
    yield from _living(observed)
    yield from _loose(state)
    yield from _server(state, plan)
    if plan:
        yield from _peers(observed)
    if plan.restarts and observed.cluster:
        yield from _stopped_peers(observed.cluster)
    yield from _selinux(observed)
    yield from _no_systemd(observed)
    yield from _tools(observed)


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


def _loose(state: NodeState) -> Iterator[Finding]:
    log, server = state.observed.volumes["log"], state.pod.runs_as.partition(":")[0]
    for folder in state.observed.loose:
        if folder == log.folder and server == log.owner.partition(":")[0]:
            # a server that is not root's must own it
            continue
        yield Finding(
            "loose-folder",
            True,
            f"others than root can write to {folder}, so they could exchange what is written or run there",
            f"chown root {folder} && chmod go-w {folder}",
        )


def _brings_policy(state: NodeState, plan: Plan) -> bool:
    """Whether the plan writes the policy file that the manifest names already, and that is not there."""
    policy = state.policy
    return policy is not None and policy.kind == "absent" and any(c.path == policy.path for c in plan.files)


def _server(state: NodeState, plan: Plan) -> Iterator[Finding]:
    server = state.observed.server
    if server is None and _brings_policy(state, plan):
        yield Finding(
            "server-down",
            False,
            f"kube-apiserver is not running: its policy {state.paths.policy} is not there, and this change writes it",
        )
    elif server is None:
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


def _stopped_peers(seen: ClusterSeen) -> Iterator[Finding]:
    """A server that was stopped in good order is announced no more, so that nobody waits for it."""
    if seen.silent:
        yield Finding(
            "peer-stopped",
            True,
            f"the cluster knows more control-plane nodes than announce an API server: {seen.silent} does not (is it "
            "stopped?), and a restart here would take another one away",
            "start it; if it has left the cluster for good: kubectl delete node NAME",
        )
    elif seen.nodes_why and seen.servers:
        yield Finding(
            "nodes-unknown",
            False,
            f"an API server that was stopped is not noticed, because the other nodes are not known: {seen.nodes_why}",
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


def waiting_changes(observed: Observed) -> Iterator[Finding]:
    """Earlier changes that nobody has decided about yet."""
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
            left = run.deadline - observed.uptime
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
