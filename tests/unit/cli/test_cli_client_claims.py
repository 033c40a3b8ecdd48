"""`events` believes nothing that a client chose: each request is a row of its own, and copied Audit-IDs are said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from logkit import answer, event, write

from kaudit_setup.cli import main

OTHER = {"user": {"username": "mallory", "groups": ["dev"]}}


def users(found: list[dict[str, Any]]) -> list[str]:
    return sorted(one["user"] for one in found)


@pytest.mark.parametrize("different", [OTHER, {"verb": "delete"}, {"requestURI": "/api/v1/namespaces/ns/pods/q"}])
@pytest.mark.parametrize("where", ["cp1/audit.log", "cp2/audit.log"])
@pytest.mark.parametrize("filters", [[], ["--name", "p"], ["--code", "2*"]])
def test_requests_of_one_id_and_one_moment_stay_apart(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, different: dict[str, Any], where: str, filters: list[str]
) -> None:
    first, second = event(1), event(1, **different)
    write(tmp_path / "cp1/audit.log", first, *([second] if where.startswith("cp1") else []), event(2))
    if where.startswith("cp2"):
        write(tmp_path / where, second, event(3))
    found = answer(capfd, "events", "-o", "json", "--log", tmp_path, *filters)
    assert [one["auditID"] for one in found].count("id-1") == 2
    assert main(["events", "--log", str(tmp_path), *filters]) == 0
    assert "Audit-ID id-1 is of two requests: " in capfd.readouterr().err


def test_stages_and_copies_of_a_request_are_not_spoken_of(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for node in ("cp1", "cp2"):
        write(tmp_path / node / "audit.log", event(1, stage="RequestReceived"), event(1), event(2))
    assert len(answer(capfd, "events", "-o", "json", "--log", tmp_path)) == 2
    main(["events", "--log", str(tmp_path)])
    assert "Audit-ID" not in capfd.readouterr().err


def test_an_impersonated_request_is_one_with_its_first_stage(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nobody is impersonated yet when a request is received."""
    ended = event(1, impersonatedUser={"username": "bob", "groups": []})
    write(tmp_path / "audit.log", event(1, stage="RequestReceived"), ended)
    assert users(answer(capfd, "events", "-o", "json", "--log", tmp_path)) == ["bob"]


def test_the_table_says_which_address_the_client_claims(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", event(1, sourceIPs=["10.9.9.9", "10.8.8.8", "192.0.2.7"]), event(2))
    text = answer(capfd, "events", "--log", log)
    assert "192.0.2.7 (says 10.9.9.9, ...)" in text
    assert "  10.0.0.1  " in text


def test_top_counts_by_the_address_that_the_server_saw(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = write(tmp_path / "audit.log", event(1, sourceIPs=["10.9.9.9", "192.0.2.7"]))
    assert [row["ip"] for row in answer(capfd, "top", "--by", "ip", "--log", log, "-o", "json")["rows"]] == [
        "192.0.2.7"
    ]
