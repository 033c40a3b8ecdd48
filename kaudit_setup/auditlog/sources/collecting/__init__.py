"""Logs fetched from nodes into a folder: a manifest of SHA-256 sums, and only what is missing is fetched again.

Layout: `DIR/<node>/<file>`, `DIR/manifest.json` (what came from where), `DIR/SHA256SUMS` (for `sha256sum -c`).
A file is the same file if its inode is and it begins with what is here: a rotated log is renamed here too, not
fetched twice. The node's own sum of what was fetched has the last word. What is here gives way only to a file that
begins with it: a log that the node has deleted since then is kept under the name of a rotated one, where other
commands read it. A copy that is not what the manifest says any more is evidence, too: its recorded sum tells whether
the node still has what it was, and then it is kept beside the new one, under a name that no command reads as a log.

`record` is what is known of the copies, a value; `folder` keeps it and the files on the disk; `copies` decides what
becomes of the copies of one node; `collect` asks the nodes.
"""
