"""Where audit logs are: files on this machine, or nodes that search for themselves.

Questions are put to a `LogSource` (port.py). `local.LocalLogs` is files here, searched with all cores;
`nodes.RemoteLogs` is several machines, each of which searches for itself, so that only lines that may fit cross the
network.

To add a source, give it the four methods of `LogSource`:

- `candidates` yields the lines that may be meant, as `search.Hit`. It may let too much through, never too little: who
  asks looks at each line again. A source that cannot search yields every line of the window.
- `numbered`, if it does not know the line numbers while it searches; `damaged` counts a line that could not be read.
- `coverage` tells what was read: the time covered, gaps, damage. An answer without it would pass for a whole one.

That is all that `who` and `events` need. `top`, `stats` and `estimate` count every line and read files here: such a
source brings its lines into a temporary folder and gives `LocalLogs` of them, as fetch.py does for nodes (a `LogFile`
keeps the path that people see in `path`, and the copy in `copy`). Open it in `cli/options/logs.py`.
"""
