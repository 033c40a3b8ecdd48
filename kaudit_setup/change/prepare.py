"""From a request to a plan that can be reviewed: look, look again where the plan needs it, plan, inspect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kaudit_setup.change.backup import backups_of, fetch, pick
from kaudit_setup.change.loggroup import check_name, rights_of
from kaudit_setup.change.nodestate import AuditPaths, NodeState
from kaudit_setup.change.plan import Plan
from kaudit_setup.change.plan_enable import Wanted, plan_enable, target_of
from kaudit_setup.change.plan_restore import FileWanted, plan_disable, plan_write
from kaudit_setup.change.preflight import Finding, inspect
from kaudit_setup.manifest.settings import DEFAULT_WEBHOOK_PATH
from kaudit_setup.model import LOG_FLAG, POLICY_FLAG, WEBHOOK_FLAG, AuditSettings, KubeVersion
from kaudit_setup.node.observe import observe
from kaudit_setup.node.port import Node
from kaudit_setup.policy.load import Loaded, load, refusal
from kaudit_setup.values import replace

if TYPE_CHECKING:
    from kaudit_setup.change.forecast import Growth


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan with the state that it was made from and what stands in its way.

    `kubeadm_config`: where a backup is put back, the cluster's ClusterConfiguration as the backup has it. `growth`:
    how fast the log will grow, None where that was not asked for or nothing new is to be said of it.
    """

    state: NodeState
    plan: Plan
    findings: tuple[Finding, ...]
    kubeadm_config: str = field(default="", repr=False)
    growth: Growth | None = None


def look(node: Node, manifest: str = "", paths: AuditPaths | None = None, more: Sequence[str] = ()) -> NodeState:
    """The node with the files that its present audit flags name, or with those at `paths`. `more`: what else to look
    at, as for `observe`.

    Looks once more where the first look did not know which files these are. Raises ManifestError, NodeError.
    """
    arguments = [*paths.arguments(), *more] if paths else more
    state = NodeState.of(observe(node, manifest=manifest, look_at=arguments))
    return state if paths or state.has_seen(state.paths) else look_again(node, manifest, state.paths, state, more)


def look_again(node: Node, manifest: str, paths: AuditPaths, state: NodeState, more: Sequence[str] = ()) -> NodeState:
    """The same node with what is at `paths`; its manifest is parsed again only if it changed meanwhile."""
    return NodeState.of(observe(node, manifest=manifest, look_at=[*paths.arguments(), *more]), state)


def with_growth(node: Node, prepared: Prepared) -> Prepared:
    """The same, with how fast the log will grow; one more round trip where something changes that.

    Only a person who is asked, or looks at a dry run, needs it. Raises nothing of its own.
    """
    from kaudit_setup.change.forecast import growth_of

    return replace(prepared, growth=growth_of(node, prepared.state, prepared.plan))


def _more(wanted: Wanted) -> list[str]:
    """What else to look at: the group that shall read the log, and a webhook's kubeconfig that only a flag names."""
    check_name(wanted.log_group or "")
    named = wanted.flags.get(WEBHOOK_FLAG, "")
    unread = [named] if wanted.webhook_config is None and named.startswith("/") else []
    return [*([f"group:{wanted.log_group}"] if wanted.log_group else []), *unread]


def _granted(state: NodeState) -> list[str]:
    """What the log's group was given, to be looked at as it is now."""
    return [f"secret:{path}" for path in state.log_group.before]


def prepare_enable(node: Node, wanted: Wanted, *, manifest: str = "", prove: bool = True) -> Prepared:
    """Raises ManifestError, InputError, NodeError."""
    # where they are on the node, too, unless a mount says otherwise: then there is a second look
    state = look(node, manifest, _expected_paths(wanted), _more(wanted))
    loaded = _accepted(wanted.policy, state.version)
    target = target_of(state, wanted)
    if not state.has_seen(target.paths):
        before, state = state, look_again(node, manifest, target.paths, state, _more(wanted))
        if state.pod is not before.pod:
            target = target_of(state, wanted)
    plan = plan_enable(state, wanted, target)
    found = inspect(state, plan, prove=prove)
    return Prepared(state, plan, (*found, *(_lint(loaded, state.version) if plan else ())))


def _expected_paths(wanted: Wanted) -> AuditPaths:
    """What the user names, before anything was seen of the node."""

    def named(flag: str, default: str = "") -> str:
        path = wanted.flags.get(flag) or default
        return path if path.startswith("/") else ""

    webhook = DEFAULT_WEBHOOK_PATH if wanted.webhook_config is not None else ""
    return AuditPaths(named(POLICY_FLAG), named(LOG_FLAG), named(WEBHOOK_FLAG, webhook))


def _accepted(policy: bytes, version: KubeVersion) -> Loaded:
    """Raises PolicyError with every reason for which kube-apiserver of that version would not start with it."""
    loaded = load(policy, version)
    if not loaded.ok:
        raise refusal("", loaded, version)
    return loaded


def _lint(loaded: Loaded, version: KubeVersion) -> Iterator[Finding]:
    """What `policy lint` finds: what it calls an error blocks, a warning does not."""
    from kaudit_setup.policy.lint import lint

    for finding in lint(loaded, version):
        if finding.severity != "info":
            where = f"line {finding.line} of the policy: " if finding.line else "the policy: "
            yield Finding("policy-lint", finding.severity == "error", where + finding.message, finding.fix)


def prepare_disable(node: Node, *, manifest: str = "", prove: bool = True) -> Prepared:
    """Raises ManifestError, NodeError."""
    state = look(node, manifest)
    if any(rights_of(state.observed, path) is None for path in state.log_group.before):
        state = look_again(node, manifest, state.paths, state, _granted(state))
    plan = plan_disable(state)
    return Prepared(state, plan, inspect(state, plan, prove=prove))


def prepare_rollback(node: Node, to: str | None, *, manifest: str = "", prove: bool = True) -> Prepared:
    """Plan to put back the files of backup `to`, the newest if None. Raises InputError, ChangeError, NodeError."""
    state = NodeState.of(observe(node, manifest=manifest))
    backup = pick(backups_of(state.observed), to, node.name)
    contents = fetch(node, backup)
    paths = [f"secret:{f.path}" if f.secret else f.path for f in backup.files]
    paths += [f"secret:{path}" for path in {**state.log_group.before, **backup.rights}]
    state = NodeState.of(observe(node, manifest=manifest, look_at=paths), state)
    files = {f.path: FileWanted(contents.get(f.path), f.mode, f.owner, f.secret) for f in backup.files}
    plan = plan_write("rollback", state, files, backup.rights, backup.log_group)
    coming = AuditPaths.of(AuditSettings(plan.pod.flags), plan.pod)
    if not state.has_seen(coming):
        # the settings that come back may name a policy that no file of the backup is
        state = NodeState.of(observe(node, manifest=manifest, look_at=[*paths, *coming.arguments()]), state)
        plan = plan_write("rollback", state, files, backup.rights, backup.log_group)
    return Prepared(state, plan, inspect(state, plan, prove=prove), backup.kubeadm_config)
