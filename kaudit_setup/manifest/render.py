"""The audit settings in the words of those who install Kubernetes by other means: settings → text.

Every format says the same flags, mounts and files. What a tool has no words for is an error, never left out.
The comments above each text come from `templates/render/`, where people may change them.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Template

from kaudit_setup.errors import InputError
from kaudit_setup.manifest.render_kubespray import kubespray
from kaudit_setup.manifest.render_source import Source, policy_of, volumes
from kaudit_setup.model import (
    LOG_FLAG,
    POLICY_ANNOTATION,
    POLICY_FLAG,
    WEBHOOK_ANNOTATION,
    WEBHOOK_FLAG,
    AuditSettings,
    KubeVersion,
)
from kaudit_setup.yamltext import Plain, emit, octal


@dataclass(frozen=True, slots=True)
class Format:
    """One way to say it: what it is for, the file it usually lives in, and how it is made.

    `embeds`: whether the text holds the policy itself, so that nobody has to bring the file to the node.
    """

    about: str
    file: str
    body: Callable[[Source], str]
    embeds: bool = False


def render(name: str, source: Source, head: str = "") -> str:
    """The text of format `name`; `head` is the template of the comment above it.

    Raises InputError for an unknown format, and for settings that the tool has no words for.
    """
    if name not in FORMATS:
        raise InputError(f"unknown format {name!r}", hint="one of: " + ", ".join(FORMATS))
    body = FORMATS[name].body(source)
    return introduce(head, source) + body


def companions(name: str, source: Source) -> dict[str, str]:
    """The files that belong beside the text of format `name`: base name → content; none where it embeds them.

    Raises InputError if two of these, or one and the text itself, have the same name.
    """
    found: dict[str, str] = {}
    flags = source.settings.flags
    named = ((flags.get(POLICY_FLAG), source.policy), (flags.get(WEBHOOK_FLAG), source.webhook))
    for path, text in () if FORMATS[name].embeds else named:
        if not path:
            continue
        file = posixpath.basename(path)
        if file in {FORMATS[name].file, *found}:
            raise InputError(
                f"two of the files would be called {file}",
                hint="give them different names: --policy-path, --webhook-path",
            )
        found[file] = text
    return found


def kubeadm_format(version: KubeVersion | None) -> str:
    """The newest ClusterConfiguration that kubeadm of that version reads (cmd/kubeadm/app/apis/kubeadm/scheme)."""
    if version is None or version >= KubeVersion(1, 31):
        return "kubeadm-v1beta4"
    return "kubeadm-v1beta3" if version >= KubeVersion(1, 22) else "kubeadm-v1beta2"


def introduce(head: str, source: Source) -> str:
    """The comment above a rendered text: `head` with its places filled in.

    Lines that begin with `@log ` or `@webhook ` stand only where there is a log file or a webhook.
    """
    settings = source.settings
    log = "" if settings.log_path == "-" else settings.log_path
    webhook = settings.flags.get(WEBHOOK_FLAG, "")
    kept = []
    for line in head.splitlines():
        if line.startswith("@log "):
            if not log:
                continue
            line = line.removeprefix("@log ")
        elif line.startswith("@webhook "):
            if not webhook:
                continue
            line = line.removeprefix("@webhook ")
        kept.append(line + "\n")
    return Template("".join(kept)).safe_substitute(
        policy=settings.policy_path,
        log=log,
        log_dir=posixpath.dirname(log),
        webhook=webhook,
        policy_name=posixpath.basename(settings.policy_path),
        webhook_name=posixpath.basename(webhook),
    )


# --- kubeadm and what is made of it


def _arguments(settings: AuditSettings, *, listed: bool) -> Plain:
    """`extraArgs`: a map of strings up to v1beta3, a list of name and value since v1beta4."""
    if listed:
        return [{"name": flag, "value": value} for flag, value in settings.flags.items()]
    return dict(settings.flags)


def _host_mounts(settings: AuditSettings) -> Plain:
    return [
        {"name": v.name, "hostPath": v.path, "mountPath": v.path, "readOnly": v.read_only, "pathType": v.type}
        for v in volumes(settings)
    ]


def _api_server(settings: AuditSettings, *, listed: bool) -> Plain:
    mounts = _host_mounts(settings)
    server: dict[str, Plain] = {"extraArgs": _arguments(settings, listed=listed)}
    if mounts:
        server["extraVolumes"] = mounts
    return server


def _kubeadm(version: str) -> Callable[[Source], str]:
    def body(source: Source) -> str:
        return emit(
            {
                "apiVersion": f"kubeadm.k8s.io/{version}",
                "kind": "ClusterConfiguration",
                "apiServer": _api_server(source.settings, listed=version == "v1beta4"),
            }
        )

    return body


def _patch(source: Source) -> str:
    """RFC 6902: `command` is a list without keys, so a strategic patch would replace all of it.

    Source: cmd/kubeadm/app/util/patches/patches.go (parseFilename: target, suffix, `+json`).
    """
    settings = source.settings
    container = "/spec/containers/0"
    changes: list[Plain] = []
    for annotation, digest in (
        (POLICY_ANNOTATION, settings.policy_sha256),
        (WEBHOOK_ANNOTATION, settings.webhook_sha256),
    ):
        if digest:
            path = "/metadata/annotations/" + annotation.replace("~", "~0").replace("/", "~1")
            changes.append({"op": "add", "path": path, "value": digest})
    for flag, value in settings.flags.items():
        changes.append({"op": "add", "path": f"{container}/command/-", "value": f"--{flag}={value}"})
    for volume in volumes(settings):
        mount: dict[str, Plain] = {"mountPath": volume.path, "name": volume.name}
        if volume.read_only:
            mount["readOnly"] = True
        host: Plain = {"hostPath": {"path": volume.path, "type": volume.type}, "name": volume.name}
        changes.append({"op": "add", "path": f"{container}/volumeMounts/-", "value": mount})
        changes.append({"op": "add", "path": "/spec/volumes/-", "value": host})
    return emit(changes)


def _kind(source: Source) -> str:
    """Without an apiVersion the patch fits every kubeadm version that kind writes (kind pkg/internal/patch)."""
    settings = source.settings
    patch = emit({"kind": "ClusterConfiguration", "apiServer": _api_server(settings, listed=False)})
    mounts: list[Plain] = [
        {"hostPath": f"./{posixpath.basename(path)}", "containerPath": path, "readOnly": True}
        for path in _files(source)
    ]
    return emit(
        {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "nodes": [{"role": "control-plane", "kubeadmConfigPatches": [patch], "extraMounts": mounts}],
        }
    )


def _files(source: Source) -> dict[str, str]:
    """The files that must be on the node: path → text."""
    found = {source.settings.policy_path: source.policy}
    if webhook := source.settings.flags.get(WEBHOOK_FLAG):
        found[webhook] = source.webhook
    return {path: text if text.endswith("\n") else text + "\n" for path, text in found.items() if path}


def _cluster_api(version: str) -> Callable[[Source], str]:
    def body(source: Source) -> str:
        files: list[Plain] = [
            {"path": path, "owner": "root:root", "permissions": "0600", "content": text}
            for path, text in _files(source).items()
        ]
        server = _api_server(source.settings, listed=version == "v1beta2")
        return emit(
            {
                "apiVersion": f"controlplane.cluster.x-k8s.io/{version}",
                "kind": "KubeadmControlPlane",
                "metadata": {"name": source.name},
                "spec": {"kubeadmConfigSpec": {"clusterConfiguration": {"apiServer": server}, "files": files}},
            }
        )

    return body


# --- those that start kube-apiserver in their own way


def _k3s(source: Source) -> str:
    """k3s runs the server in its own process: nothing is mounted."""
    return emit({"kube-apiserver-arg": [f"{flag}={value}" for flag, value in source.settings.flags.items()]})


# the first releases that mount the folder of audit-log-path themselves (rancher/rke2 PR 4027)
_RKE2_MOUNTS_THE_LOG: Mapping[KubeVersion, int] = {
    KubeVersion(1, 24): 13,
    KubeVersion(1, 25): 9,
    KubeVersion(1, 26): 4,
}


def _rke2_mounts_the_log(version: KubeVersion | None) -> bool:
    """Of a minor version without a patch release, the newest release is meant."""
    if version is None or version > max(_RKE2_MOUNTS_THE_LOG):
        return True
    first = _RKE2_MOUNTS_THE_LOG.get(version)
    return first is not None and (version.patch < 0 or version.patch >= first)


def _rke2(source: Source) -> str:
    """RKE2 mounts the file of its own `audit-policy-file`, and newer releases the folder of the log.

    To mount a path twice is worse than not at all: kubelet refuses the Pod, and no server starts
    (pkg/executor/staticpod/staticpod.go:addExtraMounts does not look for doubles).
    """
    settings = source.settings
    wanted: dict[str, Plain] = {}
    if settings.policy_path:
        wanted["audit-policy-file"] = settings.policy_path
    rest: list[Plain] = [f"{flag}={value}" for flag, value in settings.flags.items() if flag != POLICY_FLAG]
    wanted["kube-apiserver-arg"] = rest
    there = {"audit-policy", *(["audit-log"] if _rke2_mounts_the_log(source.version) else [])}
    mounts: list[Plain] = [
        f"{v.path}:{v.path}" + (":ro" if v.read_only else "") for v in volumes(settings) if v.name not in there
    ]
    if mounts:
        wanted["kube-apiserver-extra-mount"] = mounts
    return emit(wanted)


# kOps pkg/apis/kops/v1alpha2/componentconfig.go:KubeAPIServerConfig
_KOPS: Mapping[str, tuple[str, type]] = {
    "audit-policy-file": ("auditPolicyFile", str),
    "audit-log-path": ("auditLogPath", str),
    "audit-log-format": ("auditLogFormat", str),
    "audit-log-maxage": ("auditLogMaxAge", int),
    "audit-log-maxbackup": ("auditLogMaxBackups", int),
    "audit-log-maxsize": ("auditLogMaxSize", int),
    "audit-webhook-config-file": ("auditWebhookConfigFile", str),
    "audit-webhook-mode": ("auditWebhookMode", str),
    "audit-webhook-initial-backoff": ("auditWebhookInitialBackoff", str),
    "audit-webhook-batch-buffer-size": ("auditWebhookBatchBufferSize", int),
    "audit-webhook-batch-max-size": ("auditWebhookBatchMaxSize", int),
    "audit-webhook-batch-max-wait": ("auditWebhookBatchMaxWait", str),
    "audit-webhook-batch-throttle-burst": ("auditWebhookBatchThrottleBurst", int),
    "audit-webhook-batch-throttle-enable": ("auditWebhookBatchThrottleEnable", bool),
    "audit-webhook-batch-throttle-qps": ("auditWebhookBatchThrottleQps", str),
}
# the only folder of the host that kOps mounts into the server for everybody since 1.22
_KOPS_FOLDER = "/srv/kubernetes/kube-apiserver/"


def _kops(source: Source) -> str:
    unknown = [flag for flag in source.settings.flags if flag not in _KOPS]
    if unknown:
        raise InputError(
            "kOps has no field for " + ", ".join(f"--{flag}" for flag in unknown),
            hint="leave them out for kOps (spec.kubeAPIServer of kOps knows only some audit flags)",
        )
    moved = {
        flag: _KOPS_FOLDER + posixpath.basename(value) if flag in {POLICY_FLAG, WEBHOOK_FLAG} else value
        for flag, value in source.settings.flags.items()
    }
    server = {_KOPS[flag][0]: _typed(value, _KOPS[flag][1]) for flag, value in moved.items()}
    files: list[Plain] = [
        {
            "name": posixpath.basename(path).replace(".", "-"),
            "path": _KOPS_FOLDER + posixpath.basename(path),
            "roles": ["ControlPlane"],
            "content": text,
        }
        for path, text in _files(source).items()
    ]
    return emit({"spec": {"kubeAPIServer": server, "fileAssets": files}})


def _typed(value: str, kind: type) -> Plain:
    if kind is int:
        return int(value)
    return value.lower() in {"true", "1", "t"} if kind is bool else value


# Talos keeps its log here, mounted and owned by the user that the server runs as (pkg/machinery/constants)
_TALOS_LOGS = "/var/log/audit/kube"
_TALOS_WEBHOOK = "/var/etc/kaudit-setup"


def _talos(source: Source) -> str:
    """Talos writes, mounts and names the policy itself; the log stays in the one folder that its server may write."""
    flags = {f: v for f, v in source.settings.flags.items() if f != POLICY_FLAG}
    log = flags.get(LOG_FLAG, "")
    if log not in {"", "-"} and posixpath.dirname(log) != _TALOS_LOGS:
        del flags[LOG_FLAG]
    server: dict[str, Plain] = {"auditPolicy": policy_of(source)}
    wanted: dict[str, Plain] = {"cluster": {"apiServer": server}}
    if WEBHOOK_FLAG in flags:
        path = f"{_TALOS_WEBHOOK}/{posixpath.basename(flags[WEBHOOK_FLAG])}"
        flags[WEBHOOK_FLAG] = path
        server["extraVolumes"] = [{"hostPath": _TALOS_WEBHOOK, "mountPath": _TALOS_WEBHOOK, "readonly": True}]
        # the server runs as nobody in particular, and must be able to read it
        file: Plain = {"path": path, "permissions": octal(0o444), "op": "create", "content": source.webhook}
        wanted["machine"] = {"files": [file]}
    if flags:
        server["extraArgs"] = dict(flags)
    return emit(wanted)


def _talos_documents(source: Source) -> str:
    """The same in the documents of Talos 1.14, which refuses the old fields beside a KubeAuditPolicyConfig."""
    flags = {f: v for f, v in source.settings.flags.items() if f != POLICY_FLAG}
    if WEBHOOK_FLAG in flags:
        raise InputError(
            "the documents of Talos 1.14 mount no file into kube-apiserver, so no webhook can be configured there",
            hint="leave the webhook out, or use the older fields: render talos",
        )
    log = flags.get(LOG_FLAG, "")
    if log not in {"", "-"} and posixpath.dirname(log) != _TALOS_LOGS:
        del flags[LOG_FLAG]
    documents: list[dict[str, Plain]] = [
        {"apiVersion": "v1alpha1", "kind": "KubeAuditPolicyConfig", "configuration": policy_of(source)}
    ]
    if flags:
        documents.append({"apiVersion": "v1alpha1", "kind": "KubeAPIServerConfig", "extraArgs": dict(flags)})
    return "---\n".join(map(emit, documents))


# minikube hands ~/.minikube/files/etc/ssl/certs to the node, and the server sees /etc/ssl/certs of the node
_MINIKUBE = "/etc/ssl/certs/"


def _minikube(source: Source) -> str:
    """A command line; the log goes to standard output, because no folder of the node can be mounted for it."""
    flags = dict(source.settings.flags)
    for flag in (POLICY_FLAG, WEBHOOK_FLAG):
        if flag in flags:
            flags[flag] = _MINIKUBE + posixpath.basename(flags[flag])
    if LOG_FLAG in flags:
        flags[LOG_FLAG] = "-"
        rotation = {"audit-log-maxage", "audit-log-maxbackup", "audit-log-maxsize", "audit-log-compress"}
        flags = {flag: value for flag, value in flags.items() if flag not in rotation}
    words = [shlex.quote(f"--extra-config=apiserver.{flag}={value}") for flag, value in flags.items()]
    return " \\\n  ".join(["minikube start", *words]) + "\n"


FORMATS: dict[str, Format] = {
    "kubeadm-v1beta2": Format("kubeadm ClusterConfiguration, 1.15-1.22", "kubeadm.yaml", _kubeadm("v1beta2")),
    "kubeadm-v1beta3": Format("kubeadm ClusterConfiguration, 1.22-1.36", "kubeadm.yaml", _kubeadm("v1beta3")),
    "kubeadm-v1beta4": Format("kubeadm ClusterConfiguration, since 1.31", "kubeadm.yaml", _kubeadm("v1beta4")),
    "kubeadm-patches": Format("for a folder of kubeadm --patches", "kube-apiserver+json.yaml", _patch),
    "kind": Format("kind create cluster --config", "kind-config.yaml", _kind),
    "cluster-api": Format(
        "Cluster API KubeadmControlPlane v1beta1", "control-plane.yaml", _cluster_api("v1beta1"), embeds=True
    ),
    "cluster-api-v1beta2": Format(
        "Cluster API KubeadmControlPlane v1beta2 (since 1.11)",
        "control-plane.yaml",
        _cluster_api("v1beta2"),
        embeds=True,
    ),
    "k3s": Format("k3s /etc/rancher/k3s/config.yaml", "config.yaml", _k3s),
    "rke2": Format("RKE2 /etc/rancher/rke2/config.yaml", "config.yaml", _rke2),
    "kops": Format("kOps cluster spec", "cluster.yaml", _kops, embeds=True),
    "talos": Format("Talos machine config patch", "audit-patch.yaml", _talos, embeds=True),
    "talos-v1.14": Format("Talos documents since 1.14", "audit-patch.yaml", _talos_documents, embeds=True),
    "minikube": Format("a minikube command line", "minikube.sh", _minikube),
    "kubespray": Format("Kubespray variables", "audit.yml", kubespray, embeds=True),
}
