"""An archive of Parquet: its parts, their indexes and counts, and the records that say what is in it.

    batches/<first>_<last>_<id>.json            what one commit brought; written last
    cluster=<name>/day=<date>/<id>-<n>.lines.parquet   lines of one day, ordered by object and user
    cluster=<name>/day=<date>/<id>-<n>.index           in which blocks of them each word stands (index.py)
    cluster=<name>/day=<date>/<id>-<n>.counts          its events, summed up (counts.py)

A block is a row group of the lines: a few megabytes of them, with a number that no other block has.
"""
