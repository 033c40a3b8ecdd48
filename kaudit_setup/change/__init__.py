"""Everything that alters one node: plan, backup, apply, verify, undo."""
