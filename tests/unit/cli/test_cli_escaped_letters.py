r"""Logs in which a converter wrote letters as escapes (`\u0070` for p): names are found wherever the logs are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from eventkit import NOISE, event
from logkit import answer

from kaudit_setup.auditlog import search
from kaudit_setup.auditlog.reports import every_line
from kaudit_setup.cli import main
from kaudit_setup.node.local import LocalNode

EVENTS = (
    event("10:00:00.000000", "alice", "create", "pods", "odd-name", ns="shop", code=201),
    event("11:00:00.000000", "bob", "delete", "pods", "odd-name", ns="shop"),
)


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" if char.isalnum() or char in "-." else char for char in text)


def line(event: object) -> str:
    return json.dumps(event, separators=(",", ":"))


def names_only() -> str:
    return "".join(
        line(one).replace("odd-name", escaped("odd-name")).replace("bob", escaped("bob")) + "\n" for one in EVENTS
    )


def everything() -> str:
    """Every string, the names of fields, too."""
    return "".join(re.sub('"([^"]+)"', lambda found: f'"{escaped(found[1])}"', line(one)) + "\n" for one in EVENTS)


def upper_case() -> str:
    return names_only().replace("\\u006f", "\\u006F")


def in_records() -> str:
    return "".join(line({"log": text + "\n", "stream": "stdout"}) + "\n" for text in names_only().splitlines())


def between_others() -> str:
    return (
        "".join(f"{line(one)}\n" for one in NOISE[:1]) + names_only() + "".join(f"{line(one)}\n" for one in NOISE[1:])
    )


WRITERS = (names_only, everything, upper_case, in_records, between_others)
Asked = tuple[list[str], str]
QUESTIONS: tuple[Asked, ...] = (
    (["created", "pod/odd-name", "-n", "shop"], "alice created it"),
    (["deleted", "pod/odd-name", "-n", "shop"], "bob deleted it"),
    (["deleted", "pods", "-A"], "1 deletion of pods in all namespaces by bob"),
    (["touched", "--user", "bob"], "bob deleted pod shop/odd-name"),
)


def is_answered(
    capfd: pytest.CaptureFixture[str], *source: str | Path, questions: Sequence[Asked] = QUESTIONS
) -> None:
    for question, said in questions:
        assert main(["who", *question, *map(str, source)]) == 0
        assert capfd.readouterr().out.startswith(said)


@pytest.mark.parametrize("write", WRITERS)
def test_names_with_escaped_letters_are_found(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, write: Callable[[], str]
) -> None:
    log = tmp_path / "audit.log"
    log.write_text(write())
    is_answered(capfd, "--log", log)
    # in a log of which not every line is looked at
    monkeypatch.setattr(search, "CHECK_BELOW_BYTES", 0)
    monkeypatch.setattr(every_line, "CHECK_BELOW_BYTES", 0)
    is_answered(capfd, "--log", log)


@pytest.mark.parametrize("write", [names_only, in_records])
def test_names_with_escaped_letters_are_found_on_nodes(
    capfd: pytest.CaptureFixture[str], nodes: list[LocalNode], tmp_path: Path, write: Callable[[], str]
) -> None:
    (tmp_path / "cp1/var/log/kubernetes/audit/audit.log").write_text(write())
    is_answered(capfd, "--host", "cp1", "--no-live", questions=QUESTIONS[1:3])


@pytest.mark.parametrize("write", [names_only, everything])
def test_names_with_escaped_letters_are_found_in_archives(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, write: Callable[[], str]
) -> None:
    pytest.importorskip("chdb")
    log, archive = tmp_path / "audit.log", tmp_path / "archive"
    log.write_text(write())
    assert main(["pack", "--log", str(log), "--to", str(archive)]) == 0
    capfd.readouterr()
    is_answered(capfd, "--log", archive)


@pytest.mark.parametrize("write", WRITERS)
def test_events_with_escaped_letters_are_found_as_they_were_logged(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, write: Callable[[], str]
) -> None:
    log = tmp_path / "audit.log"
    log.write_text(write())
    assert [one["verb"] for one in answer(capfd, "events", "--user", "bob", "--log", log, "-o", "json")] == ["delete"]
    if write is not in_records:
        assert main(["events", "--name", "odd-name", "--log", str(log), "-o", "raw"]) == 0
        assert set(capfd.readouterr().out.splitlines()) <= set(log.read_text().splitlines())


def test_what_is_not_there_is_not_found_either(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text(names_only())
    assert main(["who", "deleted", "pod/other", "-n", "shop", "--log", str(log)]) == 1
    assert "deleted" not in capfd.readouterr().out.splitlines()[0].replace("Nobody in this log deleted", "")


USERS = ("a<b>", "jos\u00e9&<", "a+b@x.com", "o'neil", "CN=a,O=b/c", "a\\b", 'q"q', "\u65e5\U0001f600", "x\u2028y")


def dotnet(char: str) -> bool:
    return char in "<>&'+\"\u2028" or char > "~"


def gson(char: str) -> bool:
    return char in "<>&='\u2028"


def python(char: str) -> bool:
    return char > "~"


def go(char: str) -> bool:
    return char in "<>&\u2028"


@pytest.mark.parametrize("form", ["04x", "04X"])
@pytest.mark.parametrize("escapes", [dotnet, gson, python, go])
def test_every_writers_escapes_are_understood(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, escapes: Callable[[str], bool], form: str
) -> None:
    def spelt(char: str) -> str:
        if not escapes(char):
            return json.dumps(char, ensure_ascii=False)[1:-1]
        units = char.encode("utf-16-be")
        return "".join(f"\\u{int.from_bytes(units[at : at + 2]):{form}}" for at in range(0, len(units), 2))

    log = tmp_path / "audit.log"
    lines = []
    for number, user in enumerate(USERS):
        text = line(event(f"10:00:0{number}.000000", "USER", "get", "secrets", f"s{number}", ns="shop"))
        lines.append(text.replace("USER", "".join(map(spelt, user))))
    log.write_text("\n".join(lines) + "\n")
    for number, user in enumerate(USERS):
        (found,) = answer(capfd, "events", "--user", user, "--log", log, "-o", "json")
        assert (found["object"]["name"], found["user"]) == (f"s{number}", user)
