"""Logs in tar and zip archives: read like those of a folder, members named, whatever the archive does."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from documentkit import document
from logkit import SCENARIO

from kaudit_setup.auditlog.archives import extraction, tarred
from kaudit_setup.cli import main

RECORDED = gzip.decompress(SCENARIO.read_bytes()).splitlines(keepends=True)
BEFORE, AFTER = b"".join(RECORDED[:600]), b"".join(RECORDED[600:])
QUESTION = ("who", "created", "pod/my-suspicious-pod", "-n", "default")
Files = Mapping[str, bytes]


def tar(files: Files, format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), 1777629600
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def zipped(files: Files, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


ARCHIVES: dict[str, Callable[[Files], bytes]] = {
    "x.tar": tar,
    "gnu.tar": lambda files: tar(files, tarfile.GNU_FORMAT),
    "ustar.tar": lambda files: tar(files, tarfile.USTAR_FORMAT),
    "x.tar.gz": lambda files: gzip.compress(tar(files)),
    "x.txz": lambda files: lzma.compress(tar(files)),
    "x.zip": zipped,
    "stored.zip": lambda files: zipped(files, zipfile.ZIP_STORED),
    "lzma.zip": lambda files: zipped(files, zipfile.ZIP_LZMA),
    "download": zipped,  # as portals name it
}
GATHERED = {
    "mg/version": b"openshift/must-gather 4.15",
    "mg/audit_logs/kube-apiserver/cp1-audit.log.gz": gzip.compress(BEFORE),
    "mg/audit_logs/kube-apiserver/cp2-audit.log": AFTER,
    "mg/manifests/audit-policy.yaml": b"apiVersion: audit.k8s.io/v1\nkind: Policy\n",
    f"mg/{'long-' * 18}name/readme.txt": b"x" * 3000,
}


def first_line(capfd: pytest.CaptureFixture[str], *args: str | Path) -> str:
    main([str(arg) for arg in args])
    return capfd.readouterr().out.partition("\n")[0]


def items(capfd: pytest.CaptureFixture[str], *args: str | Path) -> list[dict[str, Any]]:
    assert main([*map(str, args), "-o", "json"]) == 0
    found: list[dict[str, Any]] = document(capfd.readouterr().out)["items"]
    return found


def who(capfd: pytest.CaptureFixture[str], log: str | Path) -> dict[str, Any]:
    (item,) = items(capfd, *QUESTION, "--log", log)
    return item


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_read_like_a_folder(capfd: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(ARCHIVES[name](GATHERED))
    found = who(capfd, tmp_path / name)
    assert (found["confidence"], found["answer"]["user"]) == ("certain", "foobar")
    assert found["answer"]["source"] == {
        "node": "cp2",
        "file": f"{tmp_path / name}:mg/audit_logs/kube-apiserver/cp2-audit.log",
        "line": 27,
    }


@pytest.mark.parametrize("name", ["x.tar.gz", "x.zip"])
def test_an_archive_in_a_folder_is_found_beside_logs(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(ARCHIVES[name]({"b/audit.log": AFTER}))
    (tmp_path / "a").mkdir()
    (tmp_path / "a/audit.log").write_bytes(BEFORE)
    assert who(capfd, tmp_path)["confidence"] == "certain"


def test_one_log_of_an_archive_can_be_named(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    archive = tmp_path / "x.tar.gz"
    archive.write_bytes(ARCHIVES["x.tar.gz"](GATHERED))
    inside = f"{archive}:mg/audit_logs/kube-apiserver"
    assert who(capfd, f"{inside}/cp2-audit.log")["confidence"] == "certain"
    assert who(capfd, inside)["confidence"] == "certain"
    assert first_line(capfd, *QUESTION, "--log", f"{inside}/cp1-audit.log.gz").startswith("No successful create")
    assert main([*QUESTION, "--log", f"{archive}:nope"]) == 2
    assert f"there is no audit log in {archive}:nope" in capfd.readouterr().err
    # two clusters in one archive are named apart by its folders
    named = ("--cluster", f"one={inside}/cp1-audit.log.gz", "--cluster", f"two={inside}/cp2-audit.log")
    one, two = items(capfd, *QUESTION, *named)
    assert (one["cluster"], two["cluster"], two["answer"]["user"]) == ("one", "two", "foobar")


@pytest.mark.parametrize("question", [("stats",), ("top", "--by", "user"), ("events", "--limit", "1")])
def test_every_question_reads_archives(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, question: tuple[str, ...]
) -> None:
    (tmp_path / "x.tgz").write_bytes(ARCHIVES["x.tar.gz"](GATHERED))
    assert items(capfd, *question, "--log", tmp_path / "x.tgz")


def test_nothing_is_left_behind(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    (tmp_path / "room").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "room"))
    (tmp_path / "x.zip").write_bytes(zipped(GATHERED))
    assert who(capfd, tmp_path / "x.zip")["confidence"] == "certain"
    assert not list((tmp_path / "room").iterdir())


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz"])
def test_a_cut_archive_is_read_as_far_as_it_goes_and_said(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, name: str, kept: float
) -> None:
    data = ARCHIVES[name]({"cp1/audit.log": BEFORE, "cp2/audit.log": AFTER})
    (tmp_path / name).write_bytes(data[: int(len(data) * kept)])
    assert main(["stats", "--log", str(tmp_path / name), "-o", "json"]) == 0
    out, err = capfd.readouterr()
    found = document(out)
    assert sum(node["events"] for node in found["items"]) > 0.8 * kept * len(RECORDED)
    assert any("is missing: " in one["message"] and "cut short" in one["message"] for one in found["warnings"])
    assert "is not read to its end" in err


def test_a_broken_zip_is_said(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = bytearray(zipped({"cp1/audit.log": BEFORE + AFTER}))
    log = tmp_path / "x.zip"
    log.write_bytes(data[:-40])
    assert main([*QUESTION, "--log", str(log)]) == 2
    assert "there is no audit log in the archive" in (err := capfd.readouterr().err)
    assert "damaged" in err
    data[len(data) // 2] ^= 0xFF
    log.write_bytes(data)
    main(["stats", "--log", str(log)])
    assert "is missing: " in capfd.readouterr().out


def test_names_in_an_archive_open_nothing_and_reach_no_terminal(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    target = tmp_path / "target"
    for archive in (tar, zipped):
        (tmp_path / "x").write_bytes(
            archive({f"../../{target}": AFTER, str(target): AFTER, "a\x1b[2J/audit.log": AFTER})
        )
        found = who(capfd, tmp_path / "x")
        assert found["confidence"] == "certain"
        main([*QUESTION, "--log", str(tmp_path / "x"), "-v"])
        assert "\x1b" not in "".join(capfd.readouterr())
        assert not target.exists()


def test_links_locked_files_and_archives_in_archives_are_said(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("cp1/audit.log")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    log = tmp_path / "x.tar"
    log.write_bytes(out.getvalue())
    assert main([*QUESTION, "--log", str(log)]) == 2
    assert "cp1/audit.log is left out: it is a link" in capfd.readouterr().err
    log.write_bytes(tar({"inner.zip": zipped({"audit.log": AFTER}), "audit.log": BEFORE}))
    main([*QUESTION, "--log", str(log)])
    assert "inner.zip is left out: it is an archive in an archive; unpack it" in capfd.readouterr().err
    data = bytearray(zipped({"audit.log": AFTER}))
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(magic) + flags] |= 1
    log.write_bytes(data)
    assert main([*QUESTION, "--log", str(log)]) == 2
    assert "audit.log is left out: it is encrypted" in capfd.readouterr().err


def test_a_bomb_is_stopped_and_said(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "_HARMLESS_BYTES", 1 << 20)
    monkeypatch.setattr(extraction, "_MOST_GROWTH", 20)
    log = tmp_path / "x.zip"
    log.write_bytes(zipped({"audit.log": AFTER, "b/audit.log": BEFORE + b" " * (8 << 20) + b"\n"}))
    assert main(["stats", "--log", str(log)]) == 0
    assert "it grows more than 500 times when it is unpacked" in capfd.readouterr().out
    monkeypatch.setattr(extraction, "_MOST_FILES", 3)
    log.write_bytes(tar({**{f"{n}/audit.log": BEFORE for n in range(4)}, "audit.log": AFTER}))
    main(["stats", "--log", str(log)])
    assert "it has more than" in capfd.readouterr().err


def test_a_header_that_claims_a_huge_name_is_not_read_into_memory(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    claim = tarfile.TarInfo("././@PaxHeader")
    claim.type, claim.size = tarfile.XHDTYPE, 1 << 40
    log = tmp_path / "x.tar"
    good = tar({"audit.log": AFTER})
    end = (len(AFTER) + 511) // 512 * 512 + 512
    log.write_bytes(good[:end] + claim.tobuf(tarfile.GNU_FORMAT) + b"x" * 4096)
    assert main(["stats", "--log", str(log)]) == 0
    assert "a name that is longer than 1 MiB" in capfd.readouterr().out


def test_a_tar_archive_is_known_by_its_sum() -> None:
    data = tar({"audit.log": AFTER})
    assert tarred.is_tar(data[:512])
    assert not tarred.is_tar(b"x" + data[1:512])
    assert not tarred.is_tar(bytes(512))
    assert not tarred.is_tar(AFTER[:512])


@pytest.mark.parametrize("archive", [tar, zipped])
def test_standard_input_is_told_what_to_do(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    archive: Callable[[Files], bytes],
) -> None:
    data = archive({"audit.log.gz": gzip.compress(BEFORE)})
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    said = first_line(capfd, *QUESTION, "--log", "-")
    assert "give it as a file on this machine: --log FILE, or unpack it: " in said
