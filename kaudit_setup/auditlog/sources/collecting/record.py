"""What was collected, as a value: which files of which node are here, and what they are called."""

from __future__ import annotations

import re

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """One collected file: `file` below the folder, `path` and `inode` on the node (0: not there any more), `size`
    bytes, `sha256` in hex.
    """

    node: str
    file: str
    path: str
    inode: int
    size: int
    sha256: str

    @property
    def folder(self) -> str:
        """The first part of `file`: the folder of the node."""
        return self.file.partition("/")[0]


class Listed(msgspec.Struct, frozen=True):
    """A file that a node has now."""

    path: str
    inode: int
    size: int

    @property
    def written(self) -> str:
        r"""`path` as the manifest and names here can hold it: a byte that is not UTF-8 as `\xff`."""
        return self.path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class Record(msgspec.Struct, frozen=True):
    """Every file that was collected, by its name."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def parse(cls, manifest: bytes) -> Record:
        """Raises msgspec.MsgspecError, UnicodeDecodeError, RecursionError."""
        return cls(tuple(msgspec.json.decode(manifest, type=list[Entry])))

    def manifest(self) -> bytes:
        """The text of manifest.json."""
        return msgspec.json.format(msgspec.json.encode(self.entries)) + b"\n"

    def sums(self) -> bytes:
        """The text of SHA256SUMS."""
        return "".join(f"{e.sha256}  {e.file}\n" for e in self.entries).encode("utf-8", "surrogateescape")

    def of(self, node: str) -> list[Entry]:
        """The files of one node."""
        return [e for e in self.entries if e.node == node]

    def at(self, file: str) -> Entry | None:
        """The file of that name below the folder."""
        return next((e for e in self.entries if e.file == file), None)

    def replace(self, old: Entry | None, new: Entry | None) -> Record:
        """With `new` in the place of `old`, and of whatever is recorded under its name."""
        others = [e for e in self.entries if e is not old and not (new and e.file == new.file)]
        return Record(tuple(sorted([*others, new] if new else others, key=lambda e: e.file)))

    def folder(self, node: str) -> str:
        """The folder of a node: its own of earlier times, or its name, as far as a folder may be called so."""
        if mine := self.of(node):
            return mine[0].folder
        name = re.sub(r"[^\w.-]|^\.+", "_", node) or "node"
        others = {e.folder for e in self.entries}
        # `cp1:2222` and `cp1_2222` are two nodes
        numbers = (f"{name}-{number}" for number in range(2, len(others) + 3))
        return next(own for own in (name, *numbers) if own not in others)

    def name(self, node: str, folder: str, one: Listed) -> str:
        """What `one` is called in the `folder` of its node: two logs of different folders may have the same name."""
        there, _, name = one.written.rpartition("/")
        mine = [e for e in self.of(node) if e.inode != one.inode]
        elsewhere = {e.file for e in mine if e.path.rpartition("/")[0] != there}
        return f"{there.rpartition('/')[2]}-{name}" if f"{folder}/{name}" in elsewhere else name
