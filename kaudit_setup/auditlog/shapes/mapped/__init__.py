"""Records that are no audit events, and what they say as one."""
