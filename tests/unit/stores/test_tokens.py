"""The index of an archive lets too much through, never too little."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from kaudit_setup.auditlog.literals import plainly
from kaudit_setup.stores.tokens import Words, begins, blocks_of, ends, keys_of, sets_for, wanted

_WORDS = "true tru null 12 - db-0 Z bfb839e22e85 f4e01012- a name é web-7d4b9c6f5-x2x9k"
_IDS = "2026-11-23T16:06:07.695005Z f4e01012-28cc-41a7-84ab-bfb839e22e85"
PIECES = st.sampled_from(['"', ":", ",", "{", "}", " ", "\\", "/", "x" * 60, *_WORDS.split(), *_IDS.split()])
LINES = st.lists(PIECES, max_size=14).map(lambda parts: "".join(parts).encode())


@settings(deadline=None)
@given(LINES, LINES, LINES)
def test_what_a_literal_tells_is_so_in_every_line_that_holds_it(before: bytes, literal: bytes, after: bytes) -> None:
    keys = keys_of(before + literal + after)
    told = Words.in_line_with(literal)
    assert told.whole <= keys
    assert all(any(begins(key, begin) for key in keys) for begin in told.begun)
    assert all(any(ends(key, end) for key in keys) for end in told.ended)


@settings(deadline=None)
@given(st.lists(LINES, min_size=1, max_size=5), st.integers(0, 4), st.integers(0, 80), st.integers(1, 40))
def test_the_block_of_a_line_that_holds_a_literal_is_found(
    lines: list[bytes], which: int, at: int, size: int
) -> None:
    literal = lines[which % len(lines)][at : at + size]
    if not literal:
        return
    holding: dict[bytes, set[int]] = {}
    for block, line in enumerate(lines):
        for key in keys_of(line):
            holding.setdefault(key, set()).add(block)
    found = blocks_of([plainly(literal)], lambda asked: _and(list(sets_for(asked, holding))))
    says = {block for block, line in enumerate(lines) if literal in line}
    assert found is None or says <= found


def _and(sets: list[set[int]]) -> frozenset[int] | None:
    return frozenset(set.intersection(*sets)) if sets else None


def test_a_name_and_a_user_are_looked_up() -> None:
    for literal in (
        b'"namespace":"shop","name":"db-0"',
        b'"username":"alice"',
        b'db-0"',
        b"/shop/db-0",
        b'"name":"web-',
    ):
        assert wanted([plainly(literal)]) is not None, literal
    line = json.dumps({"name": "db-0", "n": 1, "user": "system:serviceaccount:ci:deployer"}).encode()
    assert {b"db-0", b'"db-0', b"deployer", b'"system:serviceaccount:ci:deployer'} <= keys_of(line)
