"""Reads audit logs: files and rotation, events, search, filters, sources, reports. Knows nothing of attribution."""
