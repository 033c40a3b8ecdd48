"""What `verify` found on one node, as text for people and as plain data for programs."""

from __future__ import annotations

from typing import Any

from kaudit_setup.change.diagnose import meaning, phase_words
from kaudit_setup.change.verify import NotProved, Proof
from kaudit_setup.report.escape import safe

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
    return f"{safe(name)}: not proved: {safe(_reason(seen))}"


def as_data(name: str, seen: Answer) -> dict[str, Any]:
    """The same for `-o json`."""
    event = seen.event.decode("utf-8", "replace") if isinstance(seen, Proof) else ""
    return {"host": name, "proved": is_proved(seen), "reason": _reason(seen), "event": event}


def _reason(seen: Answer) -> str:
    if seen is None:
        return "auditing is off, or it has no policy or no log"
    if isinstance(seen, NotProved):
        known = meaning(seen.server_log)
        return f"timed out waiting for {phase_words(seen.phase)}" + (f": {known}" if known else "")
    return "" if seen.event else "this policy logs no harmless request, so no event could be looked for"
