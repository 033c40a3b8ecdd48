"""Answers to questions about logs: who did it, many requests, what ran."""
