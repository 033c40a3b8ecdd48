"""What the user said, else what is there, else the defaults."""

from __future__ import annotations

import pytest

from kaudit_setup.errors import InputError
from kaudit_setup.manifest.settings import desired, parse_set
from kaudit_setup.model import KubeVersion

SHA = "ab" * 32
V = KubeVersion(1, 36)


def test_defaults_in_the_order_in_which_they_are_appended() -> None:
    settings = desired({}, {}, SHA, V)
    assert list(settings.flags.items()) == [
        ("audit-policy-file", "/etc/kubernetes/audit-policy.yaml"),
        ("audit-log-path", "/var/log/kubernetes/audit/audit.log"),
        ("audit-log-maxage", "30"),
        ("audit-log-maxbackup", "10"),
        ("audit-log-maxsize", "100"),
    ]
    assert settings.policy_sha256 == SHA
    assert settings.webhook_sha256 == ""


def test_hand_made_audit_is_adopted_and_what_the_user_says_wins() -> None:
    existing = {
        "audit-log-path": "/var/log/audit.log",
        "audit-policy-file": "/etc/kubernetes/p.yaml",
        "audit-log-maxage": "7",
        "audit-log-truncate-enabled": "true",
    }
    flags = desired({"audit-log-maxage": "9"}, existing, SHA, V).flags
    assert flags == existing | {"audit-log-maxage": "9", "audit-log-maxbackup": "10", "audit-log-maxsize": "100"}


def test_standard_output_has_no_rotation() -> None:
    existing = {"audit-log-path": "/x/a.log", "audit-log-maxage": "7"}
    flags = desired({"audit-log-path": "-"}, existing, SHA, V).flags
    assert flags == {"audit-policy-file": "/etc/kubernetes/audit-policy.yaml", "audit-log-path": "-"}
    assert desired({"audit-log-path": "-", "audit-log-maxage": "1"}, {}, SHA, V).flags["audit-log-maxage"] == "1"


def test_webhook_alone_or_beside_the_log() -> None:
    hook = {"audit-webhook-config-file": "/etc/kubernetes/hook.conf"}
    beside = desired(hook, {}, SHA, V, webhook_sha256=SHA)
    assert "audit-log-path" in beside.flags
    assert beside.webhook_sha256 == SHA
    alone = desired(hook | {"audit-log-path": ""}, {}, SHA, V, webhook_sha256=SHA)
    assert alone.flags == {"audit-policy-file": "/etc/kubernetes/audit-policy.yaml"} | hook


@pytest.mark.parametrize(
    ("explicit", "words"),
    [
        ({"audit-log-mode": "never"}, "--audit-log-mode=never"),
        ({"audit-log-path": ""}, "nothing would be audited"),
        ({"audit-policy-file": ""}, "nothing would be audited"),
        ({"audit-log-path": "audit.log"}, "not the absolute path"),
        ({"audit-log-path": "/var/log/"}, "not the absolute path"),
        ({"audit-policy-file": "/etc/../p"}, "not the absolute path"),
        ({"audit-log-maxage": ""}, "--audit-log-maxage="),
        ({"audit-loq-path": "/x"}, "is --audit-log-path meant"),
    ],
)
def test_what_would_not_audit_is_refused(explicit: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=r"kube-apiserver 1\.36 would not audit") as caught:
        desired(explicit, {}, SHA, V)
    assert words in caught.value.message + caught.value.details
    assert caught.value.hint


def test_set_words() -> None:
    assert parse_set(["audit-log-mode=batch", "--audit-log-path=/a=b"]) == {
        "audit-log-mode": "batch",
        "audit-log-path": "/a=b",
    }
    for bad in (["audit-log-mode"], ["v=2"], ["audit-log-mode=batch", "audit-log-mode=blocking"]):
        with pytest.raises(InputError, match="--set"):
            parse_set(bad)
