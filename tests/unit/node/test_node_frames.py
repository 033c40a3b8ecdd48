"""Frames carry any bytes, whole or in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaudit_setup.errors import NodeError
from kaudit_setup.node.frames import Frames, frames

pairs = st.lists(st.tuples(st.from_regex(r"[a-z.]{1,12}", fullmatch=True), st.binary(max_size=60)), max_size=8)


def wire(items: list[tuple[str, bytes]]) -> bytes:
    return b"".join(f"{key} {len(value)}\n".encode() + value + b"\n" for key, value in items)


@given(pairs, st.integers(min_value=1, max_value=9))
def test_what_was_sent_is_read_whatever_the_chunks(items: list[tuple[str, bytes]], size: int) -> None:
    data = wire(items)
    assert list(frames(data)) == items
    splitter = Frames()
    got = [frame for i in range(0, len(data), size) for frame in splitter.feed(data[i : i + size])]
    assert got == items
    assert splitter.rest == b""


def test_noise_and_a_cut_are_errors() -> None:
    with pytest.raises(NodeError, match="no frame"):
        list(frames(b"Welcome to cp1\n"))
    with pytest.raises(NodeError, match="cut short"):
        list(frames(wire([("a", b"xyz")])[:-1]))
