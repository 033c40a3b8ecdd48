"""The index of an archive lets too much through, never too little."""

from __future__ import annotations

import json
import re
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaudit_setup.auditlog.literals import delimited, delimits, plainly
from kaudit_setup.errors import StoreError
from kaudit_setup.stores.archive.index import Entries, Index, Keys, encode
from kaudit_setup.stores.tokens import Words, begins, blocks_of, ends, has_inside, keys_of, tells

pa = pytest.importorskip("pyarrow")

_WORDS = "true tru null 12 - db-0 Z bfb839e22e85 f4e01012- a name é web-7d4b9c6f5-x2x9k"
_IDS = "2026-11-23T16:06:07.695005Z f4e01012-28cc-41a7-84ab-bfb839e22e85"
_LONG = ("x" * 60, "0a" * 40, "y" * 300)
PIECES = st.sampled_from(['"', ":", ",", "{", "}", " ", "\\", "/", *_LONG, *_WORDS.split(), *_IDS.split()])
LINES = st.lists(PIECES, max_size=14).map(lambda parts: "".join(parts).encode())


def indexed(lines: list[bytes]) -> Index:
    """The index of a part in which each line is a block, through its file."""
    from kaudit_setup.stores.archive.keys import keys_of_lines

    entries = Entries()
    for block, line in enumerate(lines):
        entries.add(block, keys_of_lines(pa.array([line], pa.binary())))
    return Index(BytesIO(encode(entries, len(lines))), "here")


@settings(deadline=None)
@given(LINES, LINES, LINES)
def test_what_a_literal_tells_is_so_in_every_line_that_holds_it(before: bytes, literal: bytes, after: bytes) -> None:
    keys = keys_of([before + literal + after])
    told = Words.in_line_with(literal)
    assert told.whole <= keys
    assert all(any(begins(key, begin) for key in keys) for begin in told.begun)
    assert all(any(ends(key, end) for key in keys) for end in told.ended)
    assert all(any(has_inside(key, part) for key in keys) for part in told.inside)


@settings(deadline=None)
@given(st.lists(LINES, min_size=1, max_size=12), st.integers(0, 11), st.integers(0, 80), st.integers(1, 40))
def test_the_block_of_a_line_that_holds_a_literal_is_found(
    lines: list[bytes], which: int, at: int, size: int
) -> None:
    literal = lines[which % len(lines)][at : at + size]
    if not literal:
        return
    found = blocks_of([plainly(literal)], indexed(lines).look_up)
    assert found is None or all(found >> block & 1 for block, line in enumerate(lines) if literal in line)


@settings(deadline=None)
@given(LINES)
def test_the_keys_of_lines_are_those_of_their_pieces(line: bytes) -> None:
    """What Arrow cuts quickly is what is cut here."""
    from kaudit_setup.stores.archive.keys import keys_of_lines

    found = keys_of_lines(pa.array([line, line + b"x"], pa.binary()))
    assert found.words | set(found.uids) == keys_of([line, line + b"x"])


def test_a_word_is_found_in_its_blocks_only_however_many_there_are() -> None:
    lines = [b'{"name":"pod-%d","uid":"%08x-0000-4000-8000-000000000000"}' % (n, n) for n in range(5000)]
    index = indexed(lines)
    for n in (0, 1, 77, 2048, 4999):
        for literal, most in (
            (b'"name":"pod-%d"' % n, 1),
            (b'"%08x-0000-4000-8000-000000000000"' % n, 1),
            (b'pod-%d"' % n, 1),
            (b"od-%d" % n, 1300),  # od-1, od-10, od-100
        ):
            found = blocks_of([plainly(literal)], index.look_up)
            assert found is not None
            assert found >> n & 1, literal
            assert found.bit_count() <= most, literal


@pytest.mark.parametrize("cut", [1, 20, 40])
def test_a_damaged_index_is_said(cut: int) -> None:
    entries = Entries()
    entries.add(0, Keys({b"pods", b'"pods'}, []))
    data = encode(entries, 1)
    for damaged in (data[:-cut], b"x" + data[1:], b""):
        with pytest.raises(StoreError, match="damaged"):
            Index(BytesIO(damaged), "here").look_up(Words.in_line_with(b'"pods"'))


def test_a_name_and_a_user_are_looked_up() -> None:
    for literal in (
        b'"namespace":"shop","name":"db-0"',
        b'"username":"alice"',
        b'db-0"',
        b"/shop/db-0",
        b"shop-0040",
        b"alice",
        b'"name":"web-',
    ):
        assert tells([plainly(literal)]), literal
    line = json.dumps({"name": "db-0", "n": 1, "user": "system:serviceaccount:ci:deployer"}).encode()
    assert {b"db-0", b'"db-0', b"deployer", b'"system:serviceaccount:ci:deployer'} <= keys_of([line])


def test_a_pattern_for_a_word_says_what_a_line_must_hold() -> None:
    for word in ("shop", "web-1", "a_b"):
        pattern = delimits(word)
        for spelt in delimited(pattern):
            assert re.search(pattern.encode(), b"{" + spelt + b"}"), spelt
        assert not re.search(pattern.encode(), b'{"x' + word.encode() + b'"}')
        assert re.search(pattern.encode(), b'{"cut')
    for text in ("a.b", "a|b", "", "a b"):
        assert delimits(text) == ""
        assert delimited(text) == ()
