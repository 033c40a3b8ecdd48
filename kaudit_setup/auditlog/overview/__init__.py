"""A whole log at a glance: events over time, what deserves a look, whom and what it saw for the first time."""
