"""Proving that the server which a manifest asks for runs and writes its log, on connections that may break."""

from __future__ import annotations

import secrets
import time

from kaudit_setup.change.cancel import CancelledError
from kaudit_setup.change.diagnose import phase_words, telling_lines, why_not_proved
from kaudit_setup.change.expectation import Expectation, expect
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.plan import no_change
from kaudit_setup.change.run.terms import Outcome, Progress, Terms
from kaudit_setup.change.verify import NotProved, Proof, verify
from kaudit_setup.errors import (
    AuthError,
    ChangeError,
    HostKeyError,
    LostError,
    NodeError,
    ScriptError,
    StoppedError,
)
from kaudit_setup.node.observe import Process
from kaudit_setup.node.port import Node
from kaudit_setup.values import replace

NO_LIVING_NODE = "nothing was proved: this is a folder, not a living node"


def prove_unchanged(node: Node, state: NodeState, terms: Terms, progress: Progress) -> Outcome:
    """The settings are in place already: prove that they work. Raises ChangeError where they do not, StoppedError."""
    began = time.monotonic()
    if not terms.prove:
        return Outcome(None, None, note=NO_LIVING_NODE)
    want = expect(no_change("verify", state), state, new_mark())
    try:
        seen = wait_for_proof(node, want, terms.timeout, terms, progress)
    except CancelledError as cancelled:
        raise StoppedError(f"{node.name}: interrupted; nothing was changed") from cancelled
    if isinstance(seen, NotProved):
        raise ChangeError(
            f"{node.name}: the settings are in place, but {why_not_proved(seen)}; nothing was changed",
            hint="see `kaudit-setup status`",
            details=telling_lines(seen.server_log),
        )
    return Outcome(None, seen, note=open_questions(want, seen), seconds=time.monotonic() - began)


def probe_now(node: Node, state: NodeState, *, limit: int) -> Proof | NotProved | None:
    """Send a marked request to the server as it runs; None where auditing is off or writes no log."""
    want = expect(no_change("verify", state), state, new_mark())
    return wait_for_proof(node, want, limit, Terms(), lambda _what: None) if want.log else None


def wait_for_manifest(
    node: Node, state: NodeState, terms: Terms, progress: Progress, old: tuple[Process, ...] = ()
) -> Proof | NotProved:
    """Wait, at most `terms.timeout` seconds, until the server that the manifest asks for runs and answers.

    `old`: servers that do not count. No event is looked for. Raises what `Node.sh` raises, and CancelledError.
    """
    want = expect(no_change("recover", state), state, "none")
    want = replace(want, log="", probe=None, hook="", old=old, settle=3, crashes=False)
    return wait_for_proof(node, want, terms.timeout, terms, progress)


def new_mark() -> str:
    """A unique name for a marked request, by which its event is found in the log."""
    return f"kaudit-probe-{secrets.token_hex(8)}"


def open_questions(want: Expectation, proof: Proof | None = None) -> str:
    """What the proof leaves open, and what held it up; empty if nothing."""
    said = [want.unproved] if want.unproved else []
    if want.hook and proof and proof.hook != "taken":
        said = ["the server has sent no event to the webhook's receiver yet, so that only the receiver can tell"]
    if proof and proof.held:
        said.append(f"kubelet held the server back for {proof.held} s, because it was started several times before")
    return "; ".join(said)


def wait_for_proof(node: Node, want: Expectation, limit: int, terms: Terms, progress: Progress) -> Proof | NotProved:
    """`verify`, begun again on a new connection when the old one breaks, until the time is up.

    Raises CancelledError; LostError, ScriptError, HostKeyError or AuthError where the node does not answer.
    """
    deadline = time.monotonic() + limit
    want = replace(want, restart_kubelet=terms.restart_kubelet)

    def say(phase: str) -> None:
        progress(f"waiting for {phase_words(phase, restarts=bool(want.old))}")

    while True:
        try:
            with terms.cancellation.ends(terms.stops_at, node.close):
                return verify(node, want, limit=max(1, int(deadline - time.monotonic())), progress=say)
        except (ScriptError, HostKeyError, AuthError):
            raise
        except NodeError as error:
            if time.monotonic() >= deadline - 2:
                raise LostError(error.message, hint=error.hint) from error
            progress(f"the connection broke; connecting again, for {limit} s at most")
            terms.cancellation.sleep(1, terms.stops_at)


class UnprovedError(Exception):
    """A change that was not proved, on its way to whoever takes it back."""

    def __init__(self, seen: NotProved) -> None:
        super().__init__(seen.reason)
        self.seen = seen
