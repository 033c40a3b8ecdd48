"""Why nobody is named: what was only tried, what the policy left out, what the log does not cover."""
