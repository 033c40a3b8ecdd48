"""An archive as what `pack` writes to: parts as they become full, and at last the record that makes them count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from kaudit_setup.errors import StoreError
from kaudit_setup.stores.archive.archive import Archive, days_of
from kaudit_setup.stores.archive.coded import Coded
from kaudit_setup.stores.archive.kubelets import servers_in
from kaudit_setup.stores.archive.parts import PART_BYTES, PartWriter
from kaudit_setup.stores.archive.pieces import Shelf, behind, decode, encode, get_ready, numbered
from kaudit_setup.stores.pack import Commit, Data, Piece, printable
from kaudit_setup.stores.port import Place
from kaudit_setup.stores.records import RECORDS, Batch, Part, ServerSeen, Source
from kaudit_setup.stores.records import encode as encode_record
from kaudit_setup.stores.rows import Rows
from kaudit_setup.stores.schema import VERSION


class ArchiveTarget:
    """See `pack.Target`."""

    def __init__(self, place: Place, archive: Archive) -> None:
        """`archive`: what lies at `place`."""
        self._place = place
        self._archive = archive

    @property
    def name(self) -> str:
        """See `Target.name`."""
        return self._place.name

    def packed(self) -> Sequence[Source]:
        """See `Target.packed`."""
        return self._archive.sources()

    def begin(self, batch: str, cluster: str) -> Commit:
        """See `Target.begin`."""
        get_ready()
        return _Commit(self._place, batch, cluster)


class _Commit:
    """See `pack.Commit`."""

    def __init__(self, place: Place, batch: str, cluster: str) -> None:
        self._place = place
        self._batch = batch
        self._cluster = cluster
        self._temporary = TemporaryDirectory(prefix="kaudit-setup-pack-")
        self._folder = Path(self._temporary.name)
        self._shelf = Shelf(PART_BYTES)
        self._writer = PartWriter(batch, cluster, self._folder, self._shelf)
        self._waiting: list[Coded] = []
        self._columns = 0
        self._parts: list[Part] = []
        self._servers: set[ServerSeen] = set()
        self._recorded = False

    def encode(self, rows: Rows) -> Data:
        """See `Commit.encode`."""
        return encode(rows)

    def take(self, piece: Piece) -> None:
        """See `Commit.take`."""
        file = piece.file
        place = {
            "cluster": self._cluster,
            "node": printable(file.node),
            "file": printable(file.path),
            "source": piece.text,
        }
        lines, text = decode(piece.data, place)
        lines = numbered(lines, piece.before)
        if piece.before < piece.after:
            lines, text = behind(lines, text, piece.after)
        if not len(lines):
            return
        if not self._shelf.fits(text):
            self._flush()
        self._shelf.put(text)
        self._waiting.append(lines)
        self._servers |= servers_in(lines)
        self._columns += lines.nbytes
        if self._columns + self._shelf.used >= PART_BYTES:
            self._flush()

    def finish(self, sources: Sequence[Source]) -> None:
        """See `Commit.finish`."""
        self._flush()
        days = [day for source in sources for day in days_of(source)]
        name = f"{RECORDS}{min(days)}_{max(days)}_{self._batch}.json"
        record = self._folder / "record"
        servers = tuple(sorted(self._servers, key=lambda one: (one.user, one.agent, one.code)))
        record.write_bytes(encode_record(Batch(self._batch, VERSION, tuple(sources), tuple(self._parts), servers)))
        self._recorded = True
        self._place.put(name, record)
        self._shelf.close()
        self._temporary.cleanup()

    def give_up(self) -> None:
        """See `Commit.give_up`; what cannot be taken away counts for nothing without a record.

        Once the record was sent, it may be there although no answer came: then its parts must be, too.
        """
        self._temporary.cleanup()
        for part in () if self._recorded else self._parts:
            for name in part.objects:
                try:
                    self._place.remove(name)
                except StoreError:
                    return

    def _flush(self) -> None:
        if not self._waiting:
            return
        for part, files in self._writer.write(self._waiting):
            self._parts.append(part)
            for name, file in files.items():
                self._place.put(name, file)
                file.unlink()
        self._shelf.clear()
        self._columns = 0
