"""The `Node` port, its adapters, and the POSIX sh scripts that run on nodes.

`port` is all that others know of a node: run a script. `local` and `ssh` are the ways to one. `shell` loads the
scripts of `scripts/`, `frames` reads what they answer. `observe` is the one read-only script that says what a node
is like; `cluster`, `requests` and `objects` ask its API server.
"""
