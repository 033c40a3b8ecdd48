"""Frames carry any bytes, whole or in pieces."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaudit_setup.errors import NodeError
from kaudit_setup.node.frames import Frames, frames
from kaudit_setup.node.observe import parse

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
    with pytest.raises(NodeError, match="not in frames"):
        list(frames(b"Welcome to cp1\n"))
    with pytest.raises(NodeError, match="cut short"):
        list(frames(wire([("a", b"xyz")])[:-1]))


@pytest.mark.parametrize(
    "data",
    [b"key 9999999999999\nx", b"key " + b"9" * 5000 + b"\nx", "key \u0663\nx".encode(), b"x" * 10_000, b" 3\nabc\n"],
)
def test_a_head_that_is_out_of_bounds_is_refused(data: bytes) -> None:
    """An answer is a stranger's: no number is too large to be read, no line is waited for without an end."""
    with pytest.raises(NodeError, match="not in frames"):
        Frames().feed(data)


@given(
    st.lists(st.tuples(st.sampled_from(["uid", "time", "log.stat", "run.id", "backup", "server.pid"]), st.binary()))
)
def test_whatever_a_node_says_is_a_node_error_or_a_value(found: list[tuple[str, bytes]]) -> None:
    with contextlib.suppress(NodeError):
        parse(found)
