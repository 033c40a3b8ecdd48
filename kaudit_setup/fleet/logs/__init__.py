"""Logs that lie on nodes: of which clusters they are, and which API servers write none."""
