"""What is stored in kubeadm-config, decided from text."""

from __future__ import annotations

import pytest

from kaudit_setup.change.persist import is_persisted, plan_persist, plan_restore, reverse
from kaudit_setup.errors import InputError
from kaudit_setup.model import AuditSettings
from kaudit_setup.node.cluster import StoredConfig

SETTINGS = AuditSettings(
    {
        "audit-policy-file": "/etc/kubernetes/p.yaml",
        "audit-log-path": "/var/log/a/audit.log",
        "audit-log-maxage": "30",
    }
)
HEAD = {
    "v1beta2": "apiVersion: kubeadm.k8s.io/v1beta2\n",
    "v1beta3": "apiVersion: kubeadm.k8s.io/v1beta3\n",
    "v1beta4": "apiVersion: kubeadm.k8s.io/v1beta4\n",
}
REST = "# a comment that stays\nkind: ClusterConfiguration\nkubernetesVersion: v1.30.0\n"


def stored(text: str, version: str = "7") -> StoredConfig:
    whole = {"metadata": {"resourceVersion": version}, "data": {"ClusterConfiguration": text}}
    return StoredConfig(text, version, whole)


@pytest.mark.parametrize("version", HEAD)
def test_stored_once_and_taken_out_again(version: str) -> None:
    text = HEAD[version] + REST
    plan = plan_persist(stored(text), SETTINGS)
    assert plan
    assert ("- name: audit-log-maxage" in plan.after) is (version == "v1beta4")
    assert ('audit-log-maxage: "30"' in plan.after) is (version != "v1beta4")
    assert "# a comment that stays" in plan.after
    assert not is_persisted(stored(text), SETTINGS)
    assert is_persisted(stored(plan.after), SETTINGS)
    assert not plan_persist(stored(plan.after), SETTINGS)
    assert plan_persist(stored(plan.after), None).after == text


def test_a_plan_can_be_reversed_under_its_new_version() -> None:
    text = HEAD["v1beta4"] + REST
    back = reverse(plan_persist(stored(text), SETTINGS), "8")
    assert back.after == text
    assert back.stored.whole["metadata"]["resourceVersion"] == "8"
    assert back.stored.whole["data"]["ClusterConfiguration"] == back.before != text


def test_restoring_leaves_what_others_changed_since() -> None:
    old = HEAD["v1beta3"] + REST
    now = plan_persist(stored(old), SETTINGS).after.replace("v1.30.0", "v1.31.0")
    assert plan_restore(stored(now), old).after == old.replace("v1.30.0", "v1.31.0")
    assert not plan_restore(stored(old), old)


@pytest.mark.parametrize("text", ["", "a: [", "kind: Other\n", HEAD["v1beta3"] + REST + "apiServer: 5\n"])
def test_a_configuration_that_cannot_be_read_names_the_way_round(text: str) -> None:
    with pytest.raises(InputError, match="ConfigMap kube-system/kubeadm-config") as caught:
        plan_persist(stored(text), SETTINGS)
    assert "--no-persist" in caught.value.hint
    assert not is_persisted(stored(text), SETTINGS)
