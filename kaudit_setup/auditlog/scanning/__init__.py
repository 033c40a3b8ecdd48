"""All units of a log, read with all cores, and how far that is."""
