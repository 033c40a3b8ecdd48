"""Logs inside archives: tar (must-gather, `kubectl cp`, also compressed) and zip (what cloud portals download).

`tarred` and `zipped` give the files in an archive as streams, in constant memory; `extraction` keeps those that are
logs in a private folder while they are asked about. The names in an archive are a stranger's: they are shown, and
never used to open anything.
"""
