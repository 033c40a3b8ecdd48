"""Configurations of log shippers for the audit log that is on a node."""
