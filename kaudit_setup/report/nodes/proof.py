"""What `verify` found on one node, as text for people and as typed data for programs."""

from __future__ import annotations

import json
from typing import Literal, TypeAlias

from kaudit_setup.change.diagnose import meaning, phase_words
from kaudit_setup.change.verify import NotProved, Proof
from kaudit_setup.report.documents.document import Item, Json, Words
from kaudit_setup.report.escape import safe
from kaudit_setup.report.wrap import fitted

Answer = Proof | NotProved | None
"""None where auditing is off, or writes no log."""


def is_proved(seen: Answer) -> bool:
    """Whether the marked request was found in the audit log."""
    return isinstance(seen, Proof) and bool(seen.event)


def as_text(name: str, seen: Answer) -> str:
    """The event, or why there is none."""
    if isinstance(seen, Proof) and seen.event:
        event = safe(seen.event.decode("utf-8", "replace"))
        return f"{safe(name)}: proved, the marked request is in the audit log\n  {event}"
    return fitted(f"{safe(name)}: not proved: {safe(_reason(seen))}")


Reason: TypeAlias = Literal["proved", "off", "unloggable", "timeout", "crash", "webhook", "invalidEvent"]
_FAILURES: dict[str, Reason] = {"crash": "crash", "webhook": "webhook", "event": "invalidEvent"}


class NodeProof(Item, frozen=True, kw_only=True):
    """Whether the marked request was found, and if not why: `off` (no policy or no log), `unloggable` (the policy
    logs no harmless request), or what happened in `phase`. `event`: the event as it was logged.
    """

    host: str
    proved: bool
    reason: Reason
    phase: str | None
    message: Words
    event: Json | None


def as_item(name: str, seen: Answer) -> NodeProof:
    """The same for programs."""
    return NodeProof(
        host=name,
        proved=is_proved(seen),
        reason=_reason_code(seen),
        phase=seen.phase if isinstance(seen, NotProved) else None,
        message=_reason(seen),
        event=logged_event(seen) if isinstance(seen, Proof) else None,
    )


def logged_event(proof: Proof | None) -> Json | None:
    """The marked event of a proof as an object, None if there is none."""
    if proof is None or not proof.event:
        return None
    found = json.loads(proof.event.decode("utf-8", "replace"))
    return found if isinstance(found, dict) else None


def _reason_code(seen: Answer) -> Reason:
    if seen is None:
        return "off"
    if isinstance(seen, NotProved):
        return _FAILURES.get(seen.reason, "timeout")
    return "proved" if seen.event else "unloggable"


def _reason(seen: Answer) -> str:
    if seen is None:
        return "auditing is off, or it has no policy or no log"
    if isinstance(seen, NotProved):
        known = meaning(seen.server_log)
        return f"timed out waiting for {phase_words(seen.phase, restarts=False)}" + (f": {known}" if known else "")
    return "" if seen.event else "this policy logs no harmless request, so no event could be looked for"
