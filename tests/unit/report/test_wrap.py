"""Sentences are folded between words; paths and commands stay whole, so that they can be pasted."""

from __future__ import annotations

import re

import pytest

from kaudit_setup.report.wrap import cells, fit, wrap

COMMAND = "`kaudit-setup rollback --host root@cp1.example.com --ssh-config /home/me/ssh_config`"
PATH = "/var/log/kubernetes/audit/audit-2026-11-23T16-30-00.000.log.gz"
LINES = [
    "foobar created it on 2026-11-23 16:17:36 UTC from 192.168.1.135 with kubectl v1.23.3, impersonated by admin.",
    f"  undo      {COMMAND} restores every file; a node on which the change is not proved is restored at once",
    f"  [1] node cp1, {PATH}:627, auditID f4e01012-28cc-41a7-84ab-bfb839e22e85, create 201",
    f"  - {PATH} is not on the node any more, and so nothing of it can be read: {COMMAND}",
    "  \x1b[31mFAIL \x1b[0m 1.2.16  The --audit-log-path argument is set: it is not on the command line",
    "hint: wait until it has ended, or end that process on the node, then run `kaudit-setup recover` again",
    "    鈴木一郎さんが作成しました 鈴木一郎さんが作成しました 鈴木一郎さんが作成しました 鈴木一郎さんが作成しました",
    "an unclosed ` backtick is a word like any other, and the line is folded all the same, between its words",
]


@pytest.mark.parametrize("limit", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("line", LINES)
def test_a_line_is_folded_between_words_only(line: str, limit: int) -> None:
    parts = fit(line, limit)
    assert " ".join(" ".join(parts).split()) == " ".join(line.split()), "nothing is lost and nothing is broken"
    for part in parts:
        words = re.findall(r"(?:`[^`\n]*`|[^ ])+", part)
        assert cells(part) <= limit or part is not parts[0] or len(words) > 1, part
    assert all(COMMAND in part or COMMAND not in line for part in parts if "rollback" in part)
    assert sum(PATH in part for part in parts) == line.count(PATH)


def test_the_others_begin_below_the_words_of_the_first() -> None:
    assert fit("  undo      put every file back as it was before", 36) == [
        "  undo      put every file back as",
        "            it was before",
    ]
    assert fit("  - a note that is long", 20 + 4) == ["  - a note that is long"]
    assert fit("hint: wait until it has ended and try again", 30)[1].startswith("  ")


def test_a_number_keeps_its_unit() -> None:
    said = "the log takes about 137 MiB a day and the last 30 days of it are kept, at most 1.1 GiB (12.5 % of it)"
    for limit in range(24, 80):
        lines = "\n".join(fit(said, limit))
        assert all(part in lines for part in ("137 MiB", "30 days", "1.1 GiB", "12.5 %")), limit


def test_where_there_is_no_width_nothing_is_folded() -> None:
    assert fit(LINES[0], None) == [LINES[0]]


def test_a_sentence_is_never_wider_than_can_be_read() -> None:
    assert max(map(len, wrap(" ".join(["word"] * 100), "", ""))) <= 110
