"""What a log written under a policy can answer."""

from kaudit_setup.policy.questions.answers import Answer, Decider, Verdict, answers

__all__ = ["Answer", "Decider", "Verdict", "answers"]
