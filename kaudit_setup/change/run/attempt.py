"""One plan on its way to one node, step by step: back up and write, prove, confirm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kaudit_setup.change import backup as backups
from kaudit_setup.change.expectation import Expectation
from kaudit_setup.change.folders import BACKUPS
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.plan import Plan, WriteFile, sha256
from kaudit_setup.change.run.proof import NO_LIVING_NODE, UnprovedError, open_questions, wait_for_proof
from kaudit_setup.change.run.terms import Outcome, Progress, Terms
from kaudit_setup.change.script import CHANGED, HALF_DONE, LOCKED, NOT_WRITABLE, Run, apply_script, confirm_script
from kaudit_setup.change.verify import NotProved, Proof
from kaudit_setup.errors import BrokenError, ChangeError, LostError, NodeError, UntouchedError
from kaudit_setup.node.frames import frames
from kaudit_setup.node.port import Node
from kaudit_setup.runner import Ran

# Time for what follows the proof (confirming) and for a connection that has to be made anew meanwhile.
_WATCHDOG_SLACK_S = 45
# How much later than its grace period an old server has ended at the latest.
_KILL_MARGIN_S = 10
# What to do where nothing was changed, by the script's exit status.
_FIXES = {
    CHANGED: "look at what changed and run the command again",
    LOCKED: "wait for it, or see `kaudit-setup status`; `kaudit-setup recover` clears what a dead run left",
    NOT_WRITABLE: "make room there, or make it writable, and run the command again",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One plan on its way to one node, step by step."""

    node: Node
    plan: Plan
    state: NodeState
    terms: Terms
    progress: Progress
    run: Run

    @property
    def proof_s(self) -> int:
        """Seconds for the proof, and for the old server to end: kubelet waits so long before it kills it.

        Source: pkg/kubelet/kuberuntime/kuberuntime_container.go:killContainer.
        """
        return self.terms.timeout + self.state.pod.grace_seconds + _KILL_MARGIN_S

    @property
    def watchdog_s(self) -> int:
        """Seconds after which the node's watchdog restores the old state by itself."""
        return self.proof_s + _WATCHDOG_SLACK_S

    def carry_out(self, want: Expectation | None) -> Outcome:
        """Every step in turn; raises what they raise. `want`: what is to be proved, None where there is no server."""
        self.apply()
        proof = self.prove(want) if want else None
        self.confirm("proved" if want and want.probe else "done")
        return Outcome(self.run.backup, proof, open_questions(want, proof) if want else NO_LIVING_NODE)

    def apply(self) -> None:
        """Back up, arm the watchdog, write. Raises UntouchedError, BrokenError, LostError."""
        terms = self.terms
        deadline = self.state.observed.uptime + self.watchdog_s
        text, payload = apply_script(
            self.plan,
            self.run,
            backup=backups.describe(
                self.plan, self.state, name=self.run.backup, by=terms.by, kubeadm_config=terms.kubeadm_config
            ),
            about={"action": self.plan.action, "by": terms.by, "deadline": deadline},
            watchdog_s=self.watchdog_s if terms.prove else None,
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
        """Wait until the new server is proved. Raises UnprovedError, CancelledError, NodeError."""
        seen = wait_for_proof(self.node, want, self.proof_s, self.terms, self.progress)
        if isinstance(seen, NotProved):
            raise UnprovedError(seen)
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


def _check_applied(node: Node, ran: Ran) -> None:
    """Nothing if the steps were done; else raises the error that says what state the node is in."""
    found = dict(frames(ran.out)) if ran.out else {}
    if ran.code == 0 and "applied" in found:
        return
    reason = found.get("error", ran.err.strip() or b"the node did not say why").decode("utf-8", "replace")
    if ran.code == HALF_DONE or found.get("undone") == b"no":
        raise BrokenError(
            f"{node.name}: {reason}; and not everything could be restored",
            hint=f"see `kaudit-setup backups list`; the old files are whole below {BACKUPS}",
        )
    raise UntouchedError(f"{node.name}: {reason}; nothing was changed", hint=_FIXES.get(ran.code, ""))
