"""The settings as Kubespray's variables."""

from __future__ import annotations

import posixpath

from kaudit_setup.errors import InputError
from kaudit_setup.manifest.render_source import Source, policy_of
from kaudit_setup.model import LOG_FLAG, POLICY_FLAG, WEBHOOK_FLAG
from kaudit_setup.yamltext import Plain, emit, plain

# roles/kubernetes/control-plane/defaults/main/main.yml of Kubespray
_KUBESPRAY = {
    "audit-policy-file": "audit_policy_file",
    "audit-log-path": "audit_log_path",
    "audit-log-maxage": "audit_log_maxage",
    "audit-log-maxbackup": "audit_log_maxbackups",
    "audit-log-maxsize": "audit_log_maxsize",
    "audit-webhook-config-file": "audit_webhook_config_file",
    "audit-webhook-mode": "audit_webhook_mode",
    "audit-webhook-batch-max-size": "audit_webhook_batch_max_size",
    "audit-webhook-batch-max-wait": "audit_webhook_batch_max_wait",
}


def kubespray(source: Source) -> str:
    """Kubespray takes rules only, so what the policy says for all rules is said in each (the two are joined anyway).

    Source: staging/src/k8s.io/apiserver/pkg/audit/policy/checker.go (unionStages, isOmitManagedFields).
    """
    settings = source.settings
    wanted: dict[str, Plain] = {}
    if LOG_FLAG in settings.flags:
        wanted["kubernetes_audit"] = True
        if settings.log_path != "-":
            wanted["audit_log_hostpath"] = posixpath.dirname(settings.log_path)
    if WEBHOOK_FLAG in settings.flags:
        wanted |= {"kubernetes_audit_webhook": True, **_webhook_server(source.webhook)}
    rest: dict[str, Plain] = {}
    for flag, value in settings.flags.items():
        if flag in {POLICY_FLAG, WEBHOOK_FLAG}:
            # Kubespray mounts the whole folder of the policy, and nothing else: not /etc/kubernetes, then
            wanted[_KUBESPRAY[flag]] = "/etc/kubernetes/audit-policy/" + posixpath.basename(value)
        elif flag in _KUBESPRAY:
            wanted[_KUBESPRAY[flag]] = int(value) if value.isdecimal() else value
        else:
            rest[flag] = value
    if rest:
        wanted["kube_kubeadm_apiserver_extra_args"] = rest
    wanted["audit_policy_custom_rules"] = emit(_rules_alone(policy_of(source)))
    return emit(wanted)


def _webhook_server(kubeconfig: str) -> dict[str, Plain]:
    """Kubespray writes the kubeconfig itself, from the address and the other fields of its cluster."""
    found = plain(kubeconfig, "the webhook's kubeconfig")
    clusters = found.get("clusters") if isinstance(found, dict) else None
    first = clusters[0] if isinstance(clusters, list) and clusters else None
    cluster = first.get("cluster") if isinstance(first, dict) else None
    if not isinstance(cluster, dict) or not isinstance(cluster.get("server"), str):
        raise InputError("the webhook's kubeconfig names no server", hint="it needs clusters[0].cluster.server")
    rest: dict[str, Plain] = {
        k: str(v).lower() if isinstance(v, bool) else v for k, v in cluster.items() if k != "server"
    }
    extra: dict[str, Plain] = {"audit_webhook_server_extra_args": rest} if rest else {}
    return {"audit_webhook_server_url": cluster["server"], **extra}


def _rules_alone(policy: dict[str, Plain]) -> Plain:
    rules, stages, managed = policy.get("rules"), policy.get("omitStages"), policy.get("omitManagedFields")
    found: list[Plain] = []
    for rule in rules if isinstance(rules, list) else []:
        if not isinstance(rule, dict):
            raise InputError("the policy has a rule that is no mapping", hint="run kaudit-setup policy lint FILE")
        joined = dict(rule)
        own = joined.get("omitStages")
        both = [*(own if isinstance(own, list) else []), *(stages if isinstance(stages, list) else [])]
        if both:
            joined["omitStages"] = list(dict.fromkeys(map(str, both)))
        if managed is not None:
            joined.setdefault("omitManagedFields", managed)
        found.append(joined)
    return found
