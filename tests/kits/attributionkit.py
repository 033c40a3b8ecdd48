"""What the tests of `attribution` take from it, and where that stands: the one place to change when it moves."""

from kaudit_setup.attribution.answer import Answer, Question, Verb, with_notes
from kaudit_setup.attribution.engine import ask
from kaudit_setup.attribution.evidence.lines import EventLog
from kaudit_setup.attribution.evidence.requests import Request
from kaudit_setup.attribution.evidence.search import Search

__all__ = ["Answer", "EventLog", "Question", "Request", "Search", "Verb", "ask", "with_notes"]
