"""Every check on one node, as it was observed."""

from __future__ import annotations

from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.compliance.audit_policy import TITLE, judge_policy, no_policy
from kaudit_setup.compliance.command_line import CHECKS, judge
from kaudit_setup.compliance.verdict import Verdict
from kaudit_setup.model import read_as
from kaudit_setup.policy.load import load
from kaudit_setup.values import replace


def judge_node(state: NodeState) -> tuple[Verdict, ...]:
    """Every verdict on one node: on the running server's command line, and on the policy file that it names."""
    server = state.observed.server
    policy = _judge_file(state)
    if said := read_as(state.pod.version)[1]:
        policy = replace(policy, found=f"{policy.found} ({said})")
    return (*judge(server.argv if server else ()), policy)


def _judge_file(state: NodeState) -> Verdict:
    file = state.policy
    if file is None or file.content is None:
        return no_policy(f"{file.path} is not there" if file else "there is no audit policy")
    loaded = load(file.content, state.version)
    if loaded.policy is None:
        return no_policy(f"kube-apiserver refuses {file.path}: {loaded.errors[0]}")
    return judge_policy(loaded.policy, state.version)


def unreachable(why: str) -> tuple[Verdict, ...]:
    """Every verdict on a node that could not be asked: none passes."""
    titles = [*((c.id, c.title) for c in CHECKS), ("3.2.2", TITLE)]
    return tuple(
        Verdict(number, title, False, why, "make the node reachable", asked=False) for number, title in titles
    )
