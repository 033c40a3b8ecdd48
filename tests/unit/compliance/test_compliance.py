"""kube-bench's verdicts from a command line, and how they are written for pipelines."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from kaudit_setup.compliance.command_line import judge
from kaudit_setup.report.junit import Case, junit

GOOD = (
    "kube-apiserver",
    "--audit-policy-file=/p",
    "--audit-log-path=/l",
    "--audit-log-maxage=30",
    "--audit-log-maxbackup=10",
    "--audit-log-maxsize=100",
)


def failed(*argv: str) -> list[str]:
    return [v.id for v in judge(argv) if not v.passed]


def test_a_good_line_passes_everything_and_an_empty_one_nothing() -> None:
    assert failed(*GOOD) == []
    assert failed() == ["1.2.16", "1.2.17", "1.2.18", "1.2.19", "3.2.1"]
    assert failed("kube-apiserver") == failed()


@pytest.mark.parametrize(
    ("flag", "check"),
    [("audit-log-maxage", "1.2.17"), ("audit-log-maxbackup", "1.2.18"), ("audit-log-maxsize", "1.2.19")],
)
@pytest.mark.parametrize(
    ("change", "passes"),
    [(0, True), (1, True), (-1, False), ("0", False), ("-5", False), ("x", False), ("", False), ("30.5", False)],
)
def test_bounds(flag: str, check: str, change: int | str, passes: bool) -> None:
    least = {"audit-log-maxage": 30, "audit-log-maxbackup": 10, "audit-log-maxsize": 100}[flag]
    value = change if isinstance(change, str) else least + change
    line = [a for a in GOOD if flag not in a] + [f"--{flag}={value}"]
    assert failed(*line) == ([] if passes else [check])


@pytest.mark.parametrize(("left_out", "check"), [("audit-log-path", "1.2.16"), ("audit-policy-file", "3.2.1")])
def test_a_flag_that_is_not_there_or_empty(left_out: str, check: str) -> None:
    rest = [a for a in GOOD if left_out not in a]
    assert failed(*rest) == [check]
    assert failed(*rest, f"--{left_out}=") == [check]
    assert failed(*rest, f"--{left_out}=-") == []


def test_the_last_of_two_counts_as_for_the_server() -> None:
    first, second = judge([*GOOD, "--audit-log-maxage=5"]), judge(["x", "--audit-log-maxage=5", *GOOD])
    assert [v.passed for v in (first[1], second[1])] == [False, True]
    assert first[1].found == "--audit-log-maxage=5; kube-bench misreads this line and says PASS"
    assert second[1].found == "--audit-log-maxage=30; kube-bench misreads this line and says FAIL"


def test_values_as_words_of_their_own_and_underscores() -> None:
    line = [word for a in GOOD[1:] for word in a.replace("-file", "_file").split("=")]
    assert failed("kube-apiserver", *line) == []
    assert "kube-bench misreads" in judge(line)[1].found


def test_a_failure_says_what_to_do() -> None:
    verdict = judge(["kube-apiserver"])[1]
    assert verdict.found == "--audit-log-maxage is not on the command line"
    assert "--audit-log-maxage=30" in verdict.fix


def test_junit() -> None:
    hostile = 'cp1 "<&>\x1b[31m\n\ud800\uffff'
    text = junit({hostile: [Case("1.2.16 a", True, "x"), Case("b", False, 'f"<\n', "do <this>")], "cp2": []}, "cis")
    root = ElementTree.fromstring(text)
    assert root.attrib == {"name": "cis", "tests": "2", "failures": "1", "errors": "0"}
    one, two = root.findall("testsuite")
    assert one.attrib["name"] == 'cp1 "<&>�[31m\n��'
    assert [c.attrib["name"] for c in one] == ["1.2.16 a", "b"]
    failure = one[1][0]
    assert (failure.attrib["message"], failure.text) == ('f"<\n', "do <this>")
    assert two.attrib["tests"] == "0"
