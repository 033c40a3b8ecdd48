"""Behind a HorizontalPodAutoscaler's scaling: whoever said last what it should do.

Source: pkg/controller/podautoscaler/horizontal.go:reconcileAutoscaler (an update of the target's `scale`, then one of
the autoscaler's status).
"""

from __future__ import annotations

from collections.abc import Sequence

from kaudit_setup.attribution.chain import Child, Finding, KnownOwner, Link, certain_if, note, weakest
from kaudit_setup.attribution.controllers.adoption import ended
from kaudit_setup.attribution.evidence.actors import AUTOSCALER
from kaudit_setup.attribution.evidence.index import quoted
from kaudit_setup.attribution.evidence.requests import Object, Request, creates
from kaudit_setup.attribution.phrases import actor, doing
from kaudit_setup.attribution.spec_changes import proven, requested_changes
from kaudit_setup.attribution.timing import AT_ONCE
from kaudit_setup.auditlog.kinds import KINDS

_SHOWN = 5


def autoscaler(scaled: Child) -> Finding:
    """The autoscaler that scaled an object, and who is behind that."""
    index, target = scaled.index, scaled.object
    where = b'"resource":"horizontalpodautoscalers","namespace":' + quoted(target.namespace)
    index.look_up([where])
    # an autoscaler reports its status every few seconds: only what it said then matters
    reports = index.sift([where], lambda r: r.controller == AUTOSCALER and 0 <= r.at - scaled.at < AT_ONCE)
    known = index.starting(Object("autoscaling", "horizontalpodautoscalers", target.namespace, ""))
    names = sorted({one.name for one in known if one.name} | {request.name for request in reports if request.name})
    scalers = [Object("autoscaling", "horizontalpodautoscalers", target.namespace, name) for name in names]
    found = _chosen(scaled, scalers, reports)
    return _not_known(scaled, scalers) if found is None else _behind(scaled, found)


def _not_known(scaled: Child, scalers: Sequence[Object]) -> Finding:
    time = scaled.request.time if scaled.request else ""
    said = f"{AUTOSCALER} scaled {scaled.object} at {time}; which autoscaler it acted for is not in the log"
    last = [r for one in scalers[:_SHOWN] for r in requested_changes(scaled.index, one, scaled.at)[-1:]]
    return note(said, *(f"{actor(r)} {doing(r)} {r.object} before that, at {r.time}" for r in last))


def _behind(scaled: Child, found: KnownOwner) -> Finding:
    """The autoscaler's link: whoever made or changed it last."""
    scaler, confidence = found.object, weakest(scaled.confidence, found.confidence)
    requests = requested_changes(scaled.index, scaler, scaled.at)
    if not requests:
        return Finding((Link(scaler, None, confidence, found.why),), notes=(f"who made {scaler} is not in this log",))
    last = requests[-1]
    why = found.why if creates(last) else f"{found.why}; {actor(last)} {doing(last)} it last before that"
    confidence = weakest(confidence, certain_if(proven(scaled.index, scaler, last)))
    makers = list(filter(creates, requests))
    other = makers[-1] if makers and makers[-1] is not last else None
    created = f"{scaler} was created by {actor(other)} at {other.time}" if other is not None else ""
    return Finding((Link(scaler, last, confidence, why),), last) + note(created)


def _chosen(scaled: Child, scalers: Sequence[Object], reports: Sequence[Request]) -> KnownOwner | None:
    """Which autoscaler it was. `reports`: what autoscalers reported then."""
    index, target = scaled.index, scaled.object
    alive = [one for one in scalers if ended(index, one, scaled.at) is None]
    targets = {one: _scales(scaled, one, reports) for one in alive}
    reported = [request.object for request in reports if targets.get(request.object) is not False and request.name]
    of_it = [one for one, scales in targets.items() if scales]
    if of_it:
        first = next((one for one in reported if one in of_it), of_it[-1])
        return KnownOwner(first, certain_if(len(of_it) == 1), f"its scaleTargetRef names {target}")
    possible = [one for one, scales in targets.items() if scales is None]
    # elsewhere one worker or a few take autoscalers in turn: the first status after the scaling is its own
    if reported:
        return KnownOwner(reported[0], "inferred", f"the first autoscaler that reported after {target} was scaled")
    if len(possible) == 1:
        return KnownOwner(possible[0], "inferred", f"the only autoscaler in namespace {target.namespace}")
    same = next((one for one in possible if one.name == target.name), None)
    return KnownOwner(same, "inferred", f"the autoscaler of the name of {target}") if same else None


def _scales(scaled: Child, scaler: Object, reports: Sequence[Request]) -> bool | None:
    """Whether an autoscaler was for this object then, by the last body that says so; None if none does."""
    before = [request for request in scaled.index.on(scaler) if request.done and request.at <= scaled.at]
    said = [r.facts for r in [*before, *reports] if r.object == scaler and r.facts.involved_name]
    if not said:
        return None
    kind = KINDS.get(said[-1].involved_kind.lower())
    target = scaled.object
    return said[-1].involved_name == target.name and kind is not None and kind.resource == target.resource
