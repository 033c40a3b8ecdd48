"""Each rendered text against what the tool accepts, and against the settings that it must say."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kaudit_setup.errors import InputError
from kaudit_setup.manifest.render import FORMATS, introduce, render
from kaudit_setup.manifest.render_source import Source
from kaudit_setup.model import AuditSettings, KubeVersion

SCHEMAS = Path(__file__).resolve().parents[2] / "data" / "render"
HEADS = Path(__file__).resolve().parents[3] / "templates" / "render"
POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: None
  users: ["system:kube-proxy"]
  omitStages: [Panic]
- level: Metadata
  omitManagedFields: false
"""
WEBHOOK = """kind: Config
clusters:
- name: sink
  cluster: {server: "https://sink.example.com/audit", insecure-skip-tls-verify: true}
"""
LOG = {
    "audit-policy-file": "/etc/kubernetes/audit-policy.yaml",
    "audit-log-path": "/var/log/kubernetes/audit/audit.log",
    "audit-log-maxage": "30",
    "audit-log-maxbackup": "10",
    "audit-log-maxsize": "100",
}
HOOK = {"audit-webhook-config-file": "/etc/kubernetes/audit-webhook.yaml", "audit-webhook-batch-max-wait": "5s"}
STRUCTURED = sorted(set(FORMATS) - {"minikube", "talos-v1.14"})


def source(**flags: str) -> Source:
    settings = AuditSettings(LOG | flags, "a" * 64, "b" * 64 if flags else "")
    return Source(settings, POLICY, WEBHOOK if flags else "")


def hooked() -> Source:
    return source(**HOOK)


