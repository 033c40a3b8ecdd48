"""New events as they are written: what is new in the files of a log is read again and again, wherever they are.

`positions` decides from a list of files and from how far each was read what to read next: through rotations,
compression and truncation, nothing twice and nothing left out. `polling` lists and reads files here or on a node.
`stream` follows several logs at once and gives the rows that fit a filter.
"""
