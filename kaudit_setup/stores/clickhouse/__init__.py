"""A table of ClickHouse with the columns of an archive, and a second table beside it with the records of batches.

A batch counts once its record is there, so lines of a batch that was interrupted are never seen.
"""
