"""A plan carried out on one node: done, proved and kept, or taken back."""

from __future__ import annotations

import secrets
import time

from kaudit_setup.change import backup as backups
from kaudit_setup.change.cancel import CancelledError
from kaudit_setup.change.expectation import expect
from kaudit_setup.change.folders import run_folder
from kaudit_setup.change.nodestate import NodeState
from kaudit_setup.change.plan import Plan
from kaudit_setup.change.run.attempt import Attempt
from kaudit_setup.change.run.proof import UnprovedError, new_mark
from kaudit_setup.change.run.terms import Outcome, Progress, Terms
from kaudit_setup.change.run.undo import take_back
from kaudit_setup.change.script import Run
from kaudit_setup.errors import NodeError
from kaudit_setup.node.observe import Observed
from kaudit_setup.node.port import Node
from kaudit_setup.values import replace


def enact(node: Node, plan: Plan, state: NodeState, terms: Terms, progress: Progress) -> Outcome:
    """Do it, prove it, keep it; or put the node back and say why.

    Raises UntouchedError (nothing was even begun), ChangeError (everything is back as it was), BrokenError (a person
    is needed), PendingError (left to the watchdog on the node), StoppedError (interrupted; the old files are back).
    """
    began = time.monotonic()
    attempt = Attempt(node, plan, state, terms, progress, _new_run(state.observed))
    want = expect(plan, state, new_mark(), run=run_folder(attempt.run.id)) if terms.prove else None
    try:
        outcome = attempt.carry_out(want)
    except (NodeError, CancelledError, UnprovedError) as failure:
        raise take_back(attempt, failure) from failure
    return replace(outcome, seconds=time.monotonic() - began)


def _new_run(observed: Observed) -> Run:
    run = secrets.token_hex(8)
    name = backups.name_of(observed, run)
    return Run(run, name, static_dir=observed.static_dir, same_device=observed.static_same_device)
