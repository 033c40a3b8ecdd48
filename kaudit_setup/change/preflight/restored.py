"""Findings about the policy that a rollback brings back into force. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kaudit_setup.change.nodestate import AuditPaths, NodeState
from kaudit_setup.change.plan import Plan, RemoveFile, WriteFile
from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.model import NEWEST, AuditSettings
from kaudit_setup.policy.load import load


def restored_policy(state: NodeState, plan: Plan) -> Iterator[Finding]:
    """Whether the server of the manifest that is put back can start with the policy file as it will be."""
    path = AuditPaths.of(AuditSettings(plan.pod.flags), plan.pod).policy
    if plan.settings is not None or not plan.restarts or not path:
        return
    seen = state.observed.file(path)
    written = any(isinstance(c, WriteFile) and c.path in {path, seen.target} for c in plan.changes)
    removed = any(isinstance(c, RemoveFile) and c.path in {path, seen.target} for c in plan.changes)
    if removed or (seen.kind != "file" and not written):
        yield Finding(
            "policy-missing",
            True,
            f"the manifest that comes back names the policy {path}, which will not be there: its server would not "
            "start",
            "put the policy file back first, or roll back to another backup (--to)",
        )
        return
    version = plan.pod.version or NEWEST
    errors = load(plan.content(seen), version).errors
    if errors:
        yield Finding(
            "policy-refused",
            True,
            f"kube-apiserver {version} would refuse the policy that comes back into force, {path}: {errors[0]}",
            "fix that file first, or roll back to another backup (--to)",
        )
