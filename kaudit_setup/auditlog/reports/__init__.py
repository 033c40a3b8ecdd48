"""What a whole audit log adds up to: what fills it, what it covers, what another policy would write."""
