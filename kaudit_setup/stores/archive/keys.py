"""The keys of many lines at a time, as `tokens.keys_of` finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaudit_setup.stores.archive.index import Keys
from kaudit_setup.stores.tokens import (
    HOUR_BYTES,
    STAMP,
    STAMP_BYTES,
    UUID,
    UUID_BYTES,
    UUID_KEPT,
    keys_of,
)

if TYPE_CHECKING:
    import pyarrow as pa


def keys_of_lines(lines: pa.BinaryArray) -> Keys:
    """The keys of some lines."""
    import pyarrow.compute as pc

    # of the pieces between quotation marks half are a colon, and few lines have a piece that no other one has
    pieces = pc.unique(pc.split_pattern(lines, '":"').flatten())
    # but for a UID and moments of its own; they are cut here, where that is quick
    with_uid, pieces = _beginning(pieces, UUID)
    with_stamp, pieces = _beginning(pieces, STAMP)
    words = keys_of(pieces.to_pylist())
    words.update(pc.unique(pc.binary_slice(with_stamp, 0, HOUR_BYTES)).to_pylist())
    for some, size in ((with_uid, UUID_BYTES), (with_stamp, STAMP_BYTES)):
        words |= keys_of(pc.unique(pc.binary_replace_slice(some, 0, size, b"")).to_pylist())
    return Keys(words, pc.binary_slice(with_uid, 0, UUID_KEPT).to_pylist())


def _beginning(pieces: pa.BinaryArray, pattern: str) -> tuple[pa.BinaryArray, pa.BinaryArray]:
    """The pieces that begin with the pattern, up to a quotation mark or the end, and the others."""
    import pyarrow.compute as pc

    fits = pc.match_substring_regex(pieces, f'^{pattern}("|$)')
    return pieces.filter(fits), pieces.filter(pc.invert(fits))
