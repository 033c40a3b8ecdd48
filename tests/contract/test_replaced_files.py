"""A file that is replaced is another file: it takes over what root gave the old one beside its content.

ACLs and extended attributes are set as the kernel keeps them, so that these tests need no package for it.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from changekit import MANIFEST, POLICY, apply, planned

from kaudit_setup.change.plan_enable import Wanted
from kaudit_setup.change.preflight.run import inspect
from kaudit_setup.change.prepare import prepare_disable, prepare_enable
from kaudit_setup.change.run.enact import enact
from kaudit_setup.change.run.terms import Terms
from kaudit_setup.change.script import undo_script
from kaudit_setup.node.local import LocalNode

ACL = "system.posix_acl_access"
# entries of tag, permissions and id: the owner, user 1000, the group, the mask, others (linux/posix_acl_xattr.h)
ENTRIES = [(1, 6, -1), (2, 4, 1000), (4, 0, -1), (16, 4, -1), (32, 0, -1)]


@pytest.fixture
def manifest(folder: Path) -> Path:
    """The node's manifest, with an ACL and an attribute."""
    path = folder / MANIFEST
    try:
        os.setxattr(path, ACL, struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in ENTRIES))
        os.setxattr(path, "user.managed-by", b"site tool")
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        pytest.skip("left out: files with ACLs, which this file system does not have")
    return path


def attributes(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name) for name in (ACL, "user.managed-by") if name in os.listxattr(path)}


def rights(path: Path) -> tuple[int, int, int]:
    seen = path.stat()
    return seen.st_mode, seen.st_uid, seen.st_gid


def needs_gnu_cp() -> None:
    if "--attributes-only" not in subprocess.run(["cp", "--help"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("left out: attributes that GNU cp keeps, which is not here")


def test_a_new_manifest_has_the_attributes_of_the_old_one(folder: Path, manifest: Path) -> None:
    needs_gnu_cp()
    before = attributes(manifest), rights(manifest)
    node = LocalNode(folder)
    on = prepare_enable(node, Wanted(POLICY), prove=False)
    enact(node, on.plan, on.state, Terms("me", prove=False), lambda _what: None)
    assert b"--audit-policy-file" in manifest.read_bytes()
    assert (attributes(manifest), rights(manifest)) == before
    off = prepare_disable(node, prove=False)
    enact(node, off.plan, off.state, Terms("me", prove=False), lambda _what: None)
    assert (attributes(manifest), rights(manifest)) == before


@pytest.mark.parametrize("copy", ["there", "gone"])
def test_an_undo_gives_the_attributes_back(folder: Path, manifest: Path, copy: str) -> None:
    """From the copy that lies ready, and from the backup where that is gone."""
    needs_gnu_cp()
    before = attributes(manifest), rights(manifest), manifest.read_bytes()
    node, plan, seen, run = planned(folder)
    assert apply(node, plan, seen, run, watchdog_s=60).code == 0
    assert manifest.read_bytes() != before[2]
    if copy == "gone":
        for path in folder.rglob(".kaudit*undo*"):
            path.unlink()
    node.sh(undo_script(plan, run))
    assert (attributes(manifest), rights(manifest), manifest.read_bytes()) == before


def test_tools_that_keep_no_attributes_are_said(
    folder: Path, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shims = tmp_path / "shims"
    shims.mkdir()
    real = shutil.which("cp")
    (shims / "cp").write_text(
        f'#!/bin/sh\ncase $* in *--attributes-only*|*--help*) exit 1 ;; esac\nexec {real} "$@"\n'
    )
    (shims / "cp").chmod(0o755)
    if any(map(shutil.which, ("setfacl", "setfattr"))):
        pytest.skip("left out: a system without setfacl, which is here")
    monkeypatch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
    _node, plan, state, _run = planned(folder)
    [said] = [f for f in inspect(state, plan, prove=False) if f.name == "acl-lost"]
    assert f"/{MANIFEST} has an ACL that cannot be kept" in said.message
    assert not said.blocks
    os.removexattr(manifest, ACL)
    _node, plan, state, _run = planned(folder)
    assert "attributes-unknown" in {f.name for f in inspect(state, plan, prove=False)}


@pytest.mark.parametrize(("names", "said"), [(1, ""), (2, "its other name keeps"), (3, "its 2 other names keep")])
def test_a_hard_link_is_said(folder: Path, names: int, said: str) -> None:
    for number in range(1, names):
        (folder / f"other-{number}").hardlink_to(folder / MANIFEST)
    old = (folder / MANIFEST).read_bytes()
    node, plan, state, run = planned(folder)
    found = [f.message for f in inspect(state, plan, prove=False) if f.name == "hard-link"]
    assert [said in message for message in found] == ([True] if said else [])
    assert apply(node, plan, state, run, watchdog_s=None).code == 0
    assert all((folder / f"other-{number}").read_bytes() == old for number in range(1, names))
