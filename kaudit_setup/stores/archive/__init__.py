"""An archive of Parquet: its parts, the index of their words, and the records that say what is in it.

    batches/<first>_<last>_<id>.json            what one commit brought; written last
    cluster=<name>/day=<date>/<id>-<n>.lines.parquet   lines of one day, ordered by object and user
    cluster=<name>/day=<date>/<id>-<n>.words.parquet   in which blocks of them each word stands

A block is a row group of the lines: a few megabytes of them, with a number that no other block has.
"""
