"""Reads audit logs: files and rotation, events, search, filters, sources, reports. Knows nothing of attribution.

From a path to events, each step a module:

1. `find` lists the files of a log, rotated ones too (`file_names`, `files`), and opens `archives`. `sources` says
   where else logs may be: on nodes that search for themselves.
2. `reader` makes blocks of whole lines of a file (`block`): unpacked (`unpacking`), brought into JSON lines where it
   is in another shape (`shapes`). All readers count what they meet in a `scan_statistics.Tally`, of which `coverage`
   says what time a log covers and what could not be read.
3. `search` finds the lines that hold a literal (`literals`, `prefilter`) before anything is decoded. `decode` makes
   an `event` of a line, with the `fields` that a question needs. `filters` are what a user may ask for.
4. `scanning` does this with all cores. `query` gives the events that match, one for each request; `follow` those
   that are being written; `reports` and `overview` count.
"""
