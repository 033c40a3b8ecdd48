"""Who read an object by a list: what the answer names if it is logged, else what the list can have shown."""

from __future__ import annotations

from typing import Any

import pytest
from eventkit import NOISE, Asker, event, write

Event = dict[str, Any]
MADE = event("08:00:00.000000", "alice", "create", "secrets", "s7", code=201)
KUBELET = event("09:00:00.000000", "system:node:n1", "get", "secrets", "s7")


def listed(*names: str, table: bool = False, query: str = "?labelSelector=team%3Dred", **more: Any) -> Event:
    """A list of Secrets whose answer is logged."""
    entries = [{"metadata": {"name": name, "namespace": "default"}} for name in names]
    body: Event = {"kind": "SecretList", "items": entries}
    if table:
        body = {"kind": "Table", "rows": [{"cells": [], "object": entry} for entry in entries]}
    logged = {"level": "RequestResponse", "responseObject": body}
    return event("10:00:00.000000", "dan", "list", "secrets", query=query, **{**logged, **more})


def asked(found: dict[str, Any]) -> tuple[str | None, str]:
    return (found["answer"] or {}).get("user"), found["confidence"]


@pytest.mark.parametrize("table", [False, True])
def test_a_list_reads_what_its_answer_names(who: Asker, table: bool) -> None:
    write(who.path, MADE, KUBELET, listed("s3", table=table))
    assert asked(who.json("read", "secret/s7")) == ("system:node:n1", "certain")
    assert len(who.json("read", "secret/s7")["events"]) == 1
    write(who.path, MADE, listed("s3", table=table))
    assert asked(who.json("read", "secret/s7")) == (None, "unknown")
    write(who.path, MADE, listed("s3", "s7", table=table))
    found = who.json("read", "secret/s7")
    assert asked(found) == ("dan", "certain")
    assert found["chain"][0]["why"] == "the logged response to the list names it"
    # who asked for it by name is named first
    write(who.path, MADE, event("09:00:00.000000", "ann", "get", "secrets", "s7"), listed("s7", table=table))
    found = who.json("read", "secret/s7")
    assert (asked(found), len(found["events"])) == (("ann", "certain"), 2)
    assert "also by: dan" in found["notes"]
    # one of another namespace
    write(who.path, *NOISE, listed("s7", table=table, ns=""))
    assert asked(who.json("read", "secret/s7", "-n", "other")) == (None, "unknown")


@pytest.mark.parametrize("body", [{"kind": "Table", "rows": [{"cells": ["s7"]}]}, {"kind": "Status"}])
def test_an_answer_that_names_nothing_tells_nothing(who: Asker, body: Event) -> None:
    write(who.path, MADE, listed(responseObject=body))
    assert asked(who.json("read", "secret/s7")) == ("dan", "inferred")


def test_a_read_that_names_it_is_more_than_a_list_that_may_have_shown_it(who: Asker) -> None:
    bare: Event = {"level": "Metadata", "responseObject": None}
    unknown = {key: value for key, value in listed(**bare).items() if value is not None}
    write(who.path, MADE, KUBELET, unknown)
    assert asked(who.json("read", "secret/s7")) == ("system:node:n1", "certain")
    write(who.path, MADE, unknown)
    assert asked(who.json("read", "secret/s7")) == ("dan", "inferred")
    everything = {key: value for key, value in listed(query="", **bare).items() if value is not None}
    write(who.path, MADE, KUBELET, everything)
    assert asked(who.json("read", "secret/s7")) == ("dan", "inferred")


@pytest.mark.parametrize("verb", ["read", "touched"])
def test_a_list_of_what_matches_says_nothing_of_what_nobody_knows(who: Asker, verb: str) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "rita", "list", "pods", ns="", query="?labelSelector=app%3Ddr1"))
    found = who.json(verb, "pod/never")
    assert (asked(found), found["events"]) == ((None, "unknown"), [])
    assert found["notes"][0].startswith("No successful re")
    assert any(note.startswith("rita sent a list of all pods that match app=dr1") for note in found["notes"])


def test_a_list_of_all_touched_nothing_that_nobody_knows(who: Asker) -> None:
    write(who.path, *NOISE, event("10:00:00.000000", "rita", "list", "pods", ns=""))
    assert asked(who.json("touched", "pod/never")) == (None, "unknown")
    write(who.path, event("09:00:00.000000", "alice", "create", "pods", "never", code=201), *NOISE)
    assert asked(who.json("touched", "pod/never")) == ("alice", "certain")
