"""The settings as Kubespray's variables."""

from __future__ import annotations

import posixpath

from kaudit_setup.errors import InputError
from kaudit_setup.manifest.render_source import Source, policy_of
from kaudit_setup.model import LOG_FLAG, POLICY_FLAG, WEBHOOK_FLAG
from kaudit_setup.units import natural
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
    flags = source.settings.flags
    wanted = _backends(source) | {_KUBESPRAY[f]: _variable(f, value) for f, value in flags.items() if f in _KUBESPRAY}
    rest: dict[str, Plain] = {flag: value for flag, value in flags.items() if flag not in _KUBESPRAY}
    if rest:
        wanted["kube_kubeadm_apiserver_extra_args"] = rest
    wanted["audit_policy_custom_rules"] = emit(_rules_alone(policy_of(source)))
    return emit(wanted)


def _backends(source: Source) -> dict[str, Plain]:
    """The variables that switch the backends on."""
    settings = source.settings
    found: dict[str, Plain] = {}
    if LOG_FLAG in settings.flags:
        found["kubernetes_audit"] = True
        if settings.log_path != "-":
            found["audit_log_hostpath"] = posixpath.dirname(settings.log_path)
    if WEBHOOK_FLAG in settings.flags:
        found |= {"kubernetes_audit_webhook": True, **_webhook_server(source.webhook)}
    return found


def _variable(flag: str, value: str) -> Plain:
    if flag in {POLICY_FLAG, WEBHOOK_FLAG}:
        # Kubespray mounts the whole folder of the policy, and nothing else: not /etc/kubernetes, then
        return "/etc/kubernetes/audit-policy/" + posixpath.basename(value)
    number = natural(value)
    return value if number is None else number


def _webhook_server(kubeconfig: str) -> dict[str, Plain]:
    """Kubespray writes the kubeconfig itself, from the address and the other fields of its cluster."""
    cluster = _first_cluster(plain(kubeconfig, "the webhook's kubeconfig"))
    server = cluster.pop("server", None)
    if not isinstance(server, str):
        raise InputError("the webhook's kubeconfig names no server", hint="it needs clusters[0].cluster.server")
    rest: dict[str, Plain] = {k: str(v).lower() if isinstance(v, bool) else v for k, v in cluster.items()}
    extra: dict[str, Plain] = {"audit_webhook_server_extra_args": rest} if rest else {}
    return {"audit_webhook_server_url": server, **extra}


def _first_cluster(kubeconfig: Plain) -> dict[str, Plain]:
    """A copy of clusters[0].cluster, empty where there is none."""
    clusters = _mapping(kubeconfig).get("clusters")
    first = clusters[0] if isinstance(clusters, list) and clusters else None
    return dict(_mapping(_mapping(first).get("cluster")))


def _mapping(value: Plain) -> dict[str, Plain]:
    return value if isinstance(value, dict) else {}


def _list(value: Plain) -> list[Plain]:
    return value if isinstance(value, list) else []


def _rules_alone(policy: dict[str, Plain]) -> Plain:
    return [_joined(rule, policy) for rule in _list(policy.get("rules"))]


def _joined(rule: Plain, policy: dict[str, Plain]) -> Plain:
    """One rule with what the policy says for all of them."""
    if not isinstance(rule, dict):
        raise InputError("the policy has a rule that is not a mapping", hint="run kaudit-setup policy lint FILE")
    joined = dict(rule)
    both = [*_list(joined.get("omitStages")), *_list(policy.get("omitStages"))]
    if both:
        joined["omitStages"] = list(dict.fromkeys(map(str, both)))
    managed = policy.get("omitManagedFields")
    return joined if managed is None else {"omitManagedFields": managed, **joined}
