"""Lines that did nothing are skipped by their bytes, and nothing in a body can make another line look like one."""

from __future__ import annotations

from typing import Any

import pytest
from eventkit import CONTROLLER, NOISE, Asker, event, write


@pytest.mark.parametrize(
    ("verb", "more", "idle"),
    [
        ("create", {"stage": "RequestReceived"}, True),
        ("get", {}, True),
        ("watch", {}, True),
        ("patch", {"sub": "status"}, True),
        ("patch", {"sub": "ephemeralcontainers"}, False),
        ("delete", {}, False),
        ("create", {}, False),
    ],
)
@pytest.mark.parametrize("order", ["own", "another"])
def test_lines_that_did_nothing_are_known_without_decoding(
    who: Asker, verb: str, more: dict[str, Any], idle: bool, order: str
) -> None:
    """So their damage does not matter, either. Another order of the fields says nothing of a line."""
    sibling = event("10:00:00.000000", "a", verb, "pods", "web-5d9c7b8f6d-other", **more)
    write(who.path, *NOISE, sibling if order == "own" else dict(reversed(sibling.items())))
    lines = who.path.read_bytes().splitlines()
    who.path.write_bytes(b"\n".join([*lines[:2], lines[2][:-1], b""]))
    notes = who.json("created", "pod/web-5d9c7b8f6d-bbcdf")["notes"]
    assert any("1 line that mentions it is damaged" in note for note in notes) is not (idle and order == "own")


def test_no_label_in_a_body_hides_a_line(who: Asker) -> None:
    labels = {"stage": "RequestReceived", "verb": "get", "subresource": "status"}
    body = {"metadata": {"name": "web", "labels": labels, "managedFields": [{"subresource": "status"}]}}
    apps = {"group": "apps", "ns": "shop"}
    write(
        who.path,
        event("09:00:00.000000", "mallory", "create", "deployments", "web", code=201, requestObject=body, **apps),
        event(
            "09:00:01.000000",
            f"{CONTROLLER}deployment-controller",
            "create",
            "replicasets",
            "web-5d9c7b8f6d",
            code=201,
            **apps,
        ),
    )
    assert who.json("created", "rs/web-5d9c7b8f6d", "-n", "shop")["root"]["user"] == "mallory"
