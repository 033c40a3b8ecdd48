"""A Kubernetes that came after this program is read as the newest that it knows, and every command says so."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from documentkit import document
from folderkit import SAMPLE

from kaudit_setup.change.run import proof as change_proof
from kaudit_setup.cli import connect, main
from kaudit_setup.errors import Exit
from kaudit_setup.fleet.survey import Candidate
from kaudit_setup.node.local import LocalNode

LOG = Path(__file__).resolve().parents[2] / "data" / "logs" / "audit-1.36.2.jsonl.gz"
SAID = "Kubernetes 1.41 is newer than this version knows; read as 1.36"
MANIFEST = SAMPLE.read_text().replace("v1.36.2", "v1.41.0")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    manifests = tmp_path / "root/etc/kubernetes/manifests"
    manifests.mkdir(parents=True)
    (manifests / "kube-apiserver.yaml").write_text(MANIFEST)
    return tmp_path / "root"


@pytest.mark.parametrize(
    "words",
    [
        ("policy", "validate", "metadata"),
        ("policy", "lint", "metadata"),
        ("policy", "answers", "metadata"),
        ("policy", "compare", "metadata", "quiet"),
        ("policy", "explain", "metadata", "--url", "GET /api"),
        ("policy", "schema"),
        ("policy", "suggest", "--log", str(LOG)),
        ("estimate", "quiet", "--log", str(LOG)),
        ("render", "kubeadm", "--policy", "metadata"),
        ("render", "k3s", "--policy", "metadata"),
    ],
    ids=" ".join,
)
def test_an_option_is_read_as_the_newest_and_answers_the_same(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--kube-version", "1.41"]) == Exit.OK
    newer = capsys.readouterr()
    assert SAID in newer.err
    assert main([*words, "--kube-version", "1.36"]) == Exit.OK
    known = capsys.readouterr()
    assert SAID not in known.err
    if words[0] != "render":
        assert newer.out == known.out


def test_a_node_is_read_as_the_newest(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["enable", "--root", str(root), "--policy", "metadata", "--dry-run"])
    said = capsys.readouterr().out
    assert "warning newer-kubernetes" in said
    assert SAID in said
    main(["status", "--root", str(root)])
    assert SAID in capsys.readouterr().out
    main(["status", "--root", str(root), "-o", "json"])
    assert SAID in json.dumps(json.loads(capsys.readouterr().out)["warnings"])


@pytest.mark.parametrize(
    "words",
    [
        "status --root ROOT",
        "check --root ROOT",
        "enable --policy metadata --dry-run --root ROOT",
        "enable --policy metadata --yes --root ROOT",
        "apply -i INVENTORY --check",
        "backups diff --root ENABLED",
        "rollback --dry-run --root ENABLED",
        "disable --yes --root ENABLED",
        "verify --host cp1",
        "policy validate metadata --kube-version 1.41",
        "policy explain metadata --verb get --resource pods --kube-version 1.41",
        f"estimate quiet --log {LOG} --kube-version 1.41",
        "policy explain metadata --verb nonsense --kube-version 1.41",
    ],
)
def test_programs_get_it_among_the_warnings(
    words: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[list[Candidate]]:
        yield [Candidate(LocalNode(root))]

    if "--host" in words:
        monkeypatch.setattr(connect, "nodes", opened)
        monkeypatch.setattr(change_proof, "probe_now", lambda *_, **__: None)
    monkeypatch.setattr(connect, "open_ssh", lambda *_, **__: LocalNode(root))
    (tmp_path / "i.yaml").write_text("clusters: {c: {hosts: [cp1], audit: {policy: metadata}}}\n")
    if "ENABLED" in words:
        main(["enable", "--policy", "metadata", "--yes", "--root", str(root)])
    capsys.readouterr()
    argv = words.replace("ENABLED", "ROOT").replace("ROOT", str(root)).replace("INVENTORY", str(tmp_path / "i.yaml"))
    main([*argv.split(), "-o", "json"])
    warnings = document(capsys.readouterr().out)["warnings"]
    (said,) = [w for w in warnings if w["code"] == "newer-kubernetes"]
    assert said["message"] == SAID


def test_a_manifest_is_read_as_the_newest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(MANIFEST.encode())))
    assert main(["manifest", "patch", "--policy", "metadata"]) == Exit.OK
    assert SAID in capsys.readouterr().err
