"""patch and unpatch on real and on awkward manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaudit_setup.manifest import pod
from kaudit_setup.manifest.patch import patch, unpatch
from kaudit_setup.model import POLICY_ANNOTATION, AuditSettings

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples"
SHA = "ab" * 32
SETTINGS = AuditSettings(
    {
        "audit-policy-file": "/etc/kubernetes/audit-policy.yaml",
        "audit-log-path": "/var/log/kubernetes/audit/audit.log",
        "audit-log-maxage": "30",
        "audit-log-maxbackup": "10",
        "audit-log-maxsize": "100",
    },
    policy_sha256=SHA,
)


def sample(name: str) -> str:
    return (SAMPLES / f"kube-apiserver-{name}.yaml").read_text()


@pytest.mark.parametrize("version", ["1.20.2", "1.36.2"])
def test_equals_kubeadms_own_manifest_but_for_the_annotation(version: str) -> None:
    plain, audited = sample(version), sample(f"{version}.audited-by-kubeadm")
    patched = patch(plain, SETTINGS)
    lines = patched.splitlines(keepends=True)
    assert [line for line in lines if POLICY_ANNOTATION in line] == [f"    {POLICY_ANNOTATION}: {SHA}\n"]
    assert "".join(line for line in lines if POLICY_ANNOTATION not in line) == audited
    assert patch(patched, SETTINGS) == patched
    assert unpatch(patched) == unpatch(audited) == plain
    assert pod.read(patched).flags == dict(SETTINGS.flags)
