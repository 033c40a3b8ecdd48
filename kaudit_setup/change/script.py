"""Plans → the shell scripts that carry them out. Pure: a plan and a few names in, text and payload out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kaudit_setup.change.folders import backup_files
from kaudit_setup.change.loggroup import SetRights
from kaudit_setup.change.plan import MakeDir, Plan, RemoveFile, WriteFile, sha256, staging_name
from kaudit_setup.node.shell import script

# exit statuses of change.sh
CHANGED = 10  # a file is not what was reviewed any more
LOCKED = 11  # another change holds the node's lock
NOT_WRITABLE = 12  # a folder is full or read-only
HALF_DONE = 13  # something could not be restored


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt to carry out a plan. `id` is unguessable; `backup` is the name of its backup."""

    id: str
    backup: str
    static_dir: str
    same_device: bool


@dataclass
class _Payload:
    """Contents that travel behind the script, cut out there by offset and length."""

    data: bytearray = field(default_factory=bytearray)

    def add_whole(self, content: bytes) -> tuple[str, str, str]:
        """Offset, length and SHA-256."""
        at = len(self.data)
        self.data += content
        return str(at), str(len(content)), sha256(content)


def apply_script(
    plan: Plan, run: Run, *, backup: dict[str, Any], about: dict[str, Any], watchdog_s: int | None
) -> tuple[str, bytes]:
    """The script that backs up, arms the watchdog and commits, and its standard input.

    `backup`: what backup.json shall say; `about`: what others are told while the change waits.
    `watchdog_s` None arms none (a folder has no server to wait for).
    """
    payload = _Payload()
    described = json.dumps(backup, indent=1).encode() + b"\n"
    saved = [(number, c) for number, c in enumerate(plan.files) if c.before.kind == "file"]
    steps = [["expect", c.path, _state(c)] for c in plan.files]
    steps += _expected_rights(plan)
    steps.append(["sweep", *sorted({name.rpartition("/")[0] for name in _staged(plan, run)})])
    if watchdog_s is not None:
        # before anything that a reboot in the middle would leave behind
        steps.append(
            [
                "arm_boot",
                *payload.add_whole(json.dumps(about).encode() + b"\n"),
                *payload.add_whole(_watchdog(plan, run).encode("utf-8", "surrogateescape")),
            ]
        )
    steps.append(["backup_begin", run.backup])
    steps += [["backup_file", str(number), c.path, c.before.sha256] for number, c in saved]
    steps.append(["backup_end", *payload.add_whole(described)])
    steps += [["make_dir", c.path, c.mode, c.owner] for c in plan.changes if isinstance(c, MakeDir)]
    steps += [
        ["stage", c.path, _name(c.path, run, n, "new"), *payload.add_whole(c.after), c.mode, c.owner]
        for n, c in enumerate(plan.files)
        if isinstance(c, WriteFile)
    ]
    steps += [["stage_undo", str(number), _name(c.path, run, number, "undo"), c.path] for number, c in saved]
    if watchdog_s is not None:
        steps.append(["arm", str(watchdog_s)])
    steps += [["grant", c.path, c.after.mode, c.after.owner, *_created(c)] for c in plan.rights]
    steps += [
        ["commit", c.path, _name(c.path, run, n, "new")] if isinstance(c, WriteFile) else ["remove", c.path]
        for n, c in enumerate(plan.files)
    ]
    text = "\n".join(
        [
            script("lib"),
            script("change"),
            f"ID={run.id} LENGTH={len(payload.data)} BY={shlex.quote(str(about.get('by', '')))}",
            undo_function(plan, run),
            _function("steps", steps),
            script("apply"),
        ]
    )
    return text, bytes(payload.data)


def _expected_rights(plan: Plan) -> list[list[str]]:
    """Of what is there already."""
    made = {c.path for c in plan.changes if isinstance(c, MakeDir)}
    there = [c for c in plan.rights if c.path not in made and not c.creates]
    return [["expect_rights", c.path, c.before.mode, c.before.owner] for c in there]


def undo_function(plan: Plan, run: Run) -> str:
    """`undo`: restores in the reverse order of doing, but the manifest first; `clean`: removes what staging left;
    `tidy`: removes empty folders that a container runtime left where there was no file.
    """
    restores: list[list[str]] = []
    for number, change in sorted(enumerate(plan.files), key=lambda pair: pair[1].path != plan.manifest):
        after = sha256(change.after) if isinstance(change, WriteFile) else "absent"
        copy = f"{backup_files(run.backup)}/{number}"
        restores.append(
            ["restore", change.path, after, _state(change), copy, _name(change.path, run, number, "undo")]
        )
    restores += [["ungrant", c.path, c.before.mode, c.before.owner, *_created(c)] for c in reversed(plan.rights)]
    made = [["unmake_dir", c.path] for c in reversed(plan.changes) if isinstance(c, MakeDir)]
    body = [shlex.join(call) + " || _stuck=yes" for call in restores] + [shlex.join(call) for call in made]
    undo = "undo() {\n_stuck=\n" + "\n".join(body) + '\n[ -z "$_stuck" ]\n}'
    clean = "clean() {\n" + "\n".join(f'rm -f -- "$R"{shlex.quote(name)}' for name in _staged(plan, run)) + "\n:\n}"
    absent = [["no_empty_dir", c.path] for c in plan.files if c.before.kind != "file"]
    tidy = "tidy() {\n" + "\n".join(map(shlex.join, absent)) + "\n:\n}"
    return "\n".join([undo, clean, tidy])


def _watchdog(plan: Plan, run: Run) -> str:
    prelude = f"ID={run.id}\nRUN=$STATE/run/$ID\nBACKUP=$STATE/backups/{shlex.quote(run.backup)}"
    return "\n".join([script("lib"), script("change"), prelude, undo_function(plan, run), script("watchdog")])


def undo_script(plan: Plan, run: Run) -> str:
    """Takes the change back at once."""
    return "\n".join([script("lib"), script("change"), f"ID={run.id}", undo_function(plan, run), script("undo")])


def confirm_script(plan: Plan, run: Run, *, entry: dict[str, Any], prune: Iterable[str]) -> str:
    """Disarms the watchdog, writes the journal, removes what is no longer needed."""
    members = json.dumps(entry)[1:-1]
    return "\n".join(
        [
            script("lib"),
            script("change"),
            f"ID={run.id}\nENTRY={shlex.quote(members)}\nPRUNE={shlex.quote(chr(10).join(prune))}",
            undo_function(plan, run),
            script("confirm"),
        ]
    )


def _function(name: str, calls: Sequence[Sequence[str]]) -> str:
    return name + "() {\n" + "\n".join(shlex.join(call) for call in calls) + "\n}"


def _created(change: SetRights) -> list[str]:
    return ["create"] if change.creates else []


def _state(change: WriteFile | RemoveFile) -> str:
    return change.before.sha256 if change.before.kind == "file" else "absent"


def _name(path: str, run: Run, number: int, kind: str) -> str:
    return staging_name(path, run.id, number, kind, manifest_dir=run.static_dir, same_device=run.same_device)


def _staged(plan: Plan, run: Run) -> list[str]:
    names: list[str] = []
    for number, change in enumerate(plan.files):
        if isinstance(change, WriteFile):
            names.append(_name(change.path, run, number, "new"))
        if change.before.kind == "file":
            names.append(_name(change.path, run, number, "undo"))
    return names
