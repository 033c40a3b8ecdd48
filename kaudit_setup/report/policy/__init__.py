"""What the `policy` commands found, as text and as plain data for JSON; one module for each command."""
