"""The webhook's kubeconfig is read as client-go reads it, before anything restarts."""

from __future__ import annotations

from pathlib import Path

import pytest
from folderkit import MANIFEST, SAMPLE, node_folder

from kaudit_setup.change.preflight.kubeconfig import judge
from kaudit_setup.cli import main
from kaudit_setup.manifest.pod import read
from kaudit_setup.sandbox import tree

PATH = "/etc/kubernetes/audit-webhook.kubeconfig"
GOOD = """apiVersion: v1
kind: Config
clusters:
- {name: a, cluster: {server: "https://192.0.2.5:8443/audit", certificate-authority-data: LS0tLS1CRUdJTiBYLS0tLS0K}}
users: [{name: u, user: {token: hunter2}}]
contexts: [{name: d, context: {cluster: a, user: u}}]
current-context: d
"""


def found(text: str) -> list[tuple[str, bool]]:
    said = list(judge(text.encode(), PATH, read(SAMPLE.read_text())))
    assert "hunter2" not in str(said)
    return [(f.name, f.blocks) for f in said]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://192.0.2.5:8765/audit\n",
        "a: [\n",
        "[1]\n",
        GOOD.replace("kind: Config", "kind: Policy"),
        GOOD.replace("current-context: d\n", ""),
        GOOD.replace("current-context: d", "current-context: dd"),
        GOOD.replace("clusters:", "cluster:"),
        GOOD.replace("cluster: a", "cluster: b"),
        GOOD.replace("https://", ""),
        GOOD.replace("https://", "ftp://"),
        GOOD.replace('server: "https://192.0.2.5:8443/audit", ', ""),
    ],
)
def test_what_the_server_would_not_start_with_is_refused(text: str) -> None:
    assert found(text) == [("webhook-config", True)]


@pytest.mark.parametrize(
    ("part", "other", "why"),
    [
        ("certificate-authority-data: LS0t", "certificate-authority-data: '!!!'", "is not base64"),
        ("certificate-authority-data: LS0t", "certificate-authority-data: Zm9v", "is not PEM in base64"),
        ("certificate-authority-data", "insecure-skip-tls-verify: true, certificate-authority-data", "has both"),
        (
            "certificate-authority-data",
            "certificate-authority: /etc/kubernetes/pki/ca.crt, certificate-authority-data",
            "both",
        ),
        ("token: hunter2", "token: hunter2, username: a, password: b", "only one of them is allowed"),
        ("token: hunter2", "client-certificate: /etc/kubernetes/pki/a.crt", "no client-key"),
    ],
)
def test_credentials_that_client_go_refuses_are_refused(part: str, other: str, why: str) -> None:
    text = _with(part, other)
    said = list(judge(text.encode(), PATH, read(SAMPLE.read_text())))
    assert [(f.name, f.blocks) for f in said] == [("webhook-config", True)]
    assert why in said[0].message


def _with(part: str, other: str) -> str:
    """A good one in which one field is another; of data, its whole value."""
    if not part.endswith("LS0t"):
        return GOOD.replace(part, other, 1)
    begin = GOOD.index(part)
    return GOOD[:begin] + other + GOOD[GOOD.index("}", begin) :]


def test_a_good_one_passes() -> None:
    assert found(GOOD) == []
    # no user need be there, and relative files are beside the kubeconfig
    assert found(GOOD.replace("user: u", "user: nobody")) == []
    files = "client-certificate: /etc/kubernetes/pki/a.crt, client-key: pki/a.key"
    assert found(GOOD.replace("token: hunter2", files)) == []


def test_files_that_no_mount_holds_are_refused() -> None:
    files = "client-certificate: /root/a.crt, client-key: a.key"
    assert found(GOOD.replace("token: hunter2", files)) == [("webhook-file", True)] * 2
    assert found(
        GOOD.replace("certificate-authority-data: LS0tLS1CRUdJTiBYLS0tLS0K", "certificate-authority: /opt/ca.crt")
    ) == [("webhook-file", True)]


@pytest.mark.parametrize(
    "host",
    [
        "sink.security.svc",
        "sink.security.svc.cluster.local",
        "sink.security.svc.cluster.local.",
        "db-0.sink.security.svc.k8s.example",
        "10-1-2-3.security.pod.cluster.local",
        "audit.logging",
        "SINK.Security.SVC",
        "sink",
    ],
)
def test_a_name_of_the_clusters_dns_is_a_warning(host: str) -> None:
    assert found(GOOD.replace("192.0.2.5", host)) == [("webhook-cluster-dns", False)]
    plain = GOOD.replace("https://192.0.2.5", f"http://{host}")
    assert found(plain) == [("webhook-cluster-dns", False), ("webhook-unencrypted", False)]


