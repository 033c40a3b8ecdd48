"""What lies in the folder that logs are collected into cannot make us write elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaudit_setup.auditlog.sources.collecting.inside import check_inside, refuse_link, write_whole
from kaudit_setup.errors import KauditError


@pytest.mark.parametrize(
    "file",
    ["../victim/authorized_keys", "/etc/passwd", "cp1", "", "cp1/", "cp1/../x", "cp1/a/b", "./x", "a/..", "a/\0"],
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, file: str) -> None:
    with pytest.raises(KauditError, match="not a file of a node's folder"):
        check_inside(tmp_path, file)


def test_a_name_inside_is_taken(tmp_path: Path) -> None:
    check_inside(tmp_path, "cp1/audit.log")
    (tmp_path / "cp1").mkdir()
    (tmp_path / "cp1/audit.log").touch()
    check_inside(tmp_path, "cp1/audit.log")


@pytest.mark.parametrize("link", ["cp1", "cp1/audit.log"])
def test_a_link_on_the_way_is_refused(tmp_path: Path, link: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    into = tmp_path / "into"
    (into / link).parent.mkdir(parents=True)
    (into / link).symlink_to(elsewhere)
    with pytest.raises(KauditError, match="is a link"):
        check_inside(into, "cp1/audit.log")


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / "SHA256SUMS").symlink_to(victim)
    write_whole(tmp_path / "SHA256SUMS", b"sums")
    assert victim.read_text() == "kept"
    assert (tmp_path / "SHA256SUMS").read_bytes() == b"sums"
    assert (tmp_path / "SHA256SUMS").stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["SHA256SUMS", "victim"]
    (tmp_path / "other").symlink_to(victim)
    with pytest.raises(KauditError):
        refuse_link(tmp_path / "other")
