"""`kaudit-setup render` as its users meet it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kaudit_setup.cli import main
from kaudit_setup.manifest.render import FORMATS

POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n"
HOOK = "kind: Config\nclusters:\n- name: a\n  cluster: {server: https://sink.example.com}\n"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_prints_something_that_can_be_used(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", name, "--policy", "metadata"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith("#")
    if name != "minikube":
        assert all(YAML(typ="safe", pure=True).load_all(said.out))


@pytest.mark.parametrize(
    ("version", "api"), [("1.20", "v1beta2"), ("1.22", "v1beta3"), ("1.30", "v1beta3"), ("1.31", "v1beta4")]
)
def test_kubeadm_speaks_as_the_version_does(version: str, api: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "kubeadm", "--policy", "metadata", "--kube-version", version]) == 0
    assert f"apiVersion: kubeadm.k8s.io/{api}\n" in capsys.readouterr().out


def test_the_options_are_those_of_enable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hook").write_text(HOOK)
    (tmp_path / "p").write_text(POLICY)
    argv = ["render", "k3s", "--policy", str(tmp_path / "p"), "--log-maxage", "90", "--log-compress"]
    argv += ["--webhook-config", str(tmp_path / "hook"), "--set", "audit-webhook-mode=blocking"]
    assert main(argv) == 0
    arguments = YAML(typ="safe", pure=True).load(capsys.readouterr().out)["kube-apiserver-arg"]
    assert {
        "audit-log-maxage=90",
        "audit-log-compress=true",
        "audit-webhook-config-file=/etc/kubernetes/audit-webhook.kubeconfig",
        "audit-webhook-mode=blocking",
    } <= set(arguments)


def test_a_folder_gets_the_name_that_the_tool_expects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "kubeadm-patches", "--policy", "metadata", "--dir", str(tmp_path / "new")]) == 0
    written = tmp_path / "new" / "kube-apiserver+json.yaml"
    assert written.stat().st_mode & 0o777 == 0o600
    assert "op: add" in written.read_text()
    assert capsys.readouterr().out == ""


EMBEDDING = {"cluster-api", "cluster-api-v1beta2", "kops", "talos", "talos-v1.14", "kubespray"}


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_has_the_policy_beside_the_file_that_needs_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "p").write_text(POLICY.rstrip("\n"))
    assert main(["render", name, "--policy", str(tmp_path / "p"), "--dir", str(tmp_path / "d")]) == 0
    beside = set() if name in EMBEDDING else {"audit-policy.yaml"}
    assert {file.name for file in (tmp_path / "d").iterdir()} == {FORMATS[name].file, *beside}
    for file in beside:
        assert (tmp_path / "d" / file).read_bytes() == (tmp_path / "p").read_bytes()
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "d").iterdir()} == {0o600}


def test_a_file_that_was_there_becomes_private_and_the_webhook_lies_there_too(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text(HOOK)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "audit-webhook.kubeconfig").touch(0o644)
    argv = ["render", "kind", "--policy", "metadata", "--webhook-config", str(tmp_path / "hook")]
    assert main([*argv, "--dir", str(tmp_path / "d")]) == 0
    written = tmp_path / "d" / "audit-webhook.kubeconfig"
    assert (written.read_text(), written.stat().st_mode & 0o777) == (HOOK, 0o600)
    mounts = YAML(typ="safe", pure=True).load((tmp_path / "d" / "kind-config.yaml").read_text())["nodes"][0][
        "extraMounts"
    ]
    assert all((tmp_path / "d" / mount["hostPath"]).is_file() for mount in mounts)


def test_files_of_one_name_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["render", "rke2", "--policy", "metadata", "--policy-path", "/etc/audit/config.yaml"]
    assert main([*argv, "--dir", str(tmp_path / "d")]) == 2
    assert "two of the files would be called config.yaml" in capsys.readouterr().err
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["helm", "--policy", "metadata"], "unknown format 'helm'"),
        (["k3s"], "--policy is missing"),
        (["k3s", "--policy", "nope"], "unknown policy preset 'nope'"),
        (["k3s", "--policy", "metadata", "--log-maxage", "-1"], "audit-log-maxage"),
        (["k3s", "--policy", "metadata", "--webhook-path", "/x"], "--webhook-path needs --webhook-config"),
        (["k3s", "--policy", "metadata", "--webhook-config", "/nowhere"], "cannot be read"),
        (["kops", "--policy", "metadata", "--log-mode", "batch"], "kOps has no field for --audit-log-mode"),
    ],
)
def test_errors_are_wrong_usage(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", *argv]) == 2
    assert said in capsys.readouterr().err


def test_a_policy_that_the_server_would_refuse_is_not_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.yaml").write_text(POLICY.replace("Metadata", "metadata"))
    assert main(["render", "kind", "--policy", str(tmp_path / "p.yaml")]) == 2
    assert "rules[0].level" in capsys.readouterr().err


def _yaml(name: str, capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    assert main(["render", name, *argv]) == 0
    return YAML(typ="safe", pure=True).load(capsys.readouterr().out)


def test_vector_follows_the_log_and_sends_its_lines_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    found = _yaml("vector", capsys, "--log-path", "/var/log/kube $x/audit.log")
    (source,), (sink,) = found["sources"].values(), found["sinks"].values()
    assert source["include"] == ["/var/log/kube $$x/audit.log", "/var/log/kube $$x/audit-*.log"]
    assert source["exclude"] == ["/var/log/kube $$x/audit-*.log.gz"]
    assert (source["read_from"], source["max_line_bytes"]) == ("beginning", 16 << 20)
    assert found["data_dir"]
    assert sink["inputs"] == list(found["sources"])
    assert sink["encoding"] == {"codec": "text"}
    assert sink["bucket"] == "${AUDIT_BUCKET}"


def test_fluent_bit_follows_the_log_and_sends_its_lines_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    found = _yaml("fluent-bit", capsys)["pipeline"]
    (tail,), (s3,) = found["inputs"], found["outputs"]
    folder = "/var/log/kubernetes/audit"
    assert tail["path"] == f"{folder}/audit.log,{folder}/audit-*.log"
    assert tail["exclude_path"] == f"{folder}/audit-*.log.gz"
    assert tail["db"]
    assert tail["read_from_head"] is True
    assert (s3["match"], s3["log_key"]) == (tail["tag"], tail["key"])


def test_fluent_bit_goes_on_behind_a_long_line_and_keeps_nodes_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "fluent-bit"]) == 0
    text = capsys.readouterr().out
    (tail,) = _yaml("fluent-bit", capsys)["pipeline"]["inputs"]
    assert tail["skip_long_lines"] in {True, "on"}  # off: the file is removed from the list of those that are read
    assert "/audit/${HOSTNAME}/" in text
    assert "Environment=HOSTNAME=%H" in text


@pytest.mark.parametrize("name", ["vector", "fluent-bit", "alloy"])
def test_a_log_on_standard_output_is_where_kubelet_keeps_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", name, "--log-path", "-"]) == 0
    said = capsys.readouterr().out
    assert '"/var/log/pods/kube-system_kube-apiserver-*/kube-apiserver/*.log"' in said
    assert "@" not in said
    assert "audit-*" not in said


def test_alloy_sends_what_a_question_to_loki_expects(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "alloy", "--log-path", '/var/log/"x"/audit.log']) == 0
    said = capsys.readouterr().out
    assert said.count("{") == said.count("}")
    assert '"__path__" = "/var/log/\\"x\\"/audit.log", "app" = "kube-audit", "node" = constants.hostname' in said
    assert '?query={app="kube-audit"}' in said


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["vector", "--policy", "metadata"], "takes no --policy"),
        (["vector", "--log-path", ""], "there is no log to ship"),
        (["alloy", "--log-path", "audit.log"], "cannot be told this path"),
        (["fluent-bit", "--log-path", "/var/a,b/audit.log"], "cannot be told this path"),
        (["fluent-bit", "--log-path", "/var/${x}/audit.log"], "cannot be told this path"),
    ],
)
def test_what_a_shipper_cannot_follow_is_wrong_usage(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", *argv]) == 2
    assert said in capsys.readouterr().err
