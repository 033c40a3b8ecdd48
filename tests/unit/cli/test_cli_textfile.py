"""`status --textfile` and `-o prometheus` on a folder that holds a node's files."""

from __future__ import annotations

import re
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaudit_setup.cli import main
from kaudit_setup.errors import Exit
from kaudit_setup.resources import template

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "samples" / "kube-apiserver-1.36.2.audited-by-kubeadm.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    manifests = tmp_path / "node/etc/kubernetes/manifests"
    manifests.mkdir(parents=True)
    shutil.copy(SAMPLE, manifests / "kube-apiserver.yaml")
    return tmp_path / "node"


def test_the_file_is_what_is_printed_and_everybody_may_read_it(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "collector"
    folder.mkdir()
    file = folder / "kaudit.prom"
    file.write_text("old")
    file.chmod(0o600)
    # nothing runs in a folder, so that the node is not as it should be
    assert main(["status", "--root", str(root), "-o", "prometheus", "--textfile", str(file)]) == Exit.FAILED
    printed = capsys.readouterr().out
    assert re.search(r'(?m)^kaudit_setup_auditing_enabled\{node="[^"]+"\} 1$', printed)
    assert re.search(r'(?m)^kaudit_setup_apiserver_up\{node="[^"]+"\} 0$', printed)

    def without_disk(text: str) -> str:
        return re.sub(r"(?m)^kaudit_setup_disk_free_bytes.*$", "", text)

    assert without_disk(file.read_text()) == without_disk(printed)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert list(folder.iterdir()) == [file]


def test_text_is_printed_beside_the_file(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--root", str(root), "--textfile", str(tmp_path / "a.prom")]) == Exit.FAILED
    assert "kube-apiserver is not running" in capsys.readouterr().out
    assert (tmp_path / "a.prom").read_text().startswith("# HELP kaudit_setup_up ")


def test_a_node_that_cannot_be_read_is_down_in_the_file_and_an_error_for_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    file = tmp_path / "a.prom"
    argv = ["status", "--root", str(tmp_path / "empty"), "-o", "prometheus", "--textfile", str(file)]
    assert main(argv) == Exit.USAGE
    said = capsys.readouterr()
    assert re.search(r'(?m)^kaudit_setup_up\{node="[^"]+"\} 0$', file.read_text())
    assert said.out == file.read_text()
    assert "kube-apiserver.yaml is not there" in said.err


def test_what_was_changed_by_hand_shows(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = root / "etc/kubernetes/manifests/kube-apiserver.yaml"
    assert main(["enable", "--policy", "metadata", "--root", str(root), "--yes"]) == Exit.OK

    def by_hand() -> str:
        capsys.readouterr()
        main(["status", "--root", str(root), "-o", "prometheus"])
        [found] = re.findall(r"(?m)^kaudit_setup_changed_by_hand\{.*\} (\d)$", capsys.readouterr().out)
        return str(found)

    assert by_hand() == "0"
    manifest.write_text(manifest.read_text().replace("--audit-log-maxage=", "--audit-log-maxage=9"))
    assert by_hand() == "1"


@pytest.mark.parametrize(("name", "said"), [("a.txt", "end in .prom"), ("folder.prom", "is a folder")])
def test_a_name_that_the_collector_would_not_read_is_refused(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    (tmp_path / "folder.prom").mkdir()
    assert main(["status", "--root", str(root), "--textfile", str(tmp_path / name)]) == Exit.USAGE
    assert said in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_said(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--root", str(root), "--textfile", str(tmp_path / "none/a.prom")]) == Exit.USAGE
    assert "cannot be written: No such file or directory" in capsys.readouterr().err


def test_the_unit_calls_the_program_as_it_is(root: Path, tmp_path: Path) -> None:
    unit = template("monitoring", "kaudit-setup-status.service").read_text()
    [line] = re.findall(r"(?m)^ExecStart=(.+)$", unit)
    _, *argv = shlex.split(line)
    argv[argv.index("--textfile") + 1] = str(tmp_path / "a.prom")
    assert main([*argv, "--root", str(root)]) in {int(code) for code in re.findall(r"SuccessExitStatus=(\d+)", unit)}
    assert (tmp_path / "a.prom").exists()
