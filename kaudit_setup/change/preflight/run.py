"""Every finding, and the refusal that those make which block. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.plan import Plan
from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.change.preflight.kubeconfig import webhook_kubeconfig
from kaudit_setup.change.preflight.log_permissions import log_group, rights
from kaudit_setup.change.preflight.other_installers import installed
from kaudit_setup.change.preflight.ownership import ownership
from kaudit_setup.change.preflight.paths import paths
from kaudit_setup.change.preflight.rollback_policy import restored_policy
from kaudit_setup.change.preflight.running_node import living_node, waiting_changes
from kaudit_setup.errors import RefusedError
from kaudit_setup.model import NEWER, read_as


def inspect(state: NodeState, plan: Plan, *, prove: bool) -> tuple[Finding, ...]:
    """Every finding; `prove` False (a folder that holds a node's files) leaves out what needs a living node."""
    found = (
        *_newer(state),
        *installed(state.observed, plan),
        *paths(state, plan),
        *ownership(state, plan),
        *rights(state.observed, plan),
        *log_group(state.observed, plan),
        *webhook_kubeconfig(state.observed, plan),
        *restored_policy(state, plan),
    )
    if not prove:
        return found
    # what else is odd on a node with such a change may be its doing: its server restarts, or is about to
    return (*waiting_changes(state.observed), *found, *living_node(state, plan))


def _newer(state: NodeState) -> Iterator[Finding]:
    said = read_as(state.pod.version)[1]
    if said:
        hint = "its flags and the language of its policies may have changed; the change is proved all the same"
        yield Finding(NEWER, False, said, hint)


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
