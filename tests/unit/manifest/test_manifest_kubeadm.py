"""Audit settings in kubeadm's ClusterConfiguration, in every version's format and every hand's style."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaudit_setup.errors import ManifestError
from kaudit_setup.manifest.kubeadm import (
    patch_cluster_configuration,
    read_cluster_configuration,
)
from kaudit_setup.manifest.mounts import Mount
from kaudit_setup.model import AuditSettings

FLAGS = {
    "audit-policy-file": "/etc/kubernetes/audit-policy.yaml",
    "audit-log-path": "/var/log/kubernetes/audit/audit.log",
    "audit-log-maxage": "30",
}
WANTED = AuditSettings(FLAGS, "ab" * 32)
OTHER = AuditSettings({"audit-policy-file": "/etc/kubernetes/p: #.yaml", "audit-log-path": "-"}, "cd" * 32)

V2 = """apiServer:
  extraArgs:
    authorization-mode: Node,RBAC
  timeoutForControlPlane: 4m0s
apiVersion: kubeadm.k8s.io/v1beta2
certificatesDir: /etc/kubernetes/pki
kind: ClusterConfiguration
kubernetesVersion: v1.20.2
"""
V4 = """apiServer: {}
apiVersion: kubeadm.k8s.io/v1beta4
clusterName: kubernetes   # ours
kind: ClusterConfiguration
"""


def without_auditing(text: str) -> str:
    return patch_cluster_configuration(text, AuditSettings({}))


def test_map_of_strings_up_to_v1beta3() -> None:
    assert (
        patch_cluster_configuration(V2, WANTED)
        == """apiServer:
  extraArgs:
    audit-log-maxage: "30"
    audit-log-path: /var/log/kubernetes/audit/audit.log
    audit-policy-file: /etc/kubernetes/audit-policy.yaml
    authorization-mode: Node,RBAC
  extraVolumes:
  - hostPath: /var/log/kubernetes/audit
    mountPath: /var/log/kubernetes/audit
    name: audit-log
    pathType: DirectoryOrCreate
  - hostPath: /etc/kubernetes/audit-policy.yaml
    mountPath: /etc/kubernetes/audit-policy.yaml
    name: audit-policy
    pathType: File
    readOnly: true
  timeoutForControlPlane: 4m0s
apiVersion: kubeadm.k8s.io/v1beta2
certificatesDir: /etc/kubernetes/pki
kind: ClusterConfiguration
kubernetesVersion: v1.20.2
"""
    )


def test_list_in_the_given_order_from_v1beta4() -> None:
    new = patch_cluster_configuration(V4, WANTED)
    assert new.startswith(
        """apiServer:
  extraArgs:
  - name: audit-policy-file
    value: /etc/kubernetes/audit-policy.yaml
  - name: audit-log-path
    value: /var/log/kubernetes/audit/audit.log
  - name: audit-log-maxage
    value: "30"
  extraVolumes:
  - hostPath: /var/log/kubernetes/audit
"""
    )
    assert without_auditing(new) == V4


ABSENT = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n"
DOCUMENTS = f"kind: InitConfiguration\napiVersion: kubeadm.k8s.io/v1beta2\nx: [1, 'a']  # keep\n---\n{V2}---\na: b\n"
FULL = """# our cluster
kind: ClusterConfiguration
apiVersion: kubeadm.k8s.io/v1beta4
apiServer:
    certSANs: [a, "b"]
    extraArgs:
      - name: v
        value: "2"
      - {name: feature-gates, value: X=true}
    extraVolumes:
      - name: cloud
        hostPath: /etc/cloud
        mountPath: /etc/cloud
    # the end
