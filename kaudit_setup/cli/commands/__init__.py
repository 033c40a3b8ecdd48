"""One module for each command: its options, its help, and in which order the rooms are asked."""
