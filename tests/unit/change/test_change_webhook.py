"""The webhook backend: what it costs, where its kubeconfig is, when its events leave."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kaudit_setup.change.expectation import webhook_wait_s
from kaudit_setup.change.webhook import batch_notes
from kaudit_setup.cli import main
from kaudit_setup.manifest.settings import DEFAULT_WEBHOOK_PATH
from kaudit_setup.model import AuditSettings, KubeVersion
from kaudit_setup.node.shell import script
from kaudit_setup.sandbox import tree

HOOK = {"audit-policy-file": "/p", "audit-webhook-config-file": "/h"}


def test_batches_are_said_with_their_memory() -> None:
    pace, cost = batch_notes(AuditSettings(HOOK), KubeVersion(1, 36))
    assert "after 400 events or 30s" in pace
    assert "10000 events" in cost
    assert "19 MiB" in cost
    assert "976 MiB" in cost
    own = batch_notes(AuditSettings({**HOOK, "audit-webhook-batch-buffer-size": "100"}), None)
    assert "up to 100 events" in own[1]


@pytest.mark.parametrize("flags", [{"audit-policy-file": "/p"}, {**HOOK, "audit-webhook-mode": "blocking"}])
def test_nothing_is_said_where_nothing_is_batched(flags: dict[str, str]) -> None:
    assert batch_notes(AuditSettings(flags), None) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", 33), ("1m30s", 60), ("500ms", 3), ("1.5h", 60), ("0", 3), ("", 3), ("1.2.3s", 3)],
)
def test_events_leave_for_the_webhook_a_little_after_the_longest_wait(text: str, expected: int) -> None:
    assert webhook_wait_s(AuditSettings({**HOOK, "audit-webhook-batch-max-wait": text})) == expected


METRICS = """apiserver_audit_error_total{plugin="webhook"} %s
rest_client_requests_total{code="201",host="127.0.0.1:6443",method="POST"} 7
rest_client_requests_total{code="%s",host="sink.example.com:9443",method="POST"} 1
"""


@pytest.mark.parametrize(
    ("errors", "code", "said"),
    [("0", "200", "taken"), ("0", "204", "taken"), ("0", "500", ""), ("1", "200", "failed")],
)
def test_the_receivers_answer_is_read_from_the_servers_metrics(
    tmp_path: Path, errors: str, code: str, said: str
) -> None:
    (tmp_path / "h").write_text("clusters:\n- cluster:\n    server: https://sink.example.com:9443/audit\n")
    (tmp_path / "m").write_text(METRICS % (errors, code))
    text = script("verify")
    functions = text[text.index("receiver() {") : text.index("phase=''")]
    run = f'R={tmp_path} HOOK=/h\nmetrics() {{ cat "$R/m"; }}\n{functions}\nhook_state'
    ran = subprocess.run(["sh", "-c", run], capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.stderr) == (said, "")


KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://audit.example.com/"}}]
users: [{name: u, user: {token: hunter2}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""


def test_what_a_webhook_kubeconfig_holds_is_never_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "node"
    tree.plant(root, node="cp", version="1.36.2", port=6443)
    config = tmp_path / "webhook.yaml"
    config.write_text(KUBECONFIG)
    on = ["--root", str(root)]
    kept = root / DEFAULT_WEBHOOK_PATH.lstrip("/")
    enable = ["enable", "--policy", "metadata", "--webhook-config", str(config), *on]
    said = []

    def run(*argv: str, code: int = 0) -> str:
        assert main([*argv]) == code, capsys.readouterr()
        said.append("".join(capsys.readouterr()))
        return said[-1]

    assert "its content is secret" in run(*enable, "--dry-run", code=3)
    run(*enable, "--yes")
    assert b"hunter2" in kept.read_bytes()
    assert "its content is secret" in run("rollback", "--dry-run", *on, code=3)
    assert "its content is secret" in run("disable", "--dry-run", *on, code=3)
    # the backup that this takes holds the file
    config.write_text(KUBECONFIG.replace("audit.example.com", "other.example.com"))
    run(*enable, "--yes")
    for words in (("show",), ("show", "-o", "json")):
        assert "its content is secret" in run("backups", *words, *on)
    run("backups", "diff", *on, code=3)
    run("backups", "diff", "-o", "json", *on, code=3)
    run("rollback", "--yes", *on)
    assert b"audit.example.com" in kept.read_bytes()
    run("disable", "--yes", *on)
    run("rollback", "--yes", *on)
    assert b"hunter2" in kept.read_bytes()
    assert "hunter2" not in "".join(said)
