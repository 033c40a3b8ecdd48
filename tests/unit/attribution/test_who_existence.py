"""Objects of which nothing in the log shows that they existed when what they belong to went."""

from __future__ import annotations

from pathlib import Path

import pytest
from eventkit import CONTROLLER, NOISE, Asker, event, write

NAMESPACES = f"{CONTROLLER}namespace-controller"


@pytest.fixture
def who(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Asker:
    asker = Asker(tmp_path, capsys)
    write(
        asker.path,
        *NOISE,
        event("09:00:00.000000", "ann", "create", "secrets", "known", ns="lab", code=201),
        event("09:00:01.000000", "ann", "create", "secrets", "taken", ns="lab", code=409),
        event("09:00:02.000000", "zoe", "get", "secrets", "probed", ns="lab", code=404),
        event("09:00:03.000000", "dan", "delete", "secrets", "tried", ns="lab", code=404),
        event("09:00:04.000000", "zoe", "get", "secrets", "made-later", ns="lab", code=404),
        event("09:00:05.000000", "ann", "create", "secrets", "made-later", ns="lab", code=201),
        event("09:00:06.000000", "zoe", "get", "secrets", "probed-after", ns="lab", code=200),
        event("09:01:00.000000", "eve", "delete", "namespaces", "lab", ns="lab"),
        event("09:01:05.000000", NAMESPACES, "deletecollection", "secrets", ns="lab"),
        event("09:01:06.000000", "zoe", "get", "secrets", "probed-after", ns="lab", code=404),
    )
    return asker


@pytest.mark.parametrize("name", ["known", "taken", "made-later", "probed-after"])
def test_what_existed_went_with_its_namespace(who: Asker, name: str) -> None:
    assert who.json("deleted", f"secret/{name}", "-n", "lab")["root"]["user"] == "eve"
    assert "existed then" not in who.text("deleted", f"secret/{name}", "-n", "lab")


@pytest.mark.parametrize(("kind", "name"), [("secret", "mistyped"), ("configmap", "mistyped")])
def test_the_first_sentence_says_that_nothing_mentions_it(who: Asker, kind: str, name: str) -> None:
    text = who.text("deleted", f"{kind}/{name}", "-n", "lab")
    said = f"if {kind} lab/{name} existed then: nothing else in this log mentions it"
    assert said in text.splitlines()[0]
    assert said in who.json("deleted", f"{kind}/{name}", "-n", "lab")["notes"]


def test_who_made_what_nothing_mentions_has_the_same_condition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asker = Asker(tmp_path, capsys)
    made = event("09:00:00.000000", "ann", "create", "deployments", "web", group="apps", ns="lab", code=201)
    write(asker.path, *NOISE, made)
    assert "if pod lab/web-7d4f8c6b5d-x7k2m existed" in asker.text("created", "pod/web-7d4f8c6b5d-x7k2m", "-n", "lab")


@pytest.mark.parametrize(("name", "whom"), [("probed", "zoe was told at"), ("tried", "dan tried to delete")])
def test_nobody_deleted_what_did_not_exist(who: Asker, name: str, whom: str) -> None:
    found = who.json("deleted", f"secret/{name}", "-n", "lab")
    assert (found["confidence"], found["root"]) == ("unknown", None)
    assert any(note.startswith(whom) and "404" in note for note in found["notes"])
