"""journald's export format: entries of fields, one a line, an empty line behind each entry.

A field that is not plain text has its name alone in a line, then its length (64 bits, little-endian), then its bytes,
which may be anything, also what looks like other fields and entries. Source: systemd, JOURNAL_EXPORT_FORMATS.md.

`layout` reads it block by block: by way of `usual` where all events of a block are kube-apiserver's and nothing else
is in it that looks like one, else entry by entry (`entries`).
"""
