"""One request explained: which rule decides, what is written, which rules came close."""

from kaudit_setup.policy.explain.explanation import Explanation, explain, lines_of

__all__ = ["Explanation", "explain", "lines_of"]
