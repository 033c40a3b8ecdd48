"""Tables fit the width there is, and no word is broken."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from kaudit_setup.report.columns import columns
from kaudit_setup.report.presentation import Presentation, presenting

HEAD = ("NAME", "USER", "EVENTS")
ROWS = [
    ("coredns-7c65d6cfc9-4xk2m", "system:serviceaccount:kube-system:replicaset-controller", "12"),
    ("データベース", "ann", "3"),
    ("cafe\u0301", "bob smith of the platform team", "100"),
]


def shown(monkeypatch: pytest.MonkeyPatch, wide: int | None) -> list[str]:
    if wide is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", str(wide))
    return list(columns(HEAD, ROWS, frozenset({2})))


@pytest.mark.parametrize("wide", [200, 120, 80, 60, 40])
def test_it_fits_and_words_stay_whole(monkeypatch: pytest.MonkeyPatch, wide: int) -> None:
    lines = shown(monkeypatch, wide)
    assert max(map(cell_len, lines)) <= wide
    text = "\n".join(lines)
    for word in ("coredns-7c65d6cfc9-4xk2m", "serviceaccount:", "replicaset-controller", "データベース", "platform"):
        assert word in text


def test_wide_and_combining_characters_are_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 200)
    assert len({cell_len(line) for line in lines}) == 1, "the last column is aligned to the right"


def test_a_pipe_gets_each_row_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(shown(monkeypatch, None)) == 1 + len(ROWS)


def test_what_is_too_narrow_for_a_table_becomes_records(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 32)
    assert lines[0] == "NAME    coredns-7c65d6cfc9-4xk2m"
    assert lines.count("") == len(ROWS)


def test_without_headings(monkeypatch: pytest.MonkeyPatch) -> None:
    with presenting(Presentation(headers=False)):
        assert shown(monkeypatch, None)[0].startswith("coredns")
