"""Which shape a file or a line has, by its bytes, and what those are called that cannot be read."""
