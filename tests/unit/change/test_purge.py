"""`purge`: what is left after `disable` goes, nothing else does, and nothing goes while it is still needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from changekit import DATA, MANIFEST, POLICY, STATE, UNITS, shims
from documentkit import document, items, only

from kaudit_setup.change.leftovers.purge import look, purge
from kaudit_setup.cli import connect, main
from kaudit_setup.errors import ChangeError, Exit, NodeError
from kaudit_setup.fleet.survey import Candidate
from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.observe import observe
from kaudit_setup.runner import Ran

LOG = "var/log/kubernetes/audit/audit.log"
POLICY_FILE = "etc/kubernetes/audit-policy.yaml"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def ran(*argv: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in argv])
        said = capsys.readouterr()
        return code, said.out, said.err

    return ran


def everything(root: Path) -> list[str]:
    """Every path below it."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def make(root: Path) -> Path:
    (root / MANIFEST).parent.mkdir(parents=True)
    shutil.copy(DATA / "kube-apiserver-1.36.2.yaml", root / MANIFEST)
    (root / "var/lib").mkdir(parents=True)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path / "node")


@pytest.fixture
def disabled(root: Path, run: Run) -> Path:
    """Enabled and disabled, with logs, and with other files beside them."""
    assert run("enable", "--policy", "metadata", "--yes", "--root", root)[0] == 0
    for name in ("audit.log", "audit-2026-11-23T16-30-00.000.log", "audit-2026-11-22T16-30-00.000.log.gz"):
        (root / LOG).with_name(name).write_text("{}\n")
    (root / LOG).with_name("audit-by-hand.log").write_text("not ours\n")
    assert run("disable", "--yes", "--root", root)[0] == 0
    return root


def paths(said: dict[str, Any], key: str = "paths") -> list[tuple[str, str]]:
    return sorted((left["kind"], left["path"]) for left in said[key])


def test_the_node_is_as_it_was_before_but_for_its_logs(root: Path, run: Run) -> None:
    before = everything(root)
    for command in (("enable", "--policy", "metadata"), ("disable",), ("purge",)):
        assert run(*command, "--yes", "--root", root)[0] == 0
    assert set(everything(root)) - set(before) == {"var/log", "var/log/kubernetes", "var/log/kubernetes/audit"}
    assert set(before) <= set(everything(root))


def test_what_would_go_is_shown_and_exactly_that_goes(disabled: Path, run: Run) -> None:
    before = everything(disabled)
    code, out, _ = run("purge", "--dry-run", "--root", disabled, "-o", "json")
    said = only(out)
    backups = [("backup", f"/{path}") for path in before if Path(path).parent == Path(STATE, "backups")]
    assert (code, said["purged"]) == (Exit.WOULD_CHANGE, False)
    assert paths(said) == [*backups, ("folder", f"/{STATE}")]
    assert {kind for kind, _ in paths(said, "kept")} == {"log"}
    assert len(said["kept"]) == 3
    assert everything(disabled) == before
    code, again, _ = run("purge", "--yes", "--root", disabled, "-o", "json")
    assert code == 0
    assert only(again) == {**said, "purged": True}
    assert everything(disabled) == [path for path in before if not path.startswith(STATE)]
    assert run("purge", "--dry-run", "--root", disabled)[0] == 0
    code, out, _ = run("purge", "--yes", "--root", disabled)
    assert (code, out) == (0, f"{disabled}: nothing is left of this tool\n")


@pytest.mark.parametrize("before", [(), ("purge", "--yes")])
def test_logs_go_only_where_that_is_asked_for(before: tuple[str, ...], disabled: Path, run: Run) -> None:
    if before:
        assert run(*before, "--root", disabled)[0] == 0
    assert (disabled / LOG).exists()
    code, out, _ = run("purge", "--logs", "--yes", "--root", disabled)
    assert code == 0
    assert "kept" not in out
    assert [path.name for path in (disabled / LOG).parent.iterdir()] == ["audit-by-hand.log"]


def test_a_person_is_asked(disabled: Path, run: Run) -> None:
    before = everything(disabled)
    code, _, err = run("purge", "--root", disabled)
    assert code == Exit.USAGE
    assert "--yes" in err
    assert everything(disabled) == before


def test_while_auditing_is_on_it_says_what_to_type(root: Path, run: Run) -> None:
    assert run("enable", "--policy", "metadata", "--yes", "--root", root)[0] == 0
    before = everything(root)
    for more in ((), ("--dry-run",), ("--logs",)):
        code, _, err = run("purge", "--yes", *more, "--root", root)
        assert code == Exit.FAILED
        assert "auditing is on" in err
        assert f"`kaudit-setup disable --root {root}` first, then `kaudit-setup purge --root {root}` again" in err
    assert everything(root) == before


