"""A policy file as kube-apiserver reads it: accepted or refused."""

from kaudit_setup.policy.load.policy_file import MAX_BYTES, Loaded, lines, load, refusal

__all__ = ["MAX_BYTES", "Loaded", "lines", "load", "refusal"]
