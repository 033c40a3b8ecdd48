"""The audit settings of a cluster in its inventory: `apply --check` and `status` on folders that stand for hosts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from documentkit import items
from folderkit import SAMPLE

from kaudit_setup.cli import connect, main
from kaudit_setup.errors import Exit
from kaudit_setup.fleet.inventory import read
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.ssh.target import SshTarget

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command with -i; the hosts are folders of their names below `tmp_path`."""
    for name in ("cp1", "cp2"):
        manifests = tmp_path / name / "etc/kubernetes/manifests"
        manifests.mkdir(parents=True)
        # each with an address of its own, else they are the same machine listed twice
        text = re.sub(r"(--advertise-address=[\d.]*)\d\n", rf"\g<1>{name[-1]}\n", SAMPLE.read_text())
        (manifests / "kube-apiserver.yaml").write_text(text)

    def opened(target: SshTarget, *_: object, **__: object) -> LocalNode:
        return LocalNode(tmp_path / target.host)

    monkeypatch.setattr(connect, "open_ssh", opened)

    def started(command: str, inventory: str, *argv: str) -> tuple[int, str, str]:
        file = tmp_path / "clusters.yaml"
        file.write_text(inventory)
        capsys.readouterr()
        code = main([command, "-i", str(file), *argv])
        said = capsys.readouterr()
        return code, said.out, said.err

    return started


def enable(root: Path, *argv: str) -> None:
    assert main(["enable", "--root", str(root), "--yes", *argv]) == Exit.OK


def prod(audit: str) -> str:
    return f"clusters:\n  prod:\n    audit: {audit}\n    hosts: [cp1, cp2]\n"


def test_check_says_what_would_change_and_changes_nothing(run: Run, tmp_path: Path) -> None:
    manifest = tmp_path / "cp1/etc/kubernetes/manifests/kube-apiserver.yaml"
    before = manifest.read_bytes()
    code, out, _ = run("apply", prod("{policy: metadata, log-maxage: 90, log-compress: true}"), "--check")
    assert code == Exit.WOULD_CHANGE
    assert re.findall(r"/(cp\d)(?:, |: enable$)", out.partition("Summary:")[0], re.M) == ["cp1", "cp2"]
    assert "+    - --audit-log-maxage=90" in out
    assert "+    - --audit-log-compress=true" in out
    assert manifest.read_bytes() == before


def test_check_of_nodes_that_are_as_written_is_0_and_drift_is_3(run: Run, tmp_path: Path) -> None:
    for name in ("cp1", "cp2"):
        enable(tmp_path / name, "--policy", "metadata", "--log-maxage", "90")
    inventory = prod("{policy: metadata, log-maxage: 90}")
    assert run("apply", inventory, "--check")[0] == Exit.OK
    manifest = tmp_path / "cp2/etc/kubernetes/manifests/kube-apiserver.yaml"
    manifest.write_text(manifest.read_text().replace("maxage=90", "maxage=5"))
    code, out, _ = run("apply", inventory, "--check")
    assert code == Exit.WOULD_CHANGE
    assert "-    - --audit-log-maxage=5\n+    - --audit-log-maxage=90" in out


def test_status_compares_with_the_inventory(run: Run, tmp_path: Path) -> None:
    for name in ("cp1", "cp2"):
        enable(tmp_path / name, "--policy", "metadata", "--log-maxage", "90")

    def differs(audit: str) -> list[list[tuple[str | None, ...]]]:
        return [
            [(d["name"], d["here"], d["usual"], d["source"]) for d in node["differs"]]
            for node in items(run("status", prod(audit), "-o", "json")[1])
        ]

    assert differs("{policy: metadata, log-maxage: 90}") == [[], []]
    assert (
        differs("{policy: metadata, log-maxage: 30, log-mode: batch}")
        == [[("audit-log-maxage", "90", "30", "inventory"), ("audit-log-mode", None, "batch", "inventory")]] * 2
    )
    [[said], _] = differs("{policy: quiet}")
    assert said[0] == "policy"
    _, out, _ = run("status", prod("{policy: metadata, log-maxage: 30}").replace("[cp1, cp2]", "[cp1]"))
    assert "note: --audit-log-maxage=90 (inventory: 30)" in out


def test_a_policy_file_stands_beside_the_inventory(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "mine.yaml").write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Request}]\n")
    code, out, err = run("apply", prod("{policy: mine.yaml}"), "--check")
    assert code == Exit.WOULD_CHANGE, err
    assert "+rules: [{level: Request}]" in out
    code, _, err = run("apply", prod("{policy: none.yaml}"), "--check")
    assert code == Exit.USAGE
    assert "none.yaml" in err


def test_a_host_without_settings_is_named(run: Run) -> None:
    code, _, err = run("apply", "hosts: [cp1]\n", "--check")
    assert code == Exit.USAGE
    assert re.search(r"clusters.yaml:1: the inventory gives \S*cp1 no audit settings", err)


@pytest.mark.parametrize("argv", [["apply"], ["apply", "--host", "cp1"]])
def test_apply_needs_an_inventory(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == Exit.USAGE
    assert "apply needs --inventory" in capsys.readouterr().err


def test_a_cluster_adds_to_what_stands_at_the_top() -> None:
    text = "audit: {policy: metadata, log-maxage: 9, log-mode: batch}\n" + prod("{policy: quiet, log-maxage: 90}")
    found = read(text + "hosts: [lab]\n", "c.yaml").hosts
    claims = {host.name: host.audit for host in found}
    assert claims["cp1"] is not None
    assert claims["cp1"].policy == "quiet"
    assert claims["cp1"].flags == (("audit-log-maxage", "90"), ("audit-log-mode", "batch"))
    assert claims["lab"] is not None
    assert claims["lab"].policy == "metadata"


@pytest.mark.parametrize(
    ("audit", "said"),
    [
        ("{policy: metadata, log-maxag: 3}", "unknown key 'log-maxag'; did you mean 'log-maxage'?"),
        ("{log-maxage: 3}", "audit must name a policy"),
        ("{policy: metadata, log-maxage: }", "log-maxage must have a value"),
        ("{policy: [metadata]}", "policy must have a value"),
        ("metadata", "audit must map settings to values"),
        ("{policy: a, policy: b}", "'policy' is given twice"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(run: Run, audit: str, said: str) -> None:
    code, _, err = run("apply", prod(audit), "--check")
    assert code == Exit.USAGE
    assert "clusters.yaml:3: " + said in err
