"""What a policy could leave out of a log without losing an answer."""
