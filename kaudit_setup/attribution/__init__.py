"""Who did it, from audit logs: `ask(EventLog(logs), Question(...))` gives an `Answer` with its evidence."""

from kaudit_setup.attribution.answer import Answer, Question, Verb, as_json, with_notes
from kaudit_setup.attribution.engine import ask
from kaudit_setup.attribution.evidence.lines import EventLog
from kaudit_setup.attribution.sentence import sentence, steps
from kaudit_setup.attribution.user_activity import ask_user

__all__ = ["Answer", "EventLog", "Question", "Verb", "as_json", "ask", "ask_user", "sentence", "steps", "with_notes"]