def test_an_annotation_that_was_left_is_for_disable(disabled: Path, run: Run) -> None:
    manifest = disabled / MANIFEST
    text = manifest.read_text()
    noted = "  annotations:\n    kaudit-setup.io/audit-policy-sha256: abc\n"
    manifest.write_text(text.replace("  annotations:\n", noted, 1))
    code, _, err = run("purge", "--yes", "--root", disabled)
    assert code == Exit.FAILED
    assert "has the annotation kaudit-setup.io/audit-policy-sha256" in err
    assert run("disable", "--yes", "--root", disabled)[0] == 0
    assert manifest.read_text() == text
    assert run("purge", "--yes", "--root", disabled)[0] == 0


def test_a_change_that_is_not_over_is_for_recover(disabled: Path, run: Run) -> None:
    pending = disabled / STATE / "run/0123"
    pending.mkdir(parents=True)
    (pending / "watchdog.pid").write_text("1 1 another-boot\n")
    before = everything(disabled)
    code, _, err = run("purge", "--yes", "--root", disabled)
    assert code == Exit.FAILED
    assert f"`kaudit-setup recover --root {disabled}` does" in err
    start = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(") ")[2].split()[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    (pending / "watchdog.pid").write_text(f"{os.getpid()} {start} {boot}")
    code, _, err = run("purge", "--yes", "--root", disabled)
    assert code == Exit.FAILED
    assert "waits to be confirmed" in err
    assert everything(disabled) == before
    # begun after the look: the node itself says no
    node = LocalNode(disabled)
    (pending / "watchdog.pid").unlink()
    seen = observe(node)
    (pending / "watchdog.pid").write_text(f"{os.getpid()} {start} {boot}")
    with pytest.raises(ChangeError, match="waits to be confirmed"):
        purge(node, seen, logs=True)
    assert everything(disabled) == before


@pytest.mark.slow
def test_who_holds_the_lock_is_waited_for(disabled: Path) -> None:
    node = LocalNode(disabled)
    lock = disabled / STATE / "lock"
    holder = subprocess.Popen(["sh", "-c", 'exec 9>>"$1"; flock 9; echo; read -r _', "sh", lock], stdin=-1, stdout=-1)
    assert holder.stdout
    holder.stdout.readline()
    try:
        with pytest.raises(ChangeError, match="the lock of this node is held"):
            look(node, observe(node), logs=False)
    finally:
        holder.kill()
        holder.communicate()


def test_a_manifest_that_changed_since_the_look_stops_it(disabled: Path) -> None:
    node = LocalNode(disabled)
    seen = observe(node)
    before = everything(disabled)
    with (disabled / MANIFEST).open("a") as manifest:
        manifest.write("# by somebody else\n")
    with pytest.raises(ChangeError, match="changed after it was reviewed"):
        purge(node, seen, logs=True)
    assert everything(disabled) == before


def test_the_policy_goes_unless_it_is_somebody_elses(root: Path, run: Run) -> None:
    """Auditing is turned off by hand, so that what `enable` wrote is still there."""
    manifest, policy = root / MANIFEST, root / POLICY_FILE
    off = manifest.read_bytes()
    assert run("enable", "--policy", "metadata", "--yes", "--root", root)[0] == 0
    manifest.write_bytes(off)
    wrote = policy.read_bytes()
    policy.write_bytes(POLICY)
    said = only(run("purge", "--dry-run", "--root", root, "-o", "json")[1])
    assert paths(said, "kept") == [("file", f"/{POLICY_FILE}")]
    policy.write_bytes(wrote)
    assert run("purge", "--yes", "--root", root)[0] == 0
    assert not policy.exists()


def test_a_policy_that_was_there_before_us_stays(root: Path, run: Run) -> None:
    manifest, policy = root / MANIFEST, root / POLICY_FILE
    off = manifest.read_bytes()
    policy.write_bytes(POLICY)
    assert run("enable", "--policy", "metadata", "--yes", "--root", root)[0] == 0
    manifest.write_bytes(off)
    assert run("purge", "--yes", "--root", root)[0] == 0
    assert policy.exists()


@pytest.mark.slow
@pytest.mark.parametrize("at", range(1, 6))
def test_killed_at_any_step_it_can_be_done_again(
    root: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """What says which files are the tool's goes last: what is not, is never taken for it."""
    manifest, policy = root / MANIFEST, root / POLICY_FILE
    off = manifest.read_bytes()
    policy.write_bytes(POLICY)
    for preset in ("metadata", "quiet"):
        assert run("enable", "--policy", preset, "--yes", "--root", root)[0] == 0
    manifest.write_bytes(off)
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{shims(root, tmp_path, at, ('rm', 'sync'))}:{path}")
    assert run("purge", "--yes", "--root", root)[0] == Exit.FAILED
    monkeypatch.setenv("PATH", path)
    assert run("purge", "--yes", "--root", root)[0] == 0
    assert not (root / STATE).exists()
    assert policy.exists()
    assert manifest.read_bytes() == off


def test_units_and_half_made_files_go(disabled: Path, run: Run) -> None:
    unit, staged = disabled / UNITS / "kaudit-setup-dead.service", disabled / "etc/kubernetes/.kaudit.dead.0.new"
    other = disabled / UNITS / "kubelet.service"
    (unit.parent / "multi-user.target.wants").mkdir(parents=True)
    (unit.parent / "multi-user.target.wants" / unit.name).symlink_to(f"../{unit.name}")
    for path in (unit, staged, other):
        path.write_text("")
    assert run("purge", "--yes", "--root", disabled)[0] == 0
    assert not [path for path in everything(disabled) if "kaudit" in path]
    assert other.exists()


def test_what_a_link_leads_to_stays(disabled: Path, tmp_path: Path, run: Run) -> None:
    elsewhere = disabled / "srv/elsewhere"
    elsewhere.parent.mkdir()
    (disabled / LOG).rename(elsewhere)
    (disabled / LOG).symlink_to("../../../../srv/elsewhere")
    assert run("purge", "--logs", "--yes", "--root", disabled)[0] == 0
    assert elsewhere.exists()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    (disabled / STATE).symlink_to(outside)
    code, _, err = run("purge", "--yes", "--root", disabled)
    assert code == Exit.FAILED
    assert "a link leads from" in err
    assert (outside / "kept").exists()


def test_a_folder_that_was_moved_to_another_disk_goes_with_its_link(disabled: Path, run: Run) -> None:
    (disabled / STATE).rename(disabled / "var/big")
    (disabled / STATE).symlink_to("../big")
    assert run("purge", "--yes", "--root", disabled)[0] == 0
    assert not (disabled / STATE).is_symlink()
    assert not list((disabled / "var/big").iterdir())


def test_a_node_that_is_no_control_plane_any_more(disabled: Path, run: Run) -> None:
    (disabled / MANIFEST).unlink()
    assert run("purge", "--yes", "--root", disabled)[0] == 0
    assert not (disabled / STATE).exists()


@pytest.fixture
def several(disabled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    other = make(tmp_path / "other")

    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[list[Candidate]]:
        yield [Candidate(LocalNode(disabled)), Candidate(LocalNode(other))]

    monkeypatch.setattr(connect, "nodes", opened)
    return disabled, other


def test_several_nodes_are_one_answer(several: tuple[Path, Path], run: Run) -> None:
    code, out, _ = run("purge", "--yes", "-i", "nodes.yaml", "-o", "json")
    assert code == 0
    assert {item["host"]: item["purged"] for item in items(out)} == {str(several[0]): True, str(several[1]): False}


def test_one_node_that_is_still_audited_keeps_all_as_they_are(several: tuple[Path, Path], run: Run) -> None:
    done, other = several
    # by another tool
    manifest = other / MANIFEST
    manifest.write_text(
        manifest.read_text().replace("    - kube-apiserver\n", "    - kube-apiserver\n    - --audit-log-path=-\n")
    )
    before = everything(done)
    code, out, _ = run("purge", "--yes", "-i", "nodes.yaml", "-o", "json")
    assert code == Exit.FAILED
    assert [error["code"] for error in document(out)["errors"]] == ["refused"]
    assert everything(done) == before


class DiesInBetween(LocalNode):
    """It answers the look, and then no more."""

    def sh(self, text: str, args: Sequence[str] = (), **more: Any) -> Ran:
        if "clear" in args:
            raise NodeError("cp9: no route to host")
        return super().sh(text, args, **more)


def test_a_node_that_fails_is_named_and_the_others_are_done(
    disabled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    other = Path(shutil.copytree(disabled, tmp_path / "other"))

    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[list[Candidate]]:
        yield [Candidate(DiesInBetween(other)), Candidate(LocalNode(disabled))]

    monkeypatch.setattr(connect, "nodes", opened)
    code, out, _ = run("purge", "--yes", "-i", "nodes.yaml", "-o", "json")
    assert code == Exit.FAILED
    said = document(out)
    assert [(item["host"], item["purged"]) for item in said["items"]] == [(str(disabled), True)]
    assert [error["message"] for error in said["errors"]] == ["cp9: no route to host"]
    assert (other / STATE).exists()
    assert not (disabled / STATE).exists()