def load(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def fits(value: Any, schema: Any, at: str = "") -> None:
    """Fail unless `value` is what the schema (see tests/data/render/README.md) says."""
    if isinstance(schema, dict) and "*" in schema:
        assert isinstance(value, dict), at
        for key, part in value.items():
            fits(part, schema["*"], f"{at}.{key}")
    elif isinstance(schema, dict):
        assert isinstance(value, dict), at
        fields = {key.rstrip("!"): part for key, part in schema.items()}
        assert set(value) <= set(fields), f"{at}: unknown {set(value) - set(fields)}"
        assert {key.rstrip("!") for key in schema if key.endswith("!")} <= set(value), f"{at}: missing"
        for key, part in value.items():
            fits(part, fields[key], f"{at}.{key}")
    elif isinstance(schema, list):
        assert isinstance(value, list), at
        for number, part in enumerate(value):
            fits(part, schema[0], f"{at}[{number}]")
    elif schema in {"str", "int", "bool"}:
        assert type(value).__name__ == schema, f"{at}: {value!r} is no {schema}"
    elif schema != "any":
        assert value in schema.split("|"), at


@pytest.mark.parametrize("name", STRUCTURED)
@pytest.mark.parametrize("given", [source, hooked], ids=["log", "log and webhook"])
def test_the_tool_accepts_it(name: str, given: Any) -> None:
    known = json.loads((SCHEMAS / f"{name}.json").read_text())
    assert known["source"].startswith("https://")
    fits(load(render(name, given())), known["schema"])


def said(name: str, what: Source) -> dict[str, str]:
    """The flags that kube-apiserver would get, read back from the text as the tool reads it."""
    text = render(name, what)
    if name == "minikube":
        words = shlex.split(text.replace("\\\n", " "))
        assert words[:2] == ["minikube", "start"]
        return dict(w.removeprefix("--extra-config=apiserver.").split("=", 1) for w in words[2:])
    tree = load(text)
    if name.startswith("kubeadm-v"):
        return arguments(tree["apiServer"]["extraArgs"])
    if name == "kubeadm-patches":
        flags = [c["value"] for c in tree if c["path"].endswith("/command/-")]
        return dict(flag.removeprefix("--").split("=", 1) for flag in flags)
    if name == "kind":
        return arguments(load(tree["nodes"][0]["kubeadmConfigPatches"][0])["apiServer"]["extraArgs"])
    if name.startswith("cluster-api"):
        return arguments(tree["spec"]["kubeadmConfigSpec"]["clusterConfiguration"]["apiServer"]["extraArgs"])
    if name in {"k3s", "rke2"}:
        flags = dict(a.split("=", 1) for a in tree["kube-apiserver-arg"])
        return flags | ({"audit-policy-file": tree["audit-policy-file"]} if name == "rke2" else {})
    if name == "talos":
        return dict(tree["cluster"]["apiServer"]["extraArgs"])
    raise AssertionError(name)


def arguments(given: Any) -> dict[str, str]:
    return dict(given) if isinstance(given, dict) else {a["name"]: a["value"] for a in given}


@pytest.mark.parametrize("name", [n for n in STRUCTURED if n not in {"talos", "kops", "kubespray"}])
def test_every_flag_is_said(name: str) -> None:
    assert said(name, hooked()) == LOG | HOOK


@pytest.mark.parametrize("name", ["kubeadm-v1beta2", "kubeadm-v1beta3", "kubeadm-v1beta4"])
def test_kubeadm_mounts_what_the_flags_name(name: str) -> None:
    mounts = load(render(name, hooked()))["apiServer"]["extraVolumes"]
    assert [(m["name"], m["hostPath"], m["readOnly"], m["pathType"]) for m in mounts] == [
        ("audit-log", "/var/log/kubernetes/audit", False, "DirectoryOrCreate"),
        ("audit-policy", "/etc/kubernetes/audit-policy.yaml", True, "File"),
        ("audit-webhook", "/etc/kubernetes/audit-webhook.yaml", True, "File"),
    ]
    assert all(m["hostPath"] == m["mountPath"] for m in mounts)


@pytest.mark.parametrize("name", STRUCTURED)
def test_a_log_on_standard_output_needs_no_folder(name: str) -> None:
    what = Source(AuditSettings({**LOG, "audit-log-path": "-"}), POLICY)
    text = render(name, what)
    assert "/var/log" not in text
    assert "DirectoryOrCreate" not in text


def test_the_patch_makes_of_kubeadms_manifest_what_kubeadm_itself_would() -> None:
    plain = load((SCHEMAS / "kube-apiserver-1.20.2.yaml").read_text())
    audited = load((SCHEMAS / "kube-apiserver-1.20.2.audited-by-kubeadm.yaml").read_text())
    changed = apply(plain, load(render("kubeadm-patches", source())))
    annotations = changed["metadata"]["annotations"]
    assert annotations.pop("kaudit-setup.io/audit-policy-sha256") == "a" * 64
    for pod in (changed, audited):
        pod["spec"]["containers"][0]["command"].sort()
        pod["spec"]["containers"][0]["volumeMounts"].sort(key=lambda m: m["name"])
        pod["spec"]["volumes"].sort(key=lambda m: m["name"])
    assert changed == audited


def apply(document: Any, patch: list[Any]) -> Any:
    """RFC 6902 `add`, which is all that the patch may hold."""
    for change in patch:
        assert change["op"] == "add"
        *way, last = [p.replace("~1", "/").replace("~0", "~") for p in change["path"].split("/")[1:]]
        at = document
        for step in way:
            at = at[int(step)] if isinstance(at, list) else at[step]
        if isinstance(at, list):
            assert last == "-"
            at.append(change["value"])
        else:
            at[last] = change["value"]
    return document


def test_kind_mounts_the_files_from_beside_the_config() -> None:
    node = load(render("kind", hooked()))["nodes"][0]
    assert [m["hostPath"] for m in node["extraMounts"]] == ["./audit-policy.yaml", "./audit-webhook.yaml"]
    assert [m["containerPath"] for m in node["extraMounts"]] == [
        "/etc/kubernetes/audit-policy.yaml",
        "/etc/kubernetes/audit-webhook.yaml",
    ]


@pytest.mark.parametrize("name", ["cluster-api", "cluster-api-v1beta2"])
def test_cluster_api_brings_the_files(name: str) -> None:
    files = load(render(name, hooked()))["spec"]["kubeadmConfigSpec"]["files"]
    assert [(f["path"], f["content"]) for f in files] == [
        ("/etc/kubernetes/audit-policy.yaml", POLICY),
        ("/etc/kubernetes/audit-webhook.yaml", WEBHOOK),
    ]


@pytest.mark.parametrize(
    ("version", "mounted"),
    [
        ("1.20", True),
        ("1.23.17", True),
        ("1.24.12", True),
        ("1.24.13", False),
        ("1.24", False),
        ("v1.25.8+rke2r1", True),
        ("1.25.9", False),
        ("1.26.3", True),
        ("1.26.4", False),
        ("1.27.0", False),
        ("1.31", False),
        (None, False),
    ],
)
def test_rke2_is_given_the_mount_of_the_log_only_where_it_does_not_make_it(
    version: str | None, mounted: bool
) -> None:
    for_version = replace(hooked(), version=KubeVersion.parse(version) if version else None)
    assert load(render("rke2", for_version))["kube-apiserver-extra-mount"] == [
        *(["/var/log/kubernetes/audit:/var/log/kubernetes/audit"] if mounted else []),
        "/etc/kubernetes/audit-webhook.yaml:/etc/kubernetes/audit-webhook.yaml:ro",
    ]


def test_kops_puts_files_where_its_server_sees_them() -> None:
    spec = load(render("kops", hooked()))["spec"]
    paths = [f["path"] for f in spec["fileAssets"]]
    assert spec["kubeAPIServer"] == {
        "auditPolicyFile": paths[0],
        "auditLogPath": "/var/log/kubernetes/audit/audit.log",
        "auditLogMaxAge": 30,
        "auditLogMaxBackups": 10,
        "auditLogMaxSize": 100,
        "auditWebhookConfigFile": paths[1],
        "auditWebhookBatchMaxWait": "5s",
    }
    assert all(p.startswith("/srv/kubernetes/kube-apiserver/") for p in paths)


def test_kops_refuses_what_it_cannot_say() -> None:
    with pytest.raises(InputError, match=r"--audit-log-compress, --audit-log-mode"):
        render("kops", source(**{"audit-log-compress": "true", "audit-log-mode": "batch"}))


def test_talos_takes_the_policy_itself_and_keeps_its_own_paths() -> None:
    tree = load(render("talos", hooked()))
    server = tree["cluster"]["apiServer"]
    assert server["auditPolicy"] == load(POLICY)
    assert server["extraArgs"] == {
        "audit-log-maxage": "30",
        "audit-log-maxbackup": "10",
        "audit-log-maxsize": "100",
        "audit-webhook-config-file": "/var/etc/kaudit-setup/audit-webhook.yaml",
        "audit-webhook-batch-max-wait": "5s",
    }
    assert tree["machine"]["files"][0]["path"] == server["extraArgs"]["audit-webhook-config-file"]
    assert "permissions: 0o444" in render("talos", hooked())


def test_talos_since_1_14_has_documents_of_its_own() -> None:
    known = json.loads((SCHEMAS / "talos-v1.14.json").read_text())
    documents = list(YAML(typ="safe", pure=True).load_all(render("talos-v1.14", source())))
    for document in documents:
        fits(document, known["schema"][document["kind"]])
    policy, server = documents
    assert policy["configuration"] == load(POLICY)
    assert server["extraArgs"] == {"audit-log-maxage": "30", "audit-log-maxbackup": "10", "audit-log-maxsize": "100"}
    with pytest.raises(InputError, match="no webhook"):
        render("talos-v1.14", hooked())


def test_minikube_logs_to_standard_output_and_quotes() -> None:
    flags = said("minikube", source(**{"audit-webhook-config-file": "/etc/my hook's.yaml"}))
    assert flags == {
        "audit-policy-file": "/etc/ssl/certs/audit-policy.yaml",
        "audit-log-path": "-",
        "audit-webhook-config-file": "/etc/ssl/certs/my hook's.yaml",
    }


def test_kubespray_says_for_each_rule_what_the_policy_says_for_all() -> None:
    variables = load(render("kubespray", source(**{"audit-log-mode": "batch"})))
    assert load(variables["audit_policy_custom_rules"]) == [
        {
            "level": "None",
            "users": ["system:kube-proxy"],
            "omitStages": ["Panic", "RequestReceived"],
            "omitManagedFields": True,
        },
        {"level": "Metadata", "omitManagedFields": False, "omitStages": ["RequestReceived"]},
    ]
    assert variables["kubernetes_audit"] is True
    assert variables["audit_log_hostpath"] == "/var/log/kubernetes/audit"
    assert variables["kube_kubeadm_apiserver_extra_args"] == {"audit-log-mode": "batch"}


def test_kubespray_writes_the_webhook_from_variables() -> None:
    variables = load(render("kubespray", hooked()))
    assert variables["kubernetes_audit_webhook"] is True
    # Kubespray mounts the policy's folder into the server, and nothing else for the webhook
    assert variables["audit_policy_file"] == "/etc/kubernetes/audit-policy/audit-policy.yaml"
    assert variables["audit_webhook_config_file"] == "/etc/kubernetes/audit-policy/audit-webhook.yaml"
    assert variables["audit_webhook_server_url"] == "https://sink.example.com/audit"
    assert variables["audit_webhook_server_extra_args"] == {"insecure-skip-tls-verify": "true"}


@pytest.mark.parametrize("text", ["", "[]", "clusters: []", "clusters: [{cluster: {}}]"])
def test_kubespray_needs_the_address_of_the_webhook(text: str) -> None:
    with pytest.raises(InputError, match="names no server"):
        render("kubespray", Source(AuditSettings(LOG | HOOK), POLICY, text))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_introduced_by_comments_alone(name: str) -> None:
    head = (HEADS / f"{name}.txt").read_text()
    for what in (source(), *([hooked()] if name in [*STRUCTURED, "minikube"] else [])):
        text = introduce(head, what)
        assert text
        assert all(line.startswith("#") for line in text.splitlines())
        assert not re.search(r"\$\w|^@", text, re.MULTILINE)
        assert render(name, what, head).endswith(render(name, what))


def test_an_unknown_format_is_said_with_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        render("helm", source())
    assert "kubespray" in caught.value.hint
