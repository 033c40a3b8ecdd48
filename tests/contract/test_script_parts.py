"""Single steps of the scripts that alter a node: what is on disk before it is said, and whose file is changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from kaudit_setup.node.local import LocalNode
from kaudit_setup.node.shell import script

PARTS = "\n".join(map(script, ("lib", "change")))


def test_an_outcome_is_on_disk_with_its_name_before_it_is_told(tmp_path: Path) -> None:
    """Else the unit that runs after a power cut would undo what was confirmed."""
    text = "RUN=$STATE/run/x; mkdir -p $RUN; sync() { printf '%s ' \"$@\"; }; conclude confirmed && echo told"
    run = tmp_path / "var/lib/kaudit-setup/run/x"
    said = LocalNode(tmp_path).sh(f"{PARTS}\n{text}").out.decode()
    assert said == f"{run}/outcome {run} told\n"
    assert (run / "outcome").read_text() == "confirmed\n"


def test_only_a_file_with_one_name_is_given_away(tmp_path: Path) -> None:
    """The log's folder may be that of a server which is not root's, and what it calls its log root's file."""
    own = f"{os.getuid()}:{os.getgid()}"
    for name, link in (("plain", ""), ("hard", "hard"), ("soft", "soft")):
        file = tmp_path / name
        victim = tmp_path / f"{name}-victim"
        victim.write_text("root's")
        victim.chmod(0o600)
        if link == "hard":
            file.hardlink_to(victim)
        elif link == "soft":
            file.symlink_to(victim)
        else:
            file.write_text("{}")
        ran = LocalNode(tmp_path).sh(f"{PARTS}\nown_opened /{name} 640 {own} && echo given || echo refused")
        assert ran.out == (b"refused\n" if link else b"given\n")
        assert victim.stat().st_mode & 0o777 == 0o600


def test_what_a_killed_script_left_in_memory_goes_in_time(tmp_path: Path) -> None:
    """Keys at once; what may still be in use stays for a day."""
    shown = f'find() {{ shift 2; command find {tmp_path} "$@"; }}'
    hour, two_days = time.time() - 3600, time.time() - 2 * 86400
    for name, at in (("kaudit-keys.a", hour), ("kaudit.b", hour), ("kaudit.c", two_days), ("other", two_days)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (at, at))
    LocalNode(tmp_path).sh(f"{PARTS}\n{shown}\nsweep_memory")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kaudit.b", "other"]
