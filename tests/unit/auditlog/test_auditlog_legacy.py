"""Lines of the format `legacy`: nothing that a client puts into them hides one, and each is read in the same way."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from logkit import SCENARIO
from shapekit import legacy

from kaudit_setup.cli import main

RECORDED = gzip.decompress(SCENARIO.read_bytes()).splitlines()[500:620]
LINES = legacy(RECORDED).splitlines()


def rows(capfd: pytest.CaptureFixture[str], log: Path, *asked: str) -> list[dict[str, Any]]:
    main(["events", *asked, "--log", str(log), "-o", "json"])
    return list(json.loads(capfd.readouterr().out)["items"])


def seen(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What rows say, but for the file that they are from."""
    return [
        {key: value for key, value in one.items() if key != "source"} | {"line": one["source"]["line"]}
        for one in found
    ]


def write(folder: Path, lines: list[bytes]) -> Path:
    folder.mkdir()
    log = folder / "audit.log"
    log.write_bytes(b"".join(line + b"\n" for line in lines))
    return log


@pytest.mark.parametrize(
    "said",
    [
        b"a {} b",
        b'kubectl {\\"kind\\":',
        b'x\\" namespace=\\"y\\" uri=\\"/z',
        b"x namespace=",
        b" response=",
        b"\xff\xfe",
        b"\\x41\\u00e9",
        b"%41",
    ],
)
def test_no_user_agent_hides_a_line(capfd: pytest.CaptureFixture[str], tmp_path: Path, said: bytes) -> None:
    """As kube-apiserver quotes them."""
    at = next(number for number, line in enumerate(LINES) if b'user-agent="kube' in line and b"Complete" in line)
    begin, _, rest = LINES[at].partition(b'user-agent="')
    changed = begin + b'user-agent="' + said + rest[rest.index(b'"') :]
    usual, other = (
        rows(capfd, write(tmp_path / name, lines))
        for name, lines in (("usual", LINES), ("other", [*LINES[:at], changed, *LINES[at + 1 :]]))
    )
    differing = [
        (one, two)
        for one, two in zip(seen(usual), seen(other), strict=True)
        if {**one, "userAgent": ""} != {**two, "userAgent": ""}
    ]
    assert not differing
    assert len(usual) > 30


@pytest.mark.parametrize(
    "unusual",
    [
        lambda line: line + b" \r",
        lambda line: b" " + line,
        lambda line: line.replace(b'stage="R', b'stage="\\x52'),
        lambda line: line.replace(b"Z AUDIT", b"+00:00 AUDIT"),
    ],
    ids=["a line end of Windows", "a space before it", "a letter as an escape", "a time in another spelling"],
)
def test_a_line_of_another_form_says_the_same(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, unusual: Any
) -> None:
    usual, other = (
        rows(capfd, write(tmp_path / name, lines))
        for name, lines in (("usual", LINES), ("other", [unusual(line) for line in LINES]))
    )
    assert seen(usual) == seen(other)
    assert len(usual) > 30
