"""What logs cover, as it is reported: the time and its gaps, damage, and lines that are not audit events."""
