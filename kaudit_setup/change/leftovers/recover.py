"""What broken runs left on a node, and how it comes to one of the two good states."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from kaudit_setup.change.backup import backups_of
from kaudit_setup.change.manual_restore import commands
from kaudit_setup.errors import BrokenError, ChangeError, NodeError
from kaudit_setup.node.frames import frames
from kaudit_setup.node.observe import Observed
from kaudit_setup.node.port import Node
from kaudit_setup.node.shell import script

RunState: TypeAlias = Literal["waiting", "unwatched", "stuck", "begun", "decided"]
RunEnd: TypeAlias = Literal["reverted", "removed", "stuck"]
_STATES: dict[str, RunState] = {name: name for name in get_args(RunState)}
_ENDS: dict[str, RunEnd] = {name: name for name in get_args(RunEnd)}
_MEANINGS: dict[RunState, str] = {
    "waiting": "waits to be confirmed; its watchdog restores the old state in time",
    "unwatched": "was never confirmed, and has no watchdog any more",
    "stuck": "was undone, but not everything could be restored",
    "begun": "was begun, and changed nothing yet",
    "decided": "has ended; only its folder is left",
}


@dataclass(frozen=True, slots=True)
class LeftRun:
    """One run that is not over, in its `state`.

    `now`: what became of it: `reverted` (the old state is back), `removed` (there was nothing to undo), `stuck`, or
    None where it was left alone.
    """

    id: str
    state: RunState
    by: str = ""
    backup: str = ""
    now: RunEnd | None = None

    @property
    def sentence(self) -> str:
        """What it is, in words."""
        return f"change {self.id}{f' of {self.by}' if self.by else ''} {_MEANINGS[self.state]}"


@dataclass(frozen=True, slots=True)
class LeftOvers:
    """Everything that was found on one node: runs, staged files, units of systemd."""

    runs: tuple[LeftRun, ...] = ()
    strays: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    @property
    def waiting(self) -> tuple[LeftRun, ...]:
        """Runs that somebody may still confirm."""
        return tuple(run for run in self.runs if run.state == "waiting" and not run.now)

    @property
    def something(self) -> bool:
        """Whether there is anything to clear, beside what waits."""
        return len(self.runs) > len(self.waiting) or bool(self.strays or self.units)

    @property
    def restores(self) -> bool:
        """Whether the old files come back (or came back), so that kube-apiserver restarts."""
        return any(run.state in {"unwatched", "stuck"} or run.now == "reverted" for run in self.runs)


def look(node: Node, observed: Observed) -> LeftOvers:
    """What is there; nothing is changed. Raises ChangeError if the lock is held, and what `Node.sh` raises."""
    return _ask(node, "look", observed, watched=False)


def recover(node: Node, observed: Observed, *, watched: bool) -> LeftOvers:
    """Clear it all: what was armed and never confirmed ends in the old state. `watched`: what waits for its
    confirmation, too.

    Raises BrokenError, which says what to type, if not everything could be restored; ChangeError if the lock is held.
    """
    found = _ask(node, "clear", observed, watched=watched)
    stuck = [run for run in found.runs if run.now == "stuck"]
    if stuck:
        known = {b.name: b for b in backups_of(observed)}
        backup = known.get(stuck[0].backup)
        typed = commands(backup.name, [(f.number, f.path, bool(f.sha256)) for f in backup.files]) if backup else ""
        raise BrokenError(
            f"{node.name}: {stuck[0].sentence}, and it cannot be restored now either",
            hint=f"on the node, as root: `{typed}`; then run `kaudit-setup recover` again"
            if typed
            else "its backup is gone; see `kaudit-setup backups list`",
        )
    return found


def _ask(node: Node, how: str, observed: Observed, *, watched: bool) -> LeftOvers:
    arguments = [how, "watched" if watched else "", *staging_folders(observed)]
    ran = node.sh("\n".join(map(script, ("lib", "change", "recover"))), arguments, timeout=120)
    found = list(frames(ran.out)) if ran.out else []
    last = dict(found)
    if "holder" in last:
        holder = last["holder"].decode("utf-8", "replace")
        raise ChangeError(
            f"{node.name}: the lock of this node is held: {holder}; nothing was done",
            hint="wait until it has ended, or end that process on the node, then run `kaudit-setup recover` again",
        )
    if "end" not in last:
        said = ran.err.decode("utf-8", "replace").strip() or f"exit status {ran.code}"
        raise ChangeError(f"{node.name}: what is left there could not be seen: {said}")
    return parse(found)


def parse(found: Sequence[tuple[str, bytes]]) -> LeftOvers:
    """The frames of recover.sh as values. Pure. Raises NodeError if they are out of order."""
    groups: list[dict[str, str]] = []
    names: dict[str, list[str]] = {"stray": [], "unit": []}
    for key, value in found:
        text = value.decode("utf-8", "surrogateescape")
        if key == "run.id":
            groups.append({})
        if key.startswith("run."):
            if not groups:
                raise NodeError(f"the node's answer could not be understood: {key} of no run")
            groups[-1][key.removeprefix("run.")] = text
        elif key in names:
            names[key].append(text)
    return LeftOvers(tuple(map(_run, groups)), tuple(names["stray"]), tuple(names["unit"]))


def _run(said: Mapping[str, str]) -> LeftRun:
    try:
        now = _ENDS[said["now"]] if said.get("now") else None
        return LeftRun(said["id"], _STATES[said["state"]], _by(said.get("about", "")), said.get("backup", ""), now)
    except LookupError as error:
        raise NodeError(f"the node's answer could not be understood: {error}") from error


def _by(about: str) -> str:
    try:
        return str(json.loads(about)["by"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""


def staging_folders(observed: Observed) -> list[str]:
    """Every folder in which a run of this tool may have completed a file before it was renamed."""
    paths = {observed.manifest.target, *observed.files}
    paths |= {file.path for backup in backups_of(observed) for file in backup.files}
    folders = {posixpath.dirname(path) for path in paths}
    return sorted(folders | {posixpath.dirname(observed.static_dir), observed.static_dir})
