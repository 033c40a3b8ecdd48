"""Answers who did it: a question and the requests of an audit log in, a chain of causes with its evidence out."""
