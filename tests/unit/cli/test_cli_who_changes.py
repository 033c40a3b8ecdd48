"""What changed, and what an object was when it was deleted, as far as the policy logs bodies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from eventkit import NOISE, Asker, event, write

from kaudit_setup.cli import main

SERVER = {"uid": "u-1", "resourceVersion": "7", "generation": 2, "creationTimestamp": "2026-11-23T09:00:00Z"}
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def deployment(image: str = "nginx:1", replicas: int = 1, **metadata: Any) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "web", "namespace": "shop", **metadata},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "app", "image": image}]}}},
    }


def stored(whole: dict[str, Any]) -> dict[str, Any]:
    """As the server answers: with what it writes itself."""
    version = {"resourceVersion": str(hash(json.dumps(whole)))}
    metadata = {**whole["metadata"], **SERVER, **version, "managedFields": [{"manager": "kubectl"}]}
    return {**whole, "metadata": metadata, "status": {"replicas": 9}}


def web(time: str, user: str, verb: str, **more: Any) -> dict[str, Any]:
    return event(f"{time}:00.000000", user, verb, "deployments", "web", ns="shop", group="apps", **more)


def diff(who: Asker, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = who.json("changed", "deploy/web", "-n", "shop", "--diff", *args)["changes"]
    return found


def lines(change: dict[str, Any]) -> list[str]:
    return [line.strip() for line in change["diff"].splitlines()[3:] if line[:1] in "+-"]


def both(before: dict[str, Any], after: dict[str, Any], patch: Any = None) -> list[dict[str, Any]]:
    return [
        web(
            "09:00",
            "ann",
            "create",
            code=201,
            level="RequestResponse",
            requestObject=before,
            responseObject=stored(before),
        ),
        web("10:00", "bob", "patch", level="RequestResponse", requestObject=patch, responseObject=stored(after)),
    ]


def test_bodies_are_compared_without_what_the_server_writes(who: Asker) -> None:
    write(who.path, *NOISE, *both(deployment(), deployment("nginx:2"), {"spec": {}}))
    (change,) = diff(who)
    assert [line.replace(" ", "") for line in lines(change)] == ["--image:nginx:1", "+-image:nginx:2"]
    assert change["certain"] is True
    assert change["event"]["user"] == "bob"
    text = who.text("changed", "deploy/web", "-n", "shop", "--diff")
    assert text.startswith("bob changed it")
    assert "managedFields" not in text
    assert "resourceVersion" not in text
    assert "nginx:2" in text


@pytest.mark.parametrize(
    ("patch", "said", "sure"),
    [
        ({"spec": {"replicas": 3}}, ["-  replicas: 1", "+  replicas: 3"], False),
        ([{"op": "replace", "path": "/spec/replicas", "value": 3}], ["-  replicas: 1", "+  replicas: 3"], True),
        ({"spec": {"replicas": None}}, ["-  replicas: 1"], False),
        (
            {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "nginx:2"}]}}}},
            ["-      - image: nginx:1", "+      - image: nginx:2"],
            False,
        ),
        (
            {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "x"}]}}}},
            ["+      - image: x", "+        name: side"],
            False,
        ),
        (
            {"spec": {"template": {"spec": {"containers": [{"$patch": "delete", "name": "app"}]}}}},
            ["-      - image: nginx:1", "-        name: app"],
            False,
        ),
        (
            {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 4}},
            ["-  replicas: 1", "+  replicas: 4"],
            False,
        ),
    ],
)
def test_patches_are_applied_where_the_answer_is_not_logged(
    who: Asker, patch: Any, said: list[str], sure: bool
) -> None:
    write(
        who.path,
        *NOISE,
        web("09:00", "ann", "create", code=201, level="Request", requestObject=deployment()),
        web("10:00", "bob", "patch", level="Request", requestObject=patch),
    )
    (change,) = diff(who)
    bare = {line.replace(" ", "").replace("-", "") for line in lines(change)}
    assert {line.replace(" ", "").replace("-", "") for line in said} <= bare
    assert change["certain"] is sure


def test_defaults_that_the_server_fills_in_are_no_change(who: Asker) -> None:
    filled = deployment("nginx:2")
    filled["spec"]["progressDeadlineSeconds"] = 600
    filled["spec"]["strategy"] = {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    filled["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    filled["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent"
    write(
        who.path,
        *NOISE,
        web("09:00", "ann", "create", code=201, level="Request", requestObject=deployment()),
        web("10:00", "bob", "patch", level="RequestResponse", requestObject={}, responseObject=stored(filled)),
    )
    (change,) = diff(who)
    assert len(lines(change)) == 2
    assert "progressDeadline" not in change["diff"]


def test_a_scale_is_a_change_of_replicas(who: Asker) -> None:
    scale = {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": "web"}, "spec": {"replicas": 5}}
    write(
        who.path,
        *NOISE,
        web("09:00", "ann", "create", code=201, level="RequestResponse", responseObject=stored(deployment())),
        web(
            "10:00", "bob", "update", sub="scale", level="RequestResponse", requestObject=scale, responseObject=scale
        ),
    )
    (change,) = diff(who)
    assert lines(change) == ["-  replicas: 1", "+  replicas: 5"]


def test_where_the_object_before_is_not_logged_the_patch_is_shown(who: Asker) -> None:
    write(who.path, *NOISE, web("10:00", "bob", "patch", level="Request", requestObject={"spec": {"replicas": 3}}))
    (change,) = diff(who)
    assert (change["diff"], change["patch"]) == (None, {"spec": {"replicas": 3}})
    assert "the object before this change is not in the log" in change["why"]


def test_the_level_that_would_have_been_needed_is_said(who: Asker) -> None:
    write(who.path, *NOISE, web("09:00", "ann", "create", code=201), web("10:00", "bob", "patch"))
    text = who.text("changed", "deploy/web", "-n", "shop", "--diff")
    rule = 'level: RequestResponse, verbs: ["create", "update", "patch", "delete", "deletecollection"]'
    assert "its bodies are not in the log (level Metadata)" in text
    assert rule in text
    assert 'resources: [{group: "apps", resources: ["deployments"]}]' in text
    gone = who.text("deleted", "deploy/web", "-n", "shop", "--show")
    assert rule in gone
    assert all(line.startswith("#") for line in gone.splitlines())


def test_the_last_known_object_can_be_applied_again(who: Asker) -> None:
    owned = deployment("nginx:2", ownerReferences=[{"name": "x", "uid": "u"}], annotations={APPLIED: "{}"})
    write(
        who.path,
        *NOISE,
        *both(deployment(), owned),
        web("11:00", "mallory", "delete", level="RequestResponse", responseObject={"kind": "Status"}),
    )
    text = who.text("deleted", "deploy/web", "-n", "shop", "--show")
    assert text.startswith("# mallory deleted it")
    assert yaml.safe_load(text) == deployment("nginx:2")
    assert "by the patch of bob" in text
    found = who.json("deleted", "deploy/web", "-n", "shop", "--show")["lastKnown"]
    assert found["object"] == deployment("nginx:2")
    assert found["event"]["user"] == "bob"


def test_what_was_deleted_with_others_is_in_the_list_of_the_answer(who: Asker) -> None:
    item = stored(deployment("nginx:3"))
    answered = {
        "kind": "DeploymentList",
        "apiVersion": "apps/v1",
        "items": [{k: item[k] for k in ("metadata", "spec")}],
    }
    everything = event(
        "11:00:00.000000",
        "mallory",
        "deletecollection",
        "deployments",
        ns="shop",
        group="apps",
        level="RequestResponse",
        responseObject=answered,
    )
    write(who.path, *NOISE, everything)
    assert yaml.safe_load(who.text("deleted", "deploy/web", "-n", "shop", "--show")) == deployment("nginx:3")


def test_a_later_change_without_a_body_is_said(who: Asker) -> None:
    write(
        who.path,
        *NOISE,
        *both(deployment(), deployment("nginx:2")),
        web("10:30", "eve", "patch"),
        web("11:00", "mallory", "delete"),
    )
    text = who.text("deleted", "deploy/web", "-n", "shop", "--show")
    assert "# changed later by eve (1 request), whose bodies are not in this log" in text


def secret(value: str) -> dict[str, Any]:
    copy = f'{{"data":{{"password":"{value}"}}}}'
    metadata = {"name": "db", "namespace": "shop", "annotations": {APPLIED: copy}}
    return {"kind": "Secret", "apiVersion": "v1", "metadata": metadata, "data": {"password": value, "user": "YW5u"}}


@pytest.mark.parametrize(
    "patch",
    [
        {"data": {"password": "bmV3"}},
        {"stringData": {"password": "bmV3"}},
        {"metadata": {"annotations": {APPLIED: "bmV3"}}},
        [{"op": "replace", "path": "/data/password", "value": "bmV3"}],
        [{"op": "add", "path": "/data", "value": {"password": "bmV3"}}],
        [{"op": "add", "path": "", "value": {"data": {"password": "bmV3"}}}],
    ],
)
def test_the_contents_of_secrets_are_never_shown_unasked(who: Asker, patch: Any) -> None:
    of = {"ns": "shop", "level": "RequestResponse"}
    both_bodies = {"requestObject": patch, "responseObject": secret("bmV3")}
    write(
        who.path,
        *NOISE,
        event("08:00:00.000000", "eve", "patch", "secrets", "db", requestObject=patch, **of),
        event("09:00:00.000000", "ann", "update", "secrets", "db", responseObject=secret("b2xk"), **of),
        event("10:00:00.000000", "bob", "patch", "secrets", "db", **both_bodies, **of),
        event("11:00:00.000000", "eve", "patch", "secrets", "db", requestObject=patch, **of),
        event("12:00:00.000000", "eve", "delete", "secrets", "db", responseObject={"kind": "Status"}, **of),
    )
    for question in (["changed", "secret/db", "--diff"], ["deleted", "secret/db", "--show"]):
        for said in (who.text(*question, "-n", "shop"), str(who.json(*question, "-n", "shop"))):
            assert "bmV3" not in said
            assert "b2xk" not in said
            assert "YW5u" not in said
            assert "***" in said
    assert "password: '*** (changed)'" in who.text("changed", "secret/db", "-n", "shop", "--diff")
    assert "bmV3" in who.text("changed", "secret/db", "-n", "shop", "--diff", "--show-secrets")
    shown = yaml.safe_load(who.text("deleted", "secret/db", "-n", "shop", "--show", "--show-secrets"))
    assert shown["data"]["password"] in {"bmV3", "b2xk"}


def test_a_hostile_body_cannot_touch_the_terminal(who: Asker) -> None:
    evil = deployment("\x1b[2J\u202eevil\n# x", annotations={"a\x1b": "\u200b"})
    write(who.path, *NOISE, *both(deployment(), evil), web("11:00", "mallory", "delete"))
    for question in (["changed", "deploy/web", "--diff"], ["deleted", "deploy/web", "--show"]):
        text = who.text(*question, "-n", "shop")
        assert text.isascii()
        assert "\x1b" not in text
    assert yaml.safe_load(who.text("deleted", "deploy/web", "-n", "shop", "--show"))["spec"] == evil["spec"]


@pytest.mark.parametrize(
    "body",
    [
        "[" * 500 + "]" * 500,
        '{"spec":' * 400 + "1" + "}" * 400,
        '"text"',
        "7",
        "[]",
        '{"metadata":7,"spec":[]}',
        "1e999",
    ],
)
def test_odd_bodies_end_in_words(who: Asker, body: str) -> None:
    write(who.path, *NOISE, *both(deployment(), deployment("nginx:2")))
    odd = web("10:30", "eve", "patch", level="Request", requestObject="BODY")
    text = who.path.read_text()
    who.path.write_text(text + json.dumps(odd, separators=(",", ":")).replace('"BODY"', body) + "\n")
    assert main(["who", "changed", "deploy/web", "-n", "shop", "--diff", "--log", str(who.path)]) == 0
    assert "eve" in who.capsys.readouterr().out


@pytest.mark.parametrize(
    "args",
    [["deleted", "pod/x", "--diff"], ["changed", "pods", "-A", "--diff"], ["changed", "pod/x", "--show"]],
)
def test_what_cannot_be_shown_is_refused(who: Asker, args: list[str]) -> None:
    write(who.path, *NOISE)
    assert main(["who", *args, "--log", str(who.path)]) == 2


def test_of_several_clusters_each_is_a_document_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, image in (("one", "nginx:1"), ("two", "nginx:2")):
        write(
            tmp_path / name / "audit.log",
            *NOISE,
            *both(deployment(), deployment(image)),
            web("11:00", "eve", "delete"),
        )
    where = [word for name in ("one", "two") for word in ("--cluster", f"{name}={tmp_path / name}")]
    assert main(["who", "deleted", "deploy/web", "-n", "shop", "--show", *where]) == 0
    shown = list(yaml.safe_load_all(capsys.readouterr().out))
    assert shown == [deployment("nginx:1"), deployment("nginx:2")]
