"""What this tool leaves on a node: what broken runs left, and what stays after `disable`."""
