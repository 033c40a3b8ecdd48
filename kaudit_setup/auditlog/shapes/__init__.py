"""The forms in which people and log shippers keep audit logs, and how each is read.

`recognition/detect` looks at how a file begins and gives a `Reading`, or nothing for JSON lines and for what is not
an audit log. A reading is a layout (`lines`, `containers`, `documents`, `rows`, `journal`: how bytes are cut into
texts, each with its line) and steps (`steps`, `mapped`: text → the JSON of its event; `record_steps` finds those of
a record). `convert` runs a file through it, block by block, so that all who read audit logs see JSON lines, each
with the line of the file that it is from. `search_terms` says what is searched for before a file is taken apart,
`frames` in which lines that is enough. `odd_lines` reads the lines that are in another shape than their file
(`recognition/line_kinds`). `origins` tells who wrote a line: what was not kube-apiserver is left out.
`recognition/names` tells what cannot be read, `recognition/not_a_log` what people give instead of a log.

To read another shape, add a row to `DETECTORS` of `recognition/detect`: a function that takes the beginning of a
file and gives a `Reading`, made of a layout and of steps that exist, or of new ones.
"""
