"""Carrying out a plan on one node: back up, arm the watchdog, apply, prove, confirm; or undo."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kaudit_setup.change import backup as backups
from kaudit_setup.change.by_hand import commands
from kaudit_setup.change.cancel import Cancellation, CancelledError, Level
from kaudit_setup.change.diagnose import phase_words, telling_lines, why_not_proved
from kaudit_setup.change.expectation import Expectation, expect
from kaudit_setup.change.folders import BACKUPS, run_folder
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.plan import Plan, WriteFile, no_change, sha256
from kaudit_setup.change.script import Run, apply_script, confirm_script, undo_script
from kaudit_setup.change.verify import NotProved, Proof, verify
from kaudit_setup.errors import (
    AuthError,
    BrokenError,
    ChangeError,
    HostKeyError,
    KauditError,
    LostError,
    NodeError,
    PendingError,
    ScriptError,
    StoppedError,
    UntouchedError,
)
from kaudit_setup.node.frames import frames
from kaudit_setup.node.observe import Process
from kaudit_setup.node.port import Node
from kaudit_setup.runner import Ran
from kaudit_setup.values import replace

Progress = Callable[[str], None]

# Time for what follows the proof (confirming) and for a connection that has to be made anew meanwhile.
_WATCHDOG_SLACK_S = 45
# How long a node that does not answer is asked to put the old state back, before that is left to its watchdog.
_PATIENCE_S = 60
# Exit status of a script that did not get the node's lock (change.sh: lock).
_LOCKED = 11
# How much later than its grace period an old server has ended at the latest.
_KILL_MARGIN_S = 10

_NO_LIVING_NODE = "nothing was proved: this is a folder, not a living node"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a change is made.

    `by`: who asked. `timeout`: seconds for the proof beside the old server's drain. `keep`: backups to keep. `prove`:
    False on a folder that holds a node's files. `kubeadm_config`: what the cluster has stored now, to be kept in the
    backup. `restart_kubelet`: whether kubelet may be restarted to end its back-off. `cancellation` breaks off what is
    not proved yet, once it is cancelled with the urgency `heeds`.
    """

    by: str = ""
    timeout: int = 180
    keep: int = 20
    prove: bool = True
    kubeadm_config: str = field(default="", repr=False)
    restart_kubelet: bool = False
    cancellation: Cancellation = field(default_factory=Cancellation, repr=False)
    heeds: Level = Level.STOP


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: the backup's name and the proof; both None where nothing had to change."""

    backup: str | None
    proof: Proof | None
    note: str = ""
    seconds: float = 0.0


def enact(node: Node, plan: Plan, state: NodeState, terms: Terms, progress: Progress) -> Outcome:
    """Do it, prove it, keep it; or put the node back and say why.

    Raises UntouchedError (nothing was even begun), ChangeError (everything is back as it was), BrokenError (a person
    is needed), PendingError (left to the watchdog on the node), StoppedError (interrupted; the old files are back).
    """
    began = time.monotonic()
    run = secrets.token_hex(8)
    attempt = _Attempt(
        node,
        plan,
        state,
        terms,
        progress,
        Run(
            run,
            backups.name_of(state.observed, run),
            static_dir=state.observed.static_dir,
            same_device=state.observed.static_same_device,
        ),
    )
    want = expect(plan, state, _new_mark(), run=run_folder(run)) if terms.prove else None
    proof: Proof | None = None
    try:
        attempt.apply()
        if want:
            proof = attempt.prove(want)
        attempt.confirm("proved" if want and want.probe else "done")
    except (NodeError, CancelledError, _UnprovedError) as failure:
        raise attempt.take_back(failure) from failure
    note = _note(want, proof) if want else _NO_LIVING_NODE
    return Outcome(attempt.run.backup, proof, note, seconds=time.monotonic() - began)


