"""Findings about the policy that a rollback brings back into force. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kaudit_setup.change.nodestate import AuditPaths, NodeState
from kaudit_setup.change.plan import Plan, WriteFile
from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.model import AuditSettings, KubeVersion, read_as
from kaudit_setup.node.observe import FileSeen
from kaudit_setup.policy.load import load


def restored_policy(state: NodeState, plan: Plan) -> Iterator[Finding]:
    """Whether the server of the manifest that is put back can start with the policy file as it will be."""
    path = AuditPaths.of(AuditSettings(plan.pod.flags), plan.pod).policy
    if plan.settings is None and plan.restarts and path:
        content = _content(plan, state.observed.file(path))
        yield from _missing(path) if content is None else _refused(path, content, read_as(plan.pod.version)[0])


def _content(plan: Plan, seen: FileSeen) -> bytes | None:
    """What will be in the file; None where there will be none."""
    for change in plan.files:
        if change.path in {seen.path, seen.target}:
            return change.after if isinstance(change, WriteFile) else None
    return seen.content if seen.kind == "file" else None


def _missing(path: str) -> Iterator[Finding]:
    yield Finding(
        "policy-missing",
        True,
        f"the manifest that comes back names the policy {path}, which will not be there: its server would not start",
        "put the policy file back first, or roll back to another backup (--to)",
    )


def _refused(path: str, content: bytes, version: KubeVersion) -> Iterator[Finding]:
    errors = load(content, version).errors
    if errors:
        yield Finding(
            "policy-refused",
            True,
            f"kube-apiserver {version} would refuse the policy that comes back into force, {path}: {errors[0]}",
            "fix that file first, or roll back to another backup (--to)",
        )
