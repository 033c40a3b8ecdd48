"""What is written about one request, stage by stage and version by version, and which rules came close."""

from __future__ import annotations

from typing import Any

from kaudit_setup.model import KubeVersion
from kaudit_setup.policy.evaluate import evaluate
from kaudit_setup.policy.explain.events import EventPlan, events
from kaudit_setup.policy.explain.near_misses import near_misses
from kaudit_setup.policy.model import Attributes, GroupResources, Level, Policy, Rule
from kaudit_setup.policy.request import from_url

V20, V36 = KubeVersion(1, 20), KubeVersion(1, 36)


def planned(url: str, level: Level, version: KubeVersion = V36, **policy: Any) -> dict[str, EventPlan]:
    attributes = from_url(*url.split(" "), "alice").attributes
    decision = evaluate(Policy((Rule(level),), **policy), attributes, version)
    return {event.stage: event for event in events(attributes, decision, version)}


def said(notes: tuple[str, ...]) -> str:
    return "\n".join(notes)


def test_nothing_is_written_at_level_none() -> None:
    assert planned("GET /api/v1/pods", "None") == {}


def test_stages_of_short_and_of_long_requests() -> None:
    assert list(planned("GET /api/v1/pods", "Metadata")) == ["RequestReceived", "ResponseComplete", "Panic"]
    for url in ("GET /api/v1/pods?watch=1", "POST /api/v1/namespaces/d/pods/p/exec", "GET /debug/pprof/heap"):
        assert list(planned(url, "Metadata"))[1] == "ResponseStarted"
    exec_events = planned("GET /api/v1/namespaces/d/pods/p/exec", "RequestResponse")
    assert "code 101" in said(exec_events["ResponseStarted"].holds)
    assert "Object" not in said(exec_events["ResponseComplete"].holds)
    assert "connection" in said(exec_events["ResponseComplete"].lacks)


def test_omitted_stages_are_not_written() -> None:
    got = planned("GET /api/v1/pods", "Metadata", omit_stages=("RequestReceived",))
    assert [stage for stage, event in got.items() if event.written] == ["ResponseComplete", "Panic"]


def test_a_failed_login_is_one_event_of_stage_response_started() -> None:
    attributes = Attributes(None, verb="list", resource="pods")
    for version, message in ((V20, ""), (V36, "Unauthorized")):
        (event,) = events(attributes, evaluate(Policy((Rule("Metadata"),)), attributes), version)
        assert event.stage == "ResponseStarted"
        assert "code 401" in said(event.holds)
        assert (message in said(event.holds)) if message else ("message" not in said(event.holds))
        assert "annotations" in said(event.lacks)


def test_watches_of_old_versions_start_at_their_end() -> None:
    old, new = (planned("GET /api/v1/pods?watch=1", "Metadata", v)["ResponseStarted"] for v in (V20, V36))
    assert "end of the watch" in old.when
    assert "Connection closed early" in said(old.holds)
    assert "end of the watch" not in new.when


def test_bodies_by_level() -> None:
    url = "POST /api/v1/namespaces/d/secrets"
    by_level = {
        level: planned(url, level)["ResponseComplete"] for level in ("Metadata", "Request", "RequestResponse")
    }
    assert "Object:" not in said(by_level["Metadata"].holds)
    assert "requestObject: the object after decoding and defaulting — with the Secret's data" in said(
        by_level["Request"].holds
    )
    assert "responseObject:" not in said(by_level["Request"].holds)
    assert "responseObject:" in said(by_level["RequestResponse"].holds)
    for plan in by_level.values():
        assert "generateName" in said(plan.lacks)


def test_urls_that_are_no_resources_have_no_bodies() -> None:
    done = planned("GET /version", "RequestResponse")["ResponseComplete"]
    assert "objectRef" not in said(done.holds)
    assert "requestObject" in said(done.lacks)
    assert "only if the API server itself answers with an error" in said(done.holds)


def test_what_depends_on_the_version() -> None:
    eviction = "POST /api/v1/namespaces/d/pods/p/eviction"
    assert "requestObject:" not in said(planned(eviction, "Request", V20)["ResponseComplete"].holds)
    assert "requestObject:" in said(planned(eviction, "Request", V36)["ResponseComplete"].holds)
    update = "PUT /api/v1/namespaces/d/pods/p"
    old, new = (planned(update, "Request", v, omit_managed_fields=True)["ResponseComplete"] for v in (V20, V36))
    assert ("managedFields" in said(old.holds), "managedFields" in said(new.holds)) == (False, True)
    assert "message" not in said(old.holds)
    assert "message" in said(new.holds)


def test_rules_that_came_close() -> None:
    policy = Policy(
        (
            Rule("None", users=("system:*",), verbs=("get",)),
            Rule("None", verbs=("get",), resources=(GroupResources("", ("pods",)),)),
            Rule("None", verbs=("list",), users=("bob",), namespaces=("x",)),
            Rule("None", verbs=("get",), resources=(GroupResources("apps"),)),
            Rule("Metadata"),
            Rule("Request", verbs=("get",)),
        )
    )
    request = Attributes("system:a", verb="get", resource="pods", subresource="log", namespace="d", name="p")
    misses = near_misses(policy, request, 4)
    assert [(miss.index, len(miss.reasons)) for miss in misses] == [(0, 1), (1, 1), (3, 1), (5, 0)]
    assert "a * in users is an ordinary character" in misses[0].reasons[0]
    assert '"pods" does not cover its subresources' in misses[1].reasons[0]
    assert 'the API group is ""' in misses[2].reasons[0]