def prove_unchanged(node: Node, state: NodeState, terms: Terms, progress: Progress) -> Outcome:
    """The settings are in place already: prove that they work. Raises ChangeError where they do not, StoppedError."""
    began = time.monotonic()
    if not terms.prove:
        return Outcome(None, None, note=_NO_LIVING_NODE)
    want = expect(no_change("verify", state), state, _new_mark())
    try:
        seen = _wait_for_proof(node, want, terms.timeout, terms, progress)
    except CancelledError as cancelled:
        raise StoppedError(f"{node.name}: interrupted; nothing was changed") from cancelled
    if isinstance(seen, NotProved):
        raise ChangeError(
            f"{node.name}: the settings are in place, but {why_not_proved(seen)}; nothing was changed",
            hint="see `kaudit-setup status`",
            details=telling_lines(seen.server_log),
        )
    return Outcome(None, seen, note=_note(want, seen), seconds=time.monotonic() - began)


def probe_now(node: Node, state: NodeState, *, limit: int) -> Proof | NotProved | None:
    """Send a marked request to the server as it runs; None where auditing is off or writes no log."""
    want = expect(no_change("verify", state), state, _new_mark())
    return _wait_for_proof(node, want, limit, Terms(), lambda _what: None) if want.log else None


def wait_for_manifest(node: Node, state: NodeState, terms: Terms, progress: Progress) -> Proof | NotProved:
    """Wait, at most `terms.timeout` seconds, until the server that the manifest asks for runs and answers.

    No event is looked for. Raises what `Node.sh` raises.
    """
    want = expect(no_change("recover", state), state, "none")
    want = replace(want, log="", probe=None, hook="", settle=3, crashes=False)
    return _wait_for_proof(node, want, terms.timeout, terms, progress)


def _new_mark() -> str:
    return f"kaudit-probe-{secrets.token_hex(8)}"


def _note(want: Expectation, proof: Proof | None = None) -> str:
    """What the proof leaves open, and what held it up; empty if nothing."""
    said = [want.unproved] if want.unproved else []
    if want.hook and proof and proof.hook != "taken":
        said = ["the server has sent no event to the webhook's receiver yet, so that only the receiver can tell"]
    if proof and proof.held:
        said.append(f"kubelet held the server back for {proof.held} s, because it was started several times before")
    return "; ".join(said)


def _wait_for_proof(node: Node, want: Expectation, limit: int, terms: Terms, progress: Progress) -> Proof | NotProved:
    """`verify`, begun again on a new connection when the old one breaks, until the time is up.

    Raises CancelledError; LostError, ScriptError, HostKeyError or AuthError where the node does not answer.
    """
    deadline = time.monotonic() + limit
    want = replace(want, restart_kubelet=terms.restart_kubelet)

    def say(phase: str) -> None:
        progress(f"waiting for {phase_words(phase, restarts=bool(want.old))}")

    while True:
        try:
            with terms.cancellation.ends(terms.heeds, node.close):
                return verify(node, want, limit=max(1, int(deadline - time.monotonic())), progress=say)
        except (ScriptError, HostKeyError, AuthError):
            raise
        except NodeError as error:
            if time.monotonic() >= deadline - 2:
                raise LostError(error.message, hint=error.hint) from error
            progress(f"the connection broke; connecting again, for {limit} s at most")
            terms.cancellation.sleep(1, terms.heeds)


