"""Findings about paths that belong to somebody else: kubelet's static Pod folder, another program's log. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kaudit_setup.auditlog.shapes.names import describe_foreign
from kaudit_setup.change.nodestate import AuditPaths
from kaudit_setup.change.plan import Plan
from kaudit_setup.change.preflight.finding import Finding
from kaudit_setup.manifest.settings import DEFAULT_LOG_PATH, DEFAULT_POLICY_PATH, DEFAULT_WEBHOOK_PATH
from kaudit_setup.model import AuditSettings
from kaudit_setup.node.observe import LogSeen, Observed


def ownership(observed: Observed, plan: Plan) -> Iterator[Finding]:
    """Of the paths that `enable` sets or keeps; nothing for other actions."""
    if plan.settings is not None:
        yield from _static_pods(observed, plan.settings, AuditPaths.of(plan.settings, plan.pod))
        yield from _foreign_log(observed.log, plan.settings)


def _static_pods(observed: Observed, settings: AuditSettings, at: AuditPaths) -> Iterator[Finding]:
    """Whatever its name, a file there is a Pod to kubelet (pkg/kubelet/config/file.go:extractFromDir)."""
    for what, option, default, given, path in (
        ("the policy file", "--policy-path", DEFAULT_POLICY_PATH, settings.policy_path, at.policy),
        ("the webhook's kubeconfig", "--webhook-path", DEFAULT_WEBHOOK_PATH, settings.webhook_path, at.webhook),
        ("the log", "--log-path", DEFAULT_LOG_PATH, settings.log_path, at.log),
    ):
        if path in observed.in_static_dir:
            inside = f"; {given} of the server's container is there" if given != path else ""
            yield Finding(
                "static-pod-folder",
                True,
                f"{path} would hold {what}, in the folder that kubelet reads static Pods from: kubelet would try "
                f"to run it as a Pod{inside}",
                f"name another path, e.g. {option} {default}",
            )


def _foreign_log(log: LogSeen, settings: AuditSettings) -> Iterator[Finding]:
    """kube-apiserver would append to it, rename it and remove its old files, while its owner writes, too."""
    if settings.log_path in {"", "-"} or log.kind != "file":
        return
    # a crash may cut the first line short, and the server may be writing the last one
    lines = [line for line in (log.first, log.last) if line.strip()]
    if lines and all(map(describe_foreign, lines)):
        yield Finding(
            "foreign-log",
            True,
            f"{log.path} is {describe_foreign(lines[0])}, which would write into it and rotate it",
            f"name another file: --log-path {DEFAULT_LOG_PATH}",
        )
