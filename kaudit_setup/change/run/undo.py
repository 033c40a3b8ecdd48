"""A change that was not proved, taken back: the old files, and the server of the old manifest."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kaudit_setup.change.cancel import CancelledError, Level
from kaudit_setup.change.diagnose import phase_words, telling_lines, why_not_proved
from kaudit_setup.change.manual_restore import commands
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.run.attempt import Attempt
from kaudit_setup.change.run.proof import UnprovedError, wait_for_manifest
from kaudit_setup.change.script import LOCKED, undo_script
from kaudit_setup.change.verify import NotProved, Proof
from kaudit_setup.errors import BrokenError, ChangeError, KauditError, NodeError, PendingError, StoppedError
from kaudit_setup.node.frames import frames
from kaudit_setup.node.observe import Process
from kaudit_setup.runner import Ran
from kaudit_setup.values import replace

# How long a node that does not answer is asked to put the old state back, before that is left to its watchdog.
_PATIENCE_S = 60


def take_back(attempt: Attempt, failure: Exception) -> KauditError:
    """Undo, and the error that says what the node is like now."""
    why, details = _reason(failure)
    why = why.removeprefix(f"{attempt.node.name}: ")
    attempt.progress("restoring the old state")
    try:
        undone = _Undone.parse(_send_undo(attempt))
    except (NodeError, CancelledError) as error:
        left = "it was left immediately" if isinstance(error, CancelledError) else str(error)
        return PendingError(
            f"{attempt.node.name}: {why}; and then {left}",
            hint=f"while the node runs, its watchdog restores the old state within {attempt.watchdog_s} s; "
            "when it answers again, see `kaudit-setup status` and run the same command again",
            details=details,
        )
    if undone.locked_by:
        # the change hangs on the node: it was called off, and finds that before its next step
        return PendingError(
            f"{attempt.node.name}: {why}; it could not be undone yet: {undone.locked_by}",
            hint="it was called off: if it goes on, it restores the old state; if it ends, its watchdog does; "
            "`kaudit-setup recover` says when that is done",
            details=details,
        )
    if not undone.complete:
        return _needs_person(attempt, f"{why}; and not everything could be restored", details)
    if undone.foreign:
        details += f"\n{', '.join(undone.foreign)} was changed by somebody else meanwhile and was not touched"
    kind = StoppedError if isinstance(failure, CancelledError) else ChangeError
    return _old_server(attempt, undone, kind, why, details)


def _send_undo(attempt: Attempt) -> Ran:
    """Raises CancelledError where it is to be left; what was sent is done on the node all the same."""
    text, cancellation = undo_script(attempt.plan, attempt.run), attempt.terms.cancellation
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with cancellation.ends(Level.LEAVE, attempt.node.close):
                return attempt.node.sh(text, timeout=120)
        except NodeError:
            if time.monotonic() >= deadline:
                raise
            cancellation.sleep(1, Level.LEAVE)


def _old_server(attempt: Attempt, undone: _Undone, kind: type[KauditError], why: str, details: str) -> KauditError:
    """Wait for the server of the old manifest; the error that says whether it answers."""
    name = attempt.node.name
    healthy: Proof | NotProved | None = None
    try:
        if attempt.state.observed.servers:
            old = undone.started_since(attempt.state)
            terms = replace(attempt.terms, stops_at=Level.LEAVE, timeout=attempt.proof_s)
            healthy = wait_for_manifest(attempt.node, attempt.state, terms, attempt.progress, old)
    except CancelledError:
        said, hint = "the old files are restored; its API server was not waited for", "see `kaudit-setup status`"
        return StoppedError(f"{name}: {why}; {said}", hint=hint, details=details)
    except NodeError as error:
        return kind(f"{name}: {why}; the old files are restored", hint=error.message, details=details)
    if isinstance(healthy, NotProved):
        late = f"the old files are restored, but {phase_words(healthy.phase)} took too long"
        return _needs_person(attempt, f"{why}; {late}", details)
    return kind(f"{name}: {why}; the old state is restored and the API server answers", details=details)


def _needs_person(attempt: Attempt, why: str, details: str) -> BrokenError:
    """Says exactly what to type on the node."""
    files = [(n, change.path, change.before.kind == "file") for n, change in enumerate(attempt.plan.files)]
    typed = commands(attempt.run.backup, files)
    return BrokenError(
        f"{attempt.node.name}: {why}",
        hint=f"on the node, as root: `{typed}`; then see why with `crictl ps -a --name kube-apiserver` and "
        "`journalctl -u kubelet`",
        details=details,
    )


@dataclass(frozen=True, slots=True)
class _Undone:
    """What undo.sh answered. `foreign`: files that somebody else changed meanwhile. `servers`: the (PID, start) of
    those that ran before it. `watchdog_first`: whether the watchdog had begun to undo already. `locked_by`: who holds
    the node's lock, so that nothing was undone; empty if it was.
    """

    complete: bool
    foreign: tuple[str, ...]
    servers: tuple[tuple[int, int], ...]
    watchdog_first: bool
    locked_by: str = ""

    @classmethod
    def parse(cls, ran: Ran) -> _Undone:
        found = [(key, value.decode("utf-8", "replace")) for key, value in frames(ran.out)] if ran.out else []
        return cls(
            ("outcome", "undone") in found,
            tuple(value for key, value in found if key == "foreign"),
            tuple(_processes(found)),
            ("late", "yes") in found,
            dict(found).get("error", "") if ran.code == LOCKED else "",
        )

    def started_since(self, state: NodeState) -> tuple[Process, ...]:
        """The servers that ran before the undo and have to end: those with the failed settings."""
        if self.watchdog_first:
            # what runs by now may well be the old state already
            return ()
        kept = {(p.pid, p.start) for p in state.observed.servers}
        return tuple(Process(pid, start, ()) for pid, start in self.servers if (pid, start) not in kept)


def _processes(found: Iterable[tuple[str, str]]) -> Iterator[tuple[int, int]]:
    """PID and start of every server that undo.sh named; what is not that is left out."""
    for key, value in found:
        pair = re.fullmatch(r"\s*([0-9]{1,19})\s+([0-9]{1,19})\s*", value)
        if key == "server" and pair:
            yield int(pair[1]), int(pair[2])


def _reason(failure: Exception) -> tuple[str, str]:
    """Why a change is taken back, and lines of evidence."""
    if isinstance(failure, UnprovedError):
        return why_not_proved(failure.seen), telling_lines(failure.seen.server_log)
    return ("interrupted" if isinstance(failure, CancelledError) else str(failure)), ""