class _UnprovedError(Exception):
    def __init__(self, seen: NotProved) -> None:
        super().__init__(seen.reason)
        self.seen = seen


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One plan on its way to one node, step by step."""

    node: Node
    plan: Plan
    state: NodeState
    terms: Terms
    progress: Progress
    run: Run

    @property
    def limit(self) -> int:
        """Seconds for the proof, and for the old server to end: kubelet waits so long before it kills it.

        Source: pkg/kubelet/kuberuntime/kuberuntime_container.go:killContainer.
        """
        return self.terms.timeout + self.state.pod.grace_seconds + _KILL_MARGIN_S

    def apply(self) -> None:
        """Back up, arm the watchdog, write. Raises UntouchedError, BrokenError, LostError."""
        terms, left_s = self.terms, self.limit + _WATCHDOG_SLACK_S
        deadline = self.state.observed.uptime + left_s
        text, payload = apply_script(
            self.plan,
            self.run,
            backup=backups.describe(
                self.plan, self.state, name=self.run.backup, by=terms.by, kubeadm_config=terms.kubeadm_config
            ),
            about={"action": self.plan.action, "by": terms.by, "deadline": deadline},
            watchdog_s=left_s if terms.prove else None,
        )
        self.progress("backing up and writing")
        try:
            ran = self.node.sh(text, stdin=payload, timeout=120)
        except LostError:
            # only a connection that breaks under way leaves open whether it was done
            raise
        except NodeError as error:
            raise UntouchedError(
                f"{error.message}; nothing was changed on {self.node.name}", unreached=True, hint=error.hint
            ) from error
        _check_applied(self.node, ran)

    def prove(self, want: Expectation) -> Proof:
        """Wait until the new server is proved. Raises _UnprovedError, CancelledError, NodeError."""
        seen = _wait_for_proof(self.node, want, self.limit, self.terms, self.progress)
        if isinstance(seen, NotProved):
            raise _UnprovedError(seen)
        return seen

    def confirm(self, result: str) -> None:
        """Disarm the watchdog and keep the change. Raises ChangeError where the watchdog was first, NodeError."""
        plan, run = self.plan, self.run
        names = [b.name for b in backups.backups_of(self.state.observed)]
        entry: dict[str, Any] = {
            "action": plan.action,
            "run": run.id,
            "result": result,
            "by": self.terms.by,
            "backup": run.backup,
            "flags": dict(plan.pod.flags),
            **self._noted_group(),
            "files": {c.path: (sha256(c.after) if isinstance(c, WriteFile) else "absent") for c in plan.files},
        }
        surplus = backups.prune([*names, run.backup], self.terms.keep)
        ran = self.node.sh(confirm_script(plan, run, entry=entry, prune=surplus), timeout=60)
        found = dict(frames(ran.out)) if ran.out else {}
        if "late" in found:
            raise ChangeError(
                f"{self.node.name}: the proof came too late; the watchdog had already restored the old state",
                hint="run again with a longer --timeout",
            )
        if "confirmed" not in found:
            said = ran.err.decode("utf-8", "replace").strip()
            raise LostError(f"{self.node.name}: the change could not be confirmed: {said}")

    def _noted_group(self) -> dict[str, Any]:
        plan, state = self.plan, self.state
        return {"log_group": plan.log_group.as_data()} if plan.log_group or state.log_group else {}

    # --- the way back

    def take_back(self, failure: Exception) -> KauditError:
        """Undo, and the error that says what the node is like now."""
        why, details = _reason(failure)
        why = why.removeprefix(f"{self.node.name}: ")
        self.progress("restoring the old state")
        try:
            undone = _Undone.parse(self._send_undo())
        except (NodeError, CancelledError) as error:
            left = "it was left immediately" if isinstance(error, CancelledError) else str(error)
            return PendingError(
                f"{self.node.name}: {why}; and then {left}",
                hint=f"while the node runs, its watchdog restores the old state within "
                f"{self.limit + _WATCHDOG_SLACK_S} s; "
                "when it answers again, see `kaudit-setup status` and run the same command again",
                details=details,
            )
        if undone.locked_by:
            # the change hangs on the node: it was called off, and finds that before its next step
            return PendingError(
                f"{self.node.name}: {why}; it could not be undone yet: {undone.locked_by}",
                hint="it was called off: if it goes on, it restores the old state; if it ends, its watchdog does; "
                "`kaudit-setup recover` says when that is done",
                details=details,
            )
        if not undone.complete:
            return self._needs_person(f"{why}; and not everything could be restored", details)
        if undone.foreign:
            details += f"\n{', '.join(undone.foreign)} was changed by somebody else meanwhile and was not touched"
        kind = StoppedError if isinstance(failure, CancelledError) else ChangeError
        return self._old_server(undone, kind, why, details)

    def _send_undo(self) -> Ran:
        """Raises CancelledError where it is to be left; what was sent is done on the node all the same."""
        text, cancellation = undo_script(self.plan, self.run), self.terms.cancellation
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                with cancellation.ends(Level.LEAVE, self.node.close):
                    return self.node.sh(text, timeout=120)
            except NodeError:
                if time.monotonic() >= deadline:
                    raise
                cancellation.sleep(1, Level.LEAVE)

    def _old_server(self, undone: _Undone, kind: type[KauditError], why: str, details: str) -> KauditError:
        """Wait for the server of the old manifest; the error that says whether it answers."""
        name = self.node.name
        healthy: Proof | NotProved | None = None
        try:
            if self.state.observed.servers:
                back = expect(no_change("undo", self.state), self.state, "none")
                old = undone.started_since(self.state)
                back = replace(back, log="", probe=None, old=old, settle=3, crashes=False)
                terms = replace(self.terms, heeds=Level.LEAVE)
                healthy = _wait_for_proof(self.node, back, self.limit, terms, self.progress)
        except CancelledError:
            said, hint = "the old files are restored; its API server was not waited for", "see `kaudit-setup status`"
            return StoppedError(f"{name}: {why}; {said}", hint=hint, details=details)
        except NodeError as error:
            return kind(f"{name}: {why}; the old files are restored", hint=error.message, details=details)
        if isinstance(healthy, NotProved):
            late = f"the old files are restored, but {phase_words(healthy.phase)} took too long"
            return self._needs_person(f"{why}; {late}", details)
        return kind(f"{name}: {why}; the old state is restored and the API server answers", details=details)

    def _needs_person(self, why: str, details: str) -> BrokenError:
        """Says exactly what to type on the node."""
        files = [(n, change.path, change.before.kind == "file") for n, change in enumerate(self.plan.files)]
        typed = commands(self.run.backup, files)
        return BrokenError(
            f"{self.node.name}: {why}",
            hint=f"on the node, as root: `{typed}`; then see why with `crictl ps -a --name kube-apiserver` and "
            "`journalctl -u kubelet`",
            details=details,
        )


def _check_applied(node: Node, ran: Ran) -> None:
    """Nothing if the steps were done; else raises the error that says what state the node is in."""
    found = dict(frames(ran.out)) if ran.out else {}
    if ran.code == 0 and "applied" in found:
        return
    reason = found.get("error", ran.err.strip() or b"the node did not say why").decode("utf-8", "replace")
    if ran.code == 13 or found.get("undone") == b"no":
        raise BrokenError(
            f"{node.name}: {reason}; and not everything could be restored",
            hint=f"see `kaudit-setup backups list`; the old files are whole below {BACKUPS}",
        )
    hint = {
        10: "look at what changed and run the command again",
        11: "wait for it, or see `kaudit-setup status`; `kaudit-setup recover` clears what a dead run left",
        12: "make room there, or make it writable, and run the command again",
    }
    raise UntouchedError(f"{node.name}: {reason}; nothing was changed", hint=hint.get(ran.code, ""))


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
        found = list(frames(ran.out)) if ran.out else []
        pairs = [value.split() for key, value in found if key == "server"]
        return cls(
            ("outcome", b"undone") in found,
            tuple(value.decode("utf-8", "replace") for key, value in found if key == "foreign"),
            tuple((int(pair[0]), int(pair[1])) for pair in pairs if len(pair) == 2 and all(map(_is_number, pair))),
            ("late", b"yes") in found,
            dict(found).get("error", b"").decode("utf-8", "replace") if ran.code == _LOCKED else "",
        )

    def started_since(self, state: NodeState) -> tuple[Process, ...]:
        """The servers that ran before the undo and have to end: those with the failed settings."""
        if self.watchdog_first:
            # what runs by now may well be the old state already
            return ()
        kept = {(p.pid, p.start) for p in state.observed.servers}
        return tuple(Process(pid, start, ()) for pid, start in self.servers if (pid, start) not in kept)


def _is_number(word: bytes) -> bool:
    return word.isdigit() and len(word) < 20


def _reason(failure: Exception) -> tuple[str, str]:
    """Why a change is taken back, and lines of evidence."""
    if isinstance(failure, _UnprovedError):
        return why_not_proved(failure.seen), telling_lines(failure.seen.server_log)
    return ("interrupted" if isinstance(failure, CancelledError) else str(failure)), ""