"""
FLOW = "{apiVersion: kubeadm.k8s.io/v1beta3, kind: ClusterConfiguration, apiServer: {extraArgs: {v: '2'}}}\n"
JSON = '{\n  "apiServer": {},\n  "apiVersion": "kubeadm.k8s.io/v1beta3",\n  "kind": "ClusterConfiguration"\n}\n'
EMPTIES = ABSENT + "apiServer:\n  extraArgs: {}\n  extraVolumes: []\n"
ALL = {
    "v1beta2": V2,
    "v1beta4": V4,
    "absent": ABSENT,
    "documents": DOCUMENTS,
    "full": FULL,
    "flow": "# x\n" + FLOW,
    "json": JSON,
    "empties": EMPTIES,
    "crlf": V2.replace("\n", "\r\n"),
    "no line end": V4.rstrip(),
}


@pytest.mark.parametrize("before", ALL.values(), ids=ALL)
def test_laws(before: str) -> None:
    once = patch_cluster_configuration(before, WANTED)
    assert read_cluster_configuration(once) == FLAGS
    assert patch_cluster_configuration(once, WANTED) == once
    assert without_auditing(once) == before
    other = patch_cluster_configuration(once, OTHER)
    assert read_cluster_configuration(other) == OTHER.flags
    assert "audit.log" not in other
    assert without_auditing(other) == before
    assert without_auditing(before) == before


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(ALL)),
    st.text(min_size=1).filter(lambda s: not set(s) & {"/", "\0"} and s not in {".", ".."}),
)
def test_any_path_is_kept(name: str, part: str) -> None:
    wanted = AuditSettings({"audit-policy-file": f"/etc/{part}.yaml", "audit-log-path": f"/var/log/x/{part}.log"})
    once = patch_cluster_configuration(ALL[name], wanted)
    assert read_cluster_configuration(once) == wanted.flags
    assert without_auditing(once) == ALL[name]


def test_doubled_arguments_become_one_and_the_last_wins() -> None:
    doubled = FULL.replace(
        "    extraVolumes",
        "      - {name: audit-log-maxage, value: '1'}\n"
        "      - {name: audit-log-maxage, value: '2'}\n    extraVolumes",
    )
    assert read_cluster_configuration(doubled) == {"audit-log-maxage": "2"}
    new = patch_cluster_configuration(doubled, WANTED)
    assert "      - {name: audit-log-maxage, value: '30'}\n" in new
    assert new.count("audit-log-maxage") == 1


def test_the_nodes_own_mapping_is_carried_over() -> None:
    new = patch_cluster_configuration(V2, WANTED, [Mount("a", "/etc/kubernetes", "/srv/k8s")])
    assert "hostPath: /srv/k8s/audit-policy.yaml" in new


def test_variables_of_kubelet_are_not_met_by_accident() -> None:
    wanted = AuditSettings({"audit-policy-file": "/etc/$(HOME)/p$$.yaml", "audit-log-path": "-"})
    new = patch_cluster_configuration(V2, wanted)
    # kubeadm writes the value into the manifest as it is, and kubelet expands it there
    assert "    audit-policy-file: /etc/$$(HOME)/p$$$$.yaml\n" in new
    assert read_cluster_configuration(new) == wanted.flags
    assert patch_cluster_configuration(new, wanted) == new


def test_existing_volumes_that_cover_a_path_are_used() -> None:
    covered = FULL.replace("/etc/cloud", "/var/log")
    new = patch_cluster_configuration(covered, WANTED)
    assert "name: audit-log\n" not in new
    assert without_auditing(new) == covered


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no ClusterConfiguration"),
        ("a: [1", "line 1 of kubeadm's configuration cannot be read"),
        ("kind: InitConfiguration\n", "no ClusterConfiguration"),
        (f"{V2}---\n{V2}", "several ClusterConfigurations"),
        (V2.replace("v1beta2", "v9"), "apiVersion kubeadm.k8s.io/v9"),
        (V2.replace("apiVersion: kubeadm.k8s.io/v1beta2\n", ""), "apiVersion missing"),
        (V2.replace("v1beta2", "v1beta4"), "line 3 of kubeadm's configuration: extraArgs is not written as a list"),
        (V2.replace("extraArgs:", "extraArgs: &x"), "line 2 of kubeadm's configuration: extraArgs is not written"),
        (ABSENT + "apiServer: 3\n", "apiServer is not written as a map"),
        (V2 + "kind: ClusterConfiguration\n", "given twice"),
    ],
)
def test_bad_input_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        patch_cluster_configuration(text, WANTED)
    assert words in caught.value.message
    assert caught.value.hint