@pytest.mark.parametrize(
    "host",
    [
        "[2001:db8::5]",
        "localhost",
        "127.0.0.1",
        "siem.example.com",
        "siem.acme.co.uk",
        "acme.io",
        "siem.corp",
        "svc.acme.org",
    ],
)
def test_a_name_that_a_node_resolves_passes(host: str) -> None:
    assert found(GOOD.replace("192.0.2.5", host)) == []


@pytest.mark.parametrize("port", ["0", "00", "65536", "99999", "8" * 5000])
def test_a_port_that_there_is_not_is_refused(port: str) -> None:
    for host in ("192.0.2.5", "[2001:db8::5]"):
        assert found(GOOD.replace("192.0.2.5:8443", f"{host}:{port}")) == [("webhook-port", True)]


@pytest.mark.parametrize("port", ["http", "-1", "+443", "8443x", "٣"])
def test_a_port_that_is_no_number_is_no_url(port: str) -> None:
    assert found(GOOD.replace(":8443", f":{port}")) == [("webhook-config", True)]


@pytest.mark.parametrize("port", ["", ":", ":1", ":443", ":65535"])
def test_other_ports_pass(port: str) -> None:
    assert found(GOOD.replace(":8443", port)) == []


EXEC = "exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, interactiveMode: Never}"


@pytest.mark.parametrize(
    ("user", "plugin"),
    [
        (EXEC, "exec"),
        (EXEC.replace("/v1,", "/v1beta1,").replace(", interactiveMode: Never", ""), "exec"),
        (f"{EXEC}, token: hunter2", "exec"),
        ("auth-provider: {name: oidc, config: {id-token: hunter2}}", "auth-provider"),
    ],
)
def test_a_plugin_is_a_warning(user: str, plugin: str) -> None:
    text = GOOD.replace("token: hunter2", user)
    assert found(text) == [("webhook-plugin", False)]
    assert f"a plugin ({plugin})" in next(iter(judge(text.encode(), PATH, read(SAMPLE.read_text())))).message


@pytest.mark.parametrize(
    ("part", "other", "why"),
    [
        ("command: aws, ", "", "has no command"),
        ("apiVersion: client.authentication.k8s.io/v1, ", "", "has no apiVersion"),
        (", interactiveMode: Never", "", "no interactiveMode of Never, IfAvailable, Always"),
        ("interactiveMode: Never", "interactiveMode: never", "no interactiveMode of Never"),
        ("exec:", "auth-provider: {name: oidc}, exec:", "both exec and auth-provider"),
    ],
)
def test_a_plugin_that_client_go_refuses_is_refused(part: str, other: str, why: str) -> None:
    assert part in EXEC
    text = GOOD.replace("token: hunter2", EXEC.replace(part, other))
    refused = [f for f in judge(text.encode(), PATH, read(SAMPLE.read_text())) if f.blocks]
    assert [f.name for f in refused] == ["webhook-config"]
    assert why in refused[0].message


def test_enable_asks_before_it_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, config = tmp_path / "node", tmp_path / "hook.yaml"
    tree.plant(root, node="cp", version="1.36.2", port=6443)
    config.write_text(GOOD.replace("current-context: d", "current-context: dd"))
    assert (
        main(["enable", "--root", str(root), "--policy", "metadata", "--webhook-config", str(config), "--yes"]) == 1
    )
    assert "its current-context dd is not among its contexts" in capsys.readouterr().err
    assert not (root / PATH.lstrip("/")).exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "the webhook's kubeconfig /etc/kubernetes/hook.conf is not there"),
        (GOOD.replace("current-context: d\n", ""), "it has no current-context"),
        (GOOD, ""),
    ],
)
def test_one_that_only_a_flag_names_is_read_on_the_node(
    content: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node_folder(tmp_path)
    if content is not None:
        (tmp_path / "etc/kubernetes/hook.conf").write_text(content)
    flag = "audit-webhook-config-file=/etc/kubernetes/hook.conf"
    code = main(["enable", "--policy", "metadata", "--yes", "--root", str(tmp_path), "--set", flag])
    shown = capsys.readouterr()
    assert (code, said in shown.err) == (1 if said else 0, True), shown
    assert "hunter2" not in shown.out + shown.err
    assert ("audit-webhook" in (tmp_path / MANIFEST).read_text()) == (not said)
