"""What must be true of a node once a plan was carried out, as far as it can be asked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from kaudit_setup.change.nodestate import AuditPaths, NodeState
from kaudit_setup.change.plan import Plan
from kaudit_setup.change.probe import Identity, Probe, choose, identity
from kaudit_setup.manifest.govalues import parse_duration
from kaudit_setup.manifest.pod import ApiServerPod
from kaudit_setup.model import AuditSettings, KubeVersion, read_as
from kaudit_setup.node.observe import Process
from kaudit_setup.policy.load import load
from kaudit_setup.units import natural


@dataclass(frozen=True, slots=True)
class Expectation:
    """What shall be true of the node.

    `argv`: the container's arguments. `log`: host path of the audit log, `stdout`, or empty where nothing can be
    found. `old`: server processes that do not count, because they ran before the change. `settle`: seconds that
    the server must stay. `hook`: host path of the webhook's kubeconfig, empty without one; `hook_wait`: seconds
    within which the server sends what it has. `crashes`: whether a server that ends with a word of why means
    failure; not so while an old state comes back, since what the failed one said is still there. `run`: folder of
    the change that waits, so that its watchdog waits as long. `restart_kubelet`: whether kubelet is restarted where
    it holds the server back.
    """

    argv: tuple[str, ...]
    address: str
    port: int
    log: str
    mark: str
    identity: Identity | None
    probe: Probe | None
    old: tuple[Process, ...] = ()
    settle: int = 0
    crashes: bool = True
    hook: str = ""
    hook_wait: int = 0
    run: str = ""
    restart_kubelet: bool = False

    @property
    def unproved(self) -> str:
        """Why no event is looked for; empty if one is, or if auditing is off."""
        if (self.log or self.hook) and self.probe is None:
            return "this policy logs no harmless request, so no event could be proved; the server runs with it"
        return ""


def expect(plan: Plan, state: NodeState, mark: str, *, run: str = "") -> Expectation:
    """What must be true once the plan is carried out; also for an empty plan, of the node as it is.

    `mark`: a unique name for the marked request. `run`: the folder of the change.
    """
    pod, settings = plan.pod, AuditSettings(plan.pod.flags)
    paths = AuditPaths.of(settings, pod)
    address, port = address_of(pod)
    who = identity(state.observed)
    log, hook = log_on_host(settings, paths), paths.webhook if settings.policy_path else ""
    policy = plan.content(state.observed.file(paths.policy))
    probe = _probe(policy, who, mark, read_as(pod.version)[0]) if (log or hook) and who else None
    return Expectation(
        argv=pod.argv,
        address=address,
        port=port,
        log=log,
        mark=mark,
        identity=who,
        probe=probe,
        old=state.observed.servers if plan.restarts else (),
        # its metrics count from the server's start, so they say something of a new server only
        hook=hook if probe and plan.restarts else "",
        hook_wait=webhook_wait_s(settings),
        run=run,
    )


def _probe(policy: bytes, who: Identity, mark: str, version: KubeVersion) -> Probe | None:
    loaded = load(policy, version).policy
    return choose(loaded, who, mark, version) if loaded else None


def address_of(pod: ApiServerPod) -> tuple[str, int]:
    """Where this very server listens, not a load balancer before it."""
    address = pod.flag("bind-address") or ""
    if not address or _is_everywhere(address):
        address = pod.flag("advertise-address") or pod.probe_host or "127.0.0.1"
    return address, natural(pod.flag("secure-port") or "") or 6443


def _is_everywhere(address: str) -> bool:
    try:
        return ip_address(address).is_unspecified
    except ValueError:
        # a name: the server itself refuses that
        return False


def log_on_host(settings: AuditSettings, paths: AuditPaths) -> str:
    """Where events are looked for: host path, `stdout`, or empty."""
    if not settings.policy_path:
        return ""
    return "stdout" if settings.log_path == "-" else paths.log


def webhook_wait_s(settings: AuditSettings) -> int:
    """Within how many seconds events leave for the webhook's receiver."""
    if not settings.webhook_path:
        return 0
    if settings.flags.get("audit-webhook-mode", "batch") != "batch":
        return 2
    try:
        wait = parse_duration(settings.flags.get("audit-webhook-batch-max-wait", "30s"))
    except ValueError:
        wait = 0
    return min(int(wait) + 3, 60)
